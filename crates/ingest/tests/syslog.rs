//! The syslog listener over real sockets: what was sent is what is stored, and what waits is bounded.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test ends at its first fault and says what it saw"
)]

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ingest::syslog::{Config, Syslog, SyslogTelemetry};
use ingest::telemetry::Reason;
use ingest::{IngestError, Logs, LogsTelemetry};
use model::{
    Direction, LogAccepted, LogFlow, LogRead, LogRows, LogSelection, LogWrite, MemoryLogs, TenantId,
    WriteError,
};
use parking_lot::{Condvar, Mutex};
use serde_json::Value;
use stdx::SystemClock;
use tokio_util::sync::CancellationToken;

/// Whether the store is closed.
#[derive(Debug, Default)]
struct Gate {
    is_closed: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn close(&self) {
        *self.is_closed.lock() = true;
    }

    fn open(&self) {
        *self.is_closed.lock() = false;
        self.opened.notify_all();
    }
}

/// A store that takes nothing while its gate is closed.
#[derive(Debug)]
struct Gated {
    store: Arc<MemoryLogs>,
    gate: Arc<Gate>,
}

impl LogWrite for Gated {
    fn append(&self, rows: &LogRows, now_ns: i64) -> Result<LogAccepted, WriteError> {
        let mut is_closed = self.gate.is_closed.lock();
        self.gate
            .opened
            .wait_while(&mut is_closed, |is_closed| *is_closed);
        drop(is_closed);
        self.store.append(rows, now_ns)
    }
}

struct Rig {
    store: Arc<MemoryLogs>,
    gate: Arc<Gate>,
    telemetry: SyslogTelemetry,
    syslog: Arc<Syslog>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Clone)]
struct Line {
    labels: model::Labels,
    at_ns: i64,
    text: String,
    metadata: Vec<(String, String)>,
}

impl Line {
    fn of(&self, name: &str) -> &str {
        let found = self.metadata.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }
}

impl Rig {
    async fn start(more: &str) -> Self {
        let at = |name: &str| format!("{}/tests/tls/{name}", env!("CARGO_MANIFEST_DIR"));
        let yaml = format!(
            "{{listen_udp: '127.0.0.1:0', listen_tcp: '127.0.0.1:0', listen_tls: '127.0.0.1:0', time_zone: UTC, \
             tls: {{cert_file: '{}', key_file: '{}'{more}}}}}",
            at("cert.pem"),
            at("key.pem")
        );
        let config: Config = stdx::yaml::read(&yaml).unwrap();
        assert!(config.validate().is_empty());
        let (store, gate) = (MemoryLogs::new(), Arc::<Gate>::default());
        let gated = Gated {
            store: Arc::clone(&store),
            gate: Arc::clone(&gate),
        };
        let logs = Arc::new(Logs::new(Arc::new(gated), LogsTelemetry::default()));
        let telemetry = SyslogTelemetry::default();
        let syslog = Syslog::bind(config, logs, SystemClock::shared(), telemetry.clone())
            .await
            .unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn(Arc::clone(&syslog).run(stop.clone()));
        Self {
            store,
            gate,
            telemetry,
            syslog,
            stop,
            task,
        }
    }

    fn udp(&self) -> SocketAddr {
        self.syslog.udp_address().unwrap()
    }

    fn tcp(&self) -> SocketAddr {
        self.syslog.tcp_address().unwrap()
    }

    fn lines(&self) -> Vec<Line> {
        let selection = LogSelection {
            tenant: TenantId::DEFAULT,
            matchers: Vec::new(),
            from_ns: i64::MIN,
            to_ns: i64::MAX,
            direction: Direction::Forward,
            ..LogSelection::default()
        };
        let mut lines = Vec::new();
        let mut take = |batch: &model::LogBatch<'_>| {
            for (place, at_ns) in batch.times_ns.iter().enumerate() {
                let pairs = batch.metadata.get(place).iter();
                lines.push(Line {
                    labels: batch.stream.clone(),
                    at_ns: *at_ns,
                    text: batch.lines.get(place).to_owned(),
                    metadata: pairs
                        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
                        .collect(),
                });
            }
            LogFlow::More
        };
        self.store.read(&selection, &mut take).unwrap();
        lines
    }

    /// Waits until there are so many lines.
    async fn until(&self, count: usize) -> Vec<Line> {
        for _ in 0..1500 {
            let lines = self.lines();
            if lines.len() >= count {
                return lines;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{count} lines were expected, there are {:?}", self.lines());
    }

    fn refused(&self, reason: &'static str) -> u64 {
        self.telemetry.refused.get_or_create(&Reason { reason }).get()
    }

    async fn end(self) {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(20), self.task)
            .await
            .unwrap()
            .unwrap();
    }
}

/// What `logger` of util-linux sent is heard as it was meant.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conformance_syslog_logger() {
    let area = "syslog/logger";
    let Some(path) = testkit::conformance(area, "syslog/logger.json") else {
        return;
    };
    let text = std::fs::read_to_string(path).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    let mut passed = 0;
    for case in &cases {
        let rig = Rig::start("").await;
        for packet in case["received_base64"].as_array().unwrap() {
            let bytes = STANDARD.decode(packet.as_str().unwrap()).unwrap();
            match case["transport"].as_str().unwrap() {
                "udp" => {
                    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                    socket.send_to(&bytes, rig.udp()).unwrap();
                }
                _ => TcpStream::connect(rig.tcp()).unwrap().write_all(&bytes).unwrap(),
            }
        }
        let expect = &case["expect"];
        let messages = expect["messages"]
            .as_array()
            .cloned()
            .unwrap_or_else(|| vec![expect["message"].clone()]);
        let mut lines = rig.until(messages.len()).await;
        lines.sort_by_key(|line| line.at_ns);
        let fits = lines.len() == messages.len()
            && lines
                .iter()
                .zip(&messages)
                .all(|(line, message)| is_as_expected(line, message, expect));
        if fits {
            passed += 1;
        } else {
            println!("{}: {lines:?}", case["name"]);
        }
        rig.end().await;
    }
    println!(
        "conformance {area}: {} cases, {passed} passed, {} failed",
        cases.len(),
        cases.len() - passed
    );
    assert!(cases.len() >= 8 && passed == cases.len());
}

fn is_as_expected(line: &Line, message: &Value, expect: &Value) -> bool {
    let number = |name: &str| expect[name].as_u64().unwrap() as u8;
    let facility = ingest::syslog::message::facility_name(number("facility"));
    let severity = ingest::syslog::message::severity_name(number("severity"));
    let text = match message.as_str() {
        Some(message) => line.text == message,
        None => line.text.len() as u64 == expect["message_len"].as_u64().unwrap(),
    };
    let app = expect["tag"].as_str().or(expect["app_name"].as_str());
    let data = expect["sd"].as_object();
    let data = data.into_iter().flatten().all(|(element, params)| {
        let element = element.replace('@', "_");
        let mut params = params.as_object().unwrap().iter();
        params.all(|(name, value)| line.of(&format!("{element}_{name}")) == value.as_str().unwrap())
    });
    text && data
        && line.labels.get("facility") == Some(facility)
        && line.of("severity") == severity
        && line.labels.get("host") == Some("vm")
        && app.is_none_or(|app| line.labels.get("app") == Some(app))
        && expect["pid"].as_str().is_none_or(|pid| line.of("proc_id") == pid)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_has_its_labels_level_and_sender() {
    let rig = Rig::start("").await;
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket
        .send_to(b"<35>kernel: caf\xe9 is closed\n\0", rig.udp())
        .unwrap();
    let line = rig.until(1).await.remove(0);
    assert_eq!(
        line.labels.to_string(),
        r#"{app="kernel", facility="auth", host="127.0.0.1", job="syslog", service_name="kernel"}"#
    );
    assert_eq!(line.text, "caf\u{fffd} is closed");
    assert_eq!(
        line.metadata,
        [
            ("severity", "err"),
            ("peer", "127.0.0.1"),
            ("detected_level", "error")
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_come_over_tls() {
    use tokio::io::AsyncWriteExt as _;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let at = |name: &str| format!("{}/tests/tls/{name}", env!("CARGO_MANIFEST_DIR"));
    let pem = |name: &str| {
        use rustls::pki_types::pem::PemObject;
        rustls::pki_types::CertificateDer::from_pem_file(at(name)).unwrap()
    };
    let client = |shows: bool| {
        use rustls::pki_types::pem::PemObject;
        let mut roots = rustls::RootCertStore::empty();
        roots.add(pem("ca.pem")).unwrap();
        let builder = rustls::ClientConfig::builder().with_root_certificates(roots);
        let config = if shows {
            let key = rustls::pki_types::PrivateKeyDer::from_pem_file(at("key.pem")).unwrap();
            builder.with_client_auth_cert(vec![pem("cert.pem")], key).unwrap()
        } else {
            builder.with_no_client_auth()
        };
        tokio_rustls::TlsConnector::from(Arc::new(config))
    };
    let name = rustls::pki_types::ServerName::try_from("metrics.test").unwrap();
    let asks = format!(", client_ca_file: '{}'", at("ca.pem"));
    for (more, shows, is_heard) in [("", false, true), (&asks, true, true), (&asks, false, false)] {
        let rig = Rig::start(more).await;
        let address = rig.syslog.tls_address().unwrap();
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        if let Ok(mut stream) = client(shows).connect(name.clone(), stream).await {
            let _ = stream.write_all(b"<13>app: over tls\n<13>app: and more").await;
            let _ = stream.shutdown().await;
        }
        if is_heard {
            assert_eq!(rig.until(2).await[1].text, "and more");
        } else {
            for _ in 0..1000 {
                if rig.refused("tls") > 0 {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            assert_eq!((rig.refused("tls"), rig.lines().len()), (1, 0));
        }
        rig.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_wait_for_room_and_packets_are_dropped_and_counted() {
    let rig = Rig::start("").await;
    rig.gate.close();
    // More than may wait; the sender is held up, and nothing is lost.
    let messages = 700;
    let message = format!("<13>app: {}\n", "x".repeat(100_000));
    let address = rig.tcp();
    let sender = std::thread::spawn(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        for _ in 0..messages {
            stream.write_all(message.as_bytes()).unwrap();
        }
    });
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let packet = vec![b'y'; 60_000];
    for _ in 0..3000 {
        socket.send_to(&packet, rig.udp()).unwrap();
        if rig.refused("no_room") > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(rig.refused("no_room") > 0, "packets are dropped");
    assert!(!sender.is_finished(), "the sender waits");
    rig.gate.open();
    let of_tcp = |lines: &[Line]| lines.iter().filter(|line| line.text.starts_with('x')).count();
    for _ in 0..2000 {
        if of_tcp(&rig.lines()) == messages {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    sender.join().unwrap();
    assert_eq!(of_tcp(&rig.lines()), messages);
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_never_ends_ends_its_connection() {
    let rig = Rig::start("").await;
    let mut stream = TcpStream::connect(rig.tcp()).unwrap();
    stream.write_all(b"<13>good\n99999999 <13>bad").unwrap();
    assert_eq!(rig.until(1).await[0].text, "good");
    for _ in 0..1000 {
        if rig.refused("message_too_long") == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(rig.refused("message_too_long"), 1);
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_before_the_end_is_stored() {
    let rig = Rig::start("").await;
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for number in 0..50 {
        socket
            .send_to(format!("<13>app: {number}").as_bytes(), rig.udp())
            .unwrap();
    }
    let store = Arc::clone(&rig.store);
    rig.end().await;
    let selection = model::StreamSelection {
        tenant: TenantId::DEFAULT,
        any_of: Vec::new(),
        from_ns: i64::MIN,
        to_ns: i64::MAX,
        budget: None,
    };
    assert_eq!(store.streams(&selection).unwrap()[0].lines, 50);
}

#[tokio::test]
async fn what_cannot_be_used_is_named() {
    let logs = Arc::new(Logs::new(MemoryLogs::new(), LogsTelemetry::default()));
    let bind = async |yaml: &str| {
        let config: Config = stdx::yaml::read(yaml).unwrap();
        let bound = Syslog::bind(
            config,
            Arc::clone(&logs),
            SystemClock::shared(),
            SyslogTelemetry::default(),
        );
        bound.await.unwrap_err()
    };
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = bind(&format!("listen_udp: '{address}'")).await;
    assert!(
        matches!(
            error,
            IngestError::Listen {
                key: "syslog.listen_udp",
                ..
            }
        ),
        "{error}"
    );
    let manifest = format!("{}/Cargo.toml", env!("CARGO_MANIFEST_DIR"));
    let error = bind(&format!(
        "{{listen_tls: '127.0.0.1:0', tls: {{cert_file: '{manifest}', key_file: '{manifest}'}}}}"
    ))
    .await;
    assert!(error.to_string().contains("holds no certificate"), "{error}");
}
