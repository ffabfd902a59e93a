//! Secrets by every way in: in lines, metadata and labels. None is found afterwards in any file, any answer, any log of the process, and
//! each is counted once.
#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]
#![allow(clippy::print_stdout, reason = "what is skipped is said")]

mod support;

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{PATIENCE, Server, client};

const COUNT: usize = 50;
const JOURNAL_WRITER: &str = "/lib/systemd/systemd-journal-remote";

/// Letters and digits that are others for every number.
fn unique(number: usize, length: usize) -> String {
    let mut state = number as u64 + 1;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        char::from(b"a1B2c3D4e5F6g7H8"[(state >> 60) as usize])
    };
    (0..length).map(|_| next()).collect()
}

/// A card number that passes its checksum.
fn card(number: usize) -> String {
    let digits = format!("411111{:09}", number * 7_919 + 13);
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit - b'0') << u32::from(place % 2 == 0);
            digit / 10 + digit % 10
        })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

/// The texts, each with one secret. Put together here, so that no scanner of repositories takes them for real ones.
fn secret(number: usize) -> (String, String) {
    let own = |length| unique(number, length);
    let hex = |length| format!("{:0length$x}", number + 0xabc_def0_usize);
    let plain = |secret: String| (format!("it said {secret} then"), secret);
    match number % 18 {
        0 => plain(["AKIA", &own(16).to_uppercase().replace(['1', '8'], "Z")].concat()),
        1 => plain(["AIza", &own(35)].concat()),
        2 => plain(["ya29.", &own(40)].concat()),
        3 => plain(["ghp_", &own(36)].concat()),
        4 => plain(["glpat-", &own(20)].concat()),
        5 => plain(["xoxb-", &own(24)].concat()),
        6 => plain(["sk_live_", &own(24)].concat()),
        7 => plain(["sk-ant-api03-", &own(40)].concat()),
        8 => plain(["npm_", &own(36)].concat()),
        9 => plain(["pypi-", &own(60)].concat()),
        10 => plain(["dop_v1_", &hex(64)].concat()),
        11 => plain(["hvs.", &own(24)].concat()),
        12 => plain(["eyJ", &own(20), ".eyJ", &own(30), ".", &own(20)].concat()),
        13 => (format!("Authorization: Bearer {}", own(32)), own(32)),
        14 => (format!("dial postgres://app:{}@db:5432/shop", own(12)), own(12)),
        15 => (format!("DB_PASSWORD={} rest", own(14)), own(14)),
        16 => (format!("paid with {} today", card(number)), card(number)),
        _ => plain(format!("{}@mail.example.org", own(10))),
    }
}

fn texts() -> impl Iterator<Item = String> {
    (0..COUNT).map(|number| secret(number).0)
}

fn now_ns() -> i64 {
    stdx::SystemClock::shared().now_ms() * 1_000_000
}

/// A port that is free now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// A field of a protobuf message that has a length.
fn field(number: u8, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    let mut out = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length > 0x7f {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
    out
}

fn varint(number: u8, mut value: u64) -> Vec<u8> {
    let mut out = vec![number << 3];
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

/// Loki's push as protobuf: each text as a line, its metadata, and the label of its stream.
fn loki_protobuf() -> Vec<u8> {
    let streams = texts().map(|text| {
        let now_ns = now_ns();
        let time = [
            varint(1, now_ns as u64 / 1_000_000_000),
            varint(2, now_ns as u64 % 1_000_000_000),
        ]
        .concat();
        let pair = [field(1, "note"), field(2, &text)].concat();
        let entry = [field(1, time), field(2, &text), field(3, pair)].concat();
        let labels = format!("{{way=\"loki-protobuf\", said={text:?}}}");
        field(1, [field(1, labels), field(2, entry)].concat())
    });
    let body = streams.collect::<Vec<_>>().concat();
    snap::raw::Encoder::new().compress_vec(&body).unwrap()
}

fn loki_json() -> Value {
    let streams: Vec<Value> = texts()
        .map(|text| {
            json!({"stream": {"way": "loki-json", "said": text},
                "values": [[now_ns().to_string(), text, {"note": text}]]})
        })
        .collect();
    json!({ "streams": streams })
}

/// OTLP logs: each text as a body and as an attribute of its record.
fn otlp_protobuf(way: &str) -> Vec<u8> {
    let text_of = |text: &str| field(1, text);
    let attribute = |name: &str, text: &str| [field(1, name), field(2, text_of(text))].concat();
    let records = texts().map(|text| {
        let mut time = vec![1 << 3 | 1];
        time.extend_from_slice(&now_ns().to_le_bytes());
        let record = [time, field(5, text_of(&text)), field(6, attribute("note", &text))].concat();
        field(2, record)
    });
    let records = records.collect::<Vec<_>>().concat();
    let resource = field(1, attribute("service.name", way));
    field(1, [field(1, resource), field(2, records)].concat())
}

fn otlp_json() -> Value {
    let text_of = |text: &str| json!({ "stringValue": text });
    let records: Vec<Value> = texts()
        .map(|text| {
            json!({"timeUnixNano": now_ns().to_string(), "body": text_of(&text),
                "attributes": [{"key": "note", "value": text_of(&text)}]})
        })
        .collect();
    json!({"resourceLogs": [{
        "resource": {"attributes": [{"key": "service.name", "value": text_of("otlp-json")}]},
        "scopeLogs": [{"logRecords": records}]}]})
}

fn elastic_bulk() -> String {
    let mut body = String::new();
    for text in texts() {
        let document = json!({"message": text, "note": text, "inner": {"note": text}});
        writeln!(body, "{{\"create\":{{\"_index\":\"elastic\"}}}}\n{document}").unwrap();
    }
    body
}

async fn post(url: String, kind: &str, body: Vec<u8>) {
    let sent = client()
        .post(&url)
        .header("content-type", kind)
        .body(body)
        .send()
        .await
        .unwrap();
    let (status, text) = (sent.status(), sent.text().await.unwrap());
    assert!(status.is_success(), "{url}: {status} {text}");
    assert_no_secret(&url, &text);
}

/// A call of gRPC, whose message is in one frame.
async fn call(port: u16, body: &[u8]) {
    let mut frame = vec![0];
    frame.extend_from_slice(&(body.len() as u32).to_be_bytes());
    frame.extend_from_slice(body);
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .tls_certs_only([])
        .no_proxy()
        .build()
        .unwrap();
    let sent = client
        .post(format!(
            "http://127.0.0.1:{port}/opentelemetry.proto.collector.logs.v1.LogsService/Export"
        ))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(frame)
        .send()
        .await
        .unwrap();
    assert_eq!(sent.status().as_u16(), 200);
}

fn syslog_messages() -> impl Iterator<Item = String> {
    texts().map(|text| format!("<14>1 - host app - - [x@1 note=\"{text}\"] {text}"))
}

fn send_syslog(udp: u16, tcp: u16) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", tcp)).unwrap();
    for message in syslog_messages() {
        socket.send_to(message.as_bytes(), ("127.0.0.1", udp)).unwrap();
        writeln!(stream, "{message}").unwrap();
    }
}

/// Files as they are, of Docker and of Kubernetes, all there before the server starts.
fn write_files(folder: &Path) {
    let mut plain = String::new();
    let mut docker = String::new();
    let mut cri = String::new();
    for text in texts() {
        writeln!(plain, "{text}").unwrap();
        let time = jiff::Timestamp::from_nanosecond(i128::from(now_ns())).unwrap();
        let line = json!({"log": format!("{text}\n"), "stream": "stdout", "time": time.to_string(), "attrs": {"note": text}});
        writeln!(docker, "{line}").unwrap();
        writeln!(cri, "{time} stderr F {text}").unwrap();
    }
    std::fs::write(folder.join("plain.log"), plain).unwrap();
    let container = folder.join("docker/0123456789ab");
    std::fs::create_dir_all(&container).unwrap();
    std::fs::write(container.join("0123456789ab-json.log"), docker).unwrap();
    // The first text is in a label of the container, which every one of its lines has as metadata.
    let about = json!({"ID": "0123456789ab", "Name": "/web", "Config": {"Image": "i", "Labels": {"note": secret(0).0}}});
    std::fs::write(container.join("config.v2.json"), about.to_string()).unwrap();
    let pod = folder.join("pods/shop_web_0a1b/nginx");
    std::fs::create_dir_all(&pod).unwrap();
    std::fs::write(pod.join("0.log"), cri).unwrap();
}

/// Writes a journal; `false` where there is no program that can.
fn write_journal(folder: &Path) -> bool {
    let has = |program: &str| {
        Command::new(program)
            .arg("--version")
            .output()
            .is_ok_and(|done| done.status.success())
    };
    if !has("journalctl") || !has(JOURNAL_WRITER) {
        println!("the journal is skipped: needs journalctl and {JOURNAL_WRITER}");
        return false;
    }
    std::fs::create_dir_all(folder).unwrap();
    let mut child = Command::new(JOURNAL_WRITER)
        .arg(format!("--output={}", folder.join("a.journal").display()))
        .arg("-")
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut text = String::new();
    for (number, said) in texts().enumerate() {
        let at_us = now_ns() / 1000 + number as i64;
        let id = "0123456789abcdef0123456789abcdef";
        write!(
            text,
            "__REALTIME_TIMESTAMP={at_us}\n__MONOTONIC_TIMESTAMP={number}\n_BOOT_ID={id}\n_MACHINE_ID={id}\n\
             _SYSTEMD_UNIT=journald-way.service\nMESSAGE={said}\nNOTE={said}\n\n"
        )
        .unwrap();
    }
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    true
}

fn assert_no_secret(place: &str, text: &str) {
    for number in 0..COUNT {
        let (_, secret) = secret(number);
        assert!(!text.contains(&secret), "{place} holds {secret}");
    }
}

fn assert_no_secret_below(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_no_secret_below(&path);
        } else {
            let text = std::fs::read(&path).unwrap();
            assert_no_secret(&path.display().to_string(), &String::from_utf8_lossy(&text));
        }
    }
}

/// A counter of the process, all its series together.
async fn counted(server: &Server, name: &str) -> u64 {
    let page = client()
        .get(format!("{}/metrics", server.url))
        .send()
        .await
        .unwrap();
    let page = page.text().await.unwrap();
    assert_no_secret("/metrics", &page);
    let own = page.lines().filter(|line| line.starts_with(name));
    own.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum::<f64>() as u64
}

async fn answer(server: &Server, path: &str) -> String {
    let answer = client()
        .get(format!("{}{path}", server.url))
        .send()
        .await
        .unwrap();
    answer.text().await.unwrap()
}

fn config(folder: &Path, ports: [u16; 3], has_journal: bool) -> String {
    let [grpc, udp, tcp] = ports;
    let journal = if has_journal {
        format!(
            "journald: {{enabled: true, directory: '{}'}}",
            folder.join("journal").display()
        )
    } else {
        String::new()
    };
    format!(
        "
server: {{grpc_listen: '127.0.0.1:{grpc}', otlp_http_listen: 'off'}}
collect: {{host: false, self: false}}
redaction: {{detectors: [secrets, personal]}}
syslog: {{listen_udp: '127.0.0.1:{udp}', listen_tcp: '127.0.0.1:{tcp}'}}
log_files: [{{include: [plain.log], labels: {{way: files}}}}]
docker_logs: {{enabled: true, folder: '{folder}/docker', container_labels: [note], labels: {{way: docker}}}}
kubernetes_logs: {{enabled: true, include: ['{folder}/pods/*/*/*.log'], labels: {{way: kubernetes}}}}
{journal}
",
        folder = folder.display()
    )
}

/// Sends everything that is sent; files are there already.
async fn send_all(server: &Server, [grpc, udp, tcp]: [u16; 3]) {
    let url = |path: &str| format!("{}{path}", server.url);
    let json_kind = "application/json";
    let (loki, logs) = (url("/loki/api/v1/push"), url("/v1/logs"));
    post(loki.clone(), json_kind, loki_json().to_string().into_bytes()).await;
    post(loki, "application/x-protobuf", loki_protobuf()).await;
    post(
        logs.clone(),
        "application/x-protobuf",
        otlp_protobuf("otlp-protobuf"),
    )
    .await;
    post(logs, json_kind, otlp_json().to_string().into_bytes()).await;
    call(grpc, &otlp_protobuf("otlp-grpc")).await;
    let bulk = elastic_bulk().into_bytes();
    post(url("/elasticsearch/_bulk"), "application/x-ndjson", bulk).await;
    let lines = texts().collect::<Vec<_>>().join("\n");
    let said: String = url::form_urlencoded::byte_serialize(secret(3).0.as_bytes()).collect();
    let lines_url = url(&format!("/api/logs/lines?way=lines&said={said}"));
    post(lines_url, "text/plain", lines.into_bytes()).await;
    send_syslog(udp, tcp);
}

/// Ways, and how many texts with a secret each line has that comes by it: the line itself, metadata, a label.
const WAYS: [(&str, usize); 12] = [
    ("loki-json", 3),
    ("loki-protobuf", 3),
    ("otlp-protobuf", 2),
    ("otlp-json", 2),
    ("otlp-grpc", 2),
    ("elastic", 3),
    ("lines", 2),
    ("syslog-udp", 2),
    ("syslog-tcp", 2),
    ("files", 1),
    ("docker", 3),
    ("kubernetes", 1),
];

async fn wait_for_lines(server: &Server, lines: usize) {
    let start = Instant::now();
    loop {
        let stored = counted(server, "watchkeeper_logs_lines_stored_total").await;
        if stored >= lines as u64 {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{stored} of {lines} lines are stored");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Asks for everything in every way.
async fn check_answers(server: &Server, lines: usize) {
    let all = "query=%7Bservice_name%3D~%22.%2B%22%7D";
    let found = answer(server, &format!("/loki/api/v1/query_range?{all}&limit=5000")).await;
    let streams: Value = serde_json::from_str(&found).unwrap();
    let streams = streams["data"]["result"].as_array().unwrap().clone();
    let counts = streams
        .iter()
        .map(|stream| stream["values"].as_array().unwrap().len());
    assert_eq!(counts.sum::<usize>(), lines);
    assert_no_secret("the lines", &found);
    for path in [
        "/loki/api/v1/labels".to_owned(),
        "/loki/api/v1/label/said/values".to_owned(),
        "/loki/api/v1/label/note/values".to_owned(),
        "/loki/api/v1/series".to_owned(),
        format!("/loki/api/v1/patterns?{all}"),
        format!("/loki/api/v1/detected_fields?{all}"),
        format!("/loki/api/v1/detected_labels?{all}"),
        format!("/loki/api/v1/index/volume?{all}"),
        "/api/v1/status/config".to_owned(),
    ] {
        assert_no_secret(&path, &answer(server, &path).await);
    }
}

#[tokio::test]
async fn no_secret_is_stored_shown_or_said_whichever_way_it_comes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_files(path);
    let has_journal = write_journal(&path.join("journal"));
    let ports = [free_port(), free_port(), free_port()];
    std::fs::write(path.join("watchkeeper.yaml"), config(path, ports, has_journal)).unwrap();
    let log = path.join("said");
    let server = Server::start_saying(path, &log);
    send_all(&server, ports).await;

    let journal = has_journal.then_some(("journald", 2));
    let ways: Vec<(&str, usize)> = WAYS.into_iter().chain(journal).collect();
    wait_for_lines(&server, ways.len() * COUNT).await;
    let expected: usize = ways.iter().map(|(_, times)| times * COUNT).sum();
    let redacted = counted(&server, "watchkeeper_pipeline_redacted_total").await;
    assert_eq!(redacted, expected as u64);
    check_answers(&server, ways.len() * COUNT).await;

    let data = path.join("data");
    assert_eq!(server.post("/-/flush").await.0, 200);
    assert_no_secret_below(&data);
    assert!(server.stop());
    assert_no_secret_below(&data);
    assert_no_secret("what it said", &std::fs::read_to_string(&log).unwrap());
}
