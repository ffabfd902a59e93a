//! Prometheus' remote read, as another Prometheus or Thanos asks for it.

use ingest::import::prometheus::chunk::{Decoded, decode};
use ingest::push::protobuf::Fields;

use crate::support::{NOW_MS, Server};

/// A field of a message: its number, and a number or bytes.
enum Field<'a> {
    Number(u32, u64),
    Bytes(u32, &'a [u8]),
}

fn message(fields: &[Field<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let varint = |bytes: &mut Vec<u8>, mut number: u64| {
        while number >= 0x80 {
            bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
    };
    for field in fields {
        match field {
            Field::Number(field, number) => {
                varint(&mut bytes, u64::from(field << 3));
                varint(&mut bytes, *number);
            }
            Field::Bytes(field, data) => {
                varint(&mut bytes, u64::from(field << 3 | 2));
                varint(&mut bytes, data.len() as u64);
                bytes.extend_from_slice(data);
            }
        }
    }
    bytes
}

/// A request for `up` with these values of a label, in one of the forms.
fn request(label: &str, value: &str, forms: &[u8]) -> Vec<u8> {
    let of = |name: &str, value: &str| {
        message(&[
            Field::Bytes(2, name.as_bytes()),
            Field::Bytes(3, value.as_bytes()),
        ])
    };
    let (name, other) = (of("__name__", "up"), of(label, value));
    let query = message(&[
        Field::Number(1, (NOW_MS - 60_000) as u64),
        Field::Number(2, NOW_MS as u64),
        Field::Bytes(3, &name),
        Field::Bytes(3, &other),
    ]);
    let bytes = message(&[Field::Bytes(1, &query), Field::Bytes(2, forms)]);
    snap::raw::Encoder::new().compress_vec(&bytes).unwrap()
}

fn fill(server: &Server) {
    let samples: Vec<(i64, f64)> = (0..200)
        .map(|i| (NOW_MS - 120_000 + i * 1_000, i as f64 / 3.0))
        .collect();
    server.store.add(&[("__name__", "up"), ("job", "a")], &samples);
    server.store.add(&[("__name__", "up"), ("job", "b")], &samples);
}

async fn ask(server: &Server, body: Vec<u8>) -> reqwest::Response {
    server
        .post("/api/v1/read")
        .header("Content-Type", "application/x-protobuf")
        .header("Content-Encoding", "snappy")
        .header("Accept-Encoding", "snappy")
        .header("X-Prometheus-Remote-Read-Version", "0.1.0")
        .body(body)
        .send()
        .await
        .unwrap()
}

/// All messages in a field.
fn nested(message: &[u8], wanted: u32) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field().unwrap() {
        if number == wanted {
            found.push(value.bytes().unwrap());
        }
    }
    found
}

fn labels(series: &[u8]) -> String {
    let pair = |label: &[u8]| {
        let text = |number| String::from_utf8(nested(label, number)[0].to_vec()).unwrap();
        format!("{}={}", text(1), text(2))
    };
    nested(series, 1)
        .into_iter()
        .map(pair)
        .collect::<Vec<_>>()
        .join(",")
}

#[tokio::test]
async fn samples_come_in_one_packed_message() {
    let server = Server::start().await;
    fill(&server);
    let response = ask(&server, request("job", "a", &[])).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/x-protobuf");
    assert_eq!(response.headers()["content-encoding"], "snappy");
    let body = snap::raw::Decoder::new()
        .decompress_vec(&response.bytes().await.unwrap())
        .unwrap();
    let results = nested(&body, 1);
    let series = nested(results[0], 1);
    // External labels are added, as to everything that leaves.
    assert_eq!(
        series.iter().map(|series| labels(series)).collect::<Vec<_>>(),
        ["__name__=up,job=a,site=here"]
    );
    assert_eq!(nested(series[0], 2).len(), 61);
    server.end().await;
}

#[tokio::test]
async fn chunks_are_streamed_in_frames() {
    let server = Server::start().await;
    fill(&server);
    // An external label with its own value is met by every series.
    let response = ask(&server, request("site", "here", &[1, 0])).await;
    assert_eq!(
        response.headers()["content-type"],
        "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"
    );
    let body = response.bytes().await.unwrap();
    // A frame for each series, as Prometheus' reader takes no second one from it: a length of two bytes, a checksum of four.
    let length = |frame: &[u8]| 6 + (usize::from(frame[0] & 0x7f) | usize::from(frame[1]) << 7);
    let (first, second) = body.split_at(length(&body));
    assert_eq!(second.len(), length(second));
    let one = nested(&first[6..], 1);
    assert_eq!(
        one.iter().map(|series| labels(series)).collect::<Vec<_>>(),
        ["__name__=up,job=a,site=here"]
    );
    let other = nested(&second[6..], 1);
    assert_eq!(
        other.iter().map(|series| labels(series)).collect::<Vec<_>>(),
        ["__name__=up,job=b,site=here"]
    );
    let mut decoded = Decoded::default();
    for chunk in nested(other[0], 2) {
        decode(1, nested(chunk, 4)[0], &mut decoded).unwrap();
    }
    assert_eq!(decoded.floats.at_ms.len(), 61);
    assert_eq!(decoded.floats.at_ms.last(), Some(&NOW_MS));
    assert_eq!(decoded.floats.values.last(), Some(&40.0));
    server.end().await;
}

#[tokio::test]
async fn what_is_no_request_is_refused() {
    let server = Server::start().await;
    assert_eq!(ask(&server, b"no snappy".to_vec()).await.status(), 400);
    assert_eq!(ask(&server, request("job", "a", &[9])).await.status(), 400);
    let nothing = ask(&server, request("job", "none", &[0])).await;
    assert_eq!(nothing.status(), 200);
    server.end().await;
}
