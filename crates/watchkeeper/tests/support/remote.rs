//! Requests of remote write, written by hand, and how they are answered.

use serde_json::Value;

use super::{Server, client};

pub(crate) const V1: &str = "application/x-protobuf";
pub(crate) const V2: &str = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

/// Just enough protobuf to write requests with, independent of the code that reads them.
#[derive(Default, Clone)]
pub(crate) struct Message(pub(crate) Vec<u8>);

impl Message {
    pub(crate) fn raw_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    pub(crate) fn varint(mut self, field: u64, value: u64) -> Self {
        self.raw_varint(field << 3);
        self.raw_varint(value);
        self
    }

    pub(crate) fn double(mut self, field: u64, value: f64) -> Self {
        self.raw_varint(field << 3 | 1);
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn bytes(mut self, field: u64, value: impl AsRef<[u8]>) -> Self {
        self.raw_varint(field << 3 | 2);
        self.raw_varint(value.as_ref().len() as u64);
        self.0.extend(value.as_ref());
        self
    }

    pub(crate) fn message(self, field: u64, value: Self) -> Self {
        self.bytes(field, value.0)
    }

    pub(crate) fn packed(self, field: u64, values: &[u64]) -> Self {
        let mut packed = Self::default();
        for &value in values {
            packed.raw_varint(value);
        }
        self.message(field, packed)
    }
}

pub(crate) fn now_ms() -> i64 {
    stdx::SystemClock::shared().now_ms()
}

pub(crate) fn sample(value: f64, at_ms: i64) -> Message {
    Message::default().double(1, value).varint(2, at_ms as u64)
}

pub(crate) fn v1_series(labels: &[(&str, &str)], samples: &[(f64, i64)]) -> Message {
    let mut series = Message::default();
    for (name, value) in labels {
        series = series.message(1, Message::default().bytes(1, name).bytes(2, value));
    }
    for &(value, at_ms) in samples {
        series = series.message(2, sample(value, at_ms));
    }
    series
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) written: [Option<u64>; 3],
}

pub(crate) async fn send(server: &Server, body: Message, packing: &str, content_type: &str) -> Answer {
    let packed = match packing {
        "snappy" => snap::raw::Encoder::new().compress_vec(&body.0).unwrap(),
        "zstd" => zstd::stream::encode_all(&*body.0, 1).unwrap(),
        _ => body.0,
    };
    let answer = client()
        .post(format!("{}/api/v1/write", server.url))
        .header("content-encoding", packing)
        .header("content-type", content_type)
        .body(packed)
        .send()
        .await
        .unwrap();
    let written = ["samples", "histograms", "exemplars"].map(|what| {
        let header = answer
            .headers()
            .get(format!("x-prometheus-remote-write-{what}-written"))?;
        header.to_str().ok()?.parse().ok()
    });
    Answer {
        status: answer.status().as_u16(),
        written,
        body: answer.text().await.unwrap(),
    }
}

pub(crate) async fn ask(server: &Server, path: &str) -> Value {
    let answer = client()
        .get(format!("{}{path}", server.url))
        .send()
        .await
        .unwrap();
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

pub(crate) async fn samples_of(server: &Server, selector: &str) -> Value {
    let path = format!("/api/v1/query?query={selector}[1h]");
    ask(server, &path).await["data"]["result"].clone()
}

/// The process' own metrics, as text.
pub(crate) async fn metrics(server: &Server) -> String {
    let answer = client()
        .get(format!("{}/metrics", server.url))
        .send()
        .await
        .unwrap();
    answer.text().await.unwrap()
}
