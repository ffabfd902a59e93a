//! The listener over real sockets.
#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use ingest::statsd::{Config, Statsd, StatsdTelemetry};
use ingest::telemetry::Reason;
use ingest::{IngestError, Push, PushTelemetry};
use stdx::SystemClock;
use testkit::MemorySeries;
use tokio_util::sync::CancellationToken;

struct Rig {
    store: Arc<MemorySeries>,
    telemetry: StatsdTelemetry,
    udp: SocketAddr,
    tcp: SocketAddr,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

fn config() -> Config {
    let yaml =
        "{listen_udp: '127.0.0.1:0', listen_tcp: '127.0.0.1:0', flush_interval: 100ms, labels: {job: test}}";
    serde_saphyr::from_str(yaml).unwrap()
}

impl Rig {
    async fn start() -> Self {
        let store = MemorySeries::new();
        let push = Arc::new(Push::new(
            Arc::<MemorySeries>::clone(&store),
            PushTelemetry::default(),
        ));
        let telemetry = StatsdTelemetry::default();
        let statsd = Statsd::bind(config(), push, SystemClock::shared(), telemetry.clone())
            .await
            .unwrap();
        let (udp, tcp) = (statsd.udp_address().unwrap(), statsd.tcp_address().unwrap());
        let stop = CancellationToken::new();
        let task = tokio::spawn(statsd.run(stop.clone()));
        Self {
            store,
            telemetry,
            udp,
            tcp,
            stop,
            task,
        }
    }

    fn last(&self, row: &str) -> Option<f64> {
        let rows = self.store.dump();
        let found = rows.into_iter().find(|(labels, _)| labels.to_string() == row);
        Some(found?.1.last()?.1)
    }

    async fn until(&self, row: &str, expected: f64) {
        for _ in 0..400 {
            if self.last(row) == Some(expected) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{row} is not {expected}: {:#?}", self.store.dump());
    }

    fn refused(&self, reason: &'static str) -> u64 {
        self.telemetry.refused.get_or_create(&Reason { reason }).get()
    }

    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

#[tokio::test]
async fn packets_and_connections_are_added_up() {
    let rig = Rig::start().await;
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..500 {
        let packet = b"hits:1|c|#path:/a\nhits:1|c|#path:/a\ntemp:20|g";
        client.send_to(packet, rig.udp).unwrap();
        tokio::task::yield_now().await;
    }
    client.send_to(b"not statsd\nusers:\xff|s", rig.udp).unwrap();
    let hits = r#"hits{job="test", path="/a"}"#;
    rig.until(hits, 1000.0).await;
    rig.until(r#"temp{job="test"}"#, 20.0).await;

    let mut connection = TcpStream::connect(rig.tcp).unwrap();
    connection.write_all(b"hits:5|c|#path:/a\nhi").unwrap();
    rig.until(hits, 1005.0).await;
    connection.write_all(b"ts:5|c|#path:/a").unwrap();
    drop(connection);
    rig.until(hits, 1010.0).await;
    assert_eq!((rig.telemetry.packets.get(), rig.refused("malformed")), (501, 1));
    assert_eq!(rig.telemetry.packets_dropped.get(), 0);
    rig.end().await;
}

#[tokio::test]
async fn a_connection_without_line_ends_is_closed() {
    let rig = Rig::start().await;
    let mut connection = TcpStream::connect(rig.tcp).unwrap();
    connection.set_nonblocking(true).unwrap();
    let mut sent = 0;
    for _ in 0..2_000 {
        match connection.write(&[b'x'; 8192]) {
            Ok(bytes) => sent += bytes,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!((65_536..16 << 20).contains(&sent), "{sent} bytes were taken");
    assert_eq!(rig.refused("line_too_long"), 1);
    rig.end().await;
}

#[tokio::test]
async fn what_was_heard_last_is_stored_at_the_end() {
    let rig = Rig::start().await;
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.send_to(b"last:7|c", rig.udp).unwrap();
    let store = Arc::clone(&rig.store);
    rig.end().await;
    let rows = store.dump();
    let found = rows
        .iter()
        .find(|(labels, _)| labels.to_string() == r#"last{job="test"}"#);
    assert_eq!(found.unwrap().1.last().unwrap().1, 7.0);
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let config = Config {
        listen_udp: Some(taken.local_addr().unwrap()),
        ..config()
    };
    let push = Arc::new(Push::new(MemorySeries::new(), PushTelemetry::default()));
    let error = Statsd::bind(config, push, SystemClock::shared(), StatsdTelemetry::default())
        .await
        .unwrap_err();
    let named = matches!(
        &error,
        IngestError::Listen {
            key: "statsd.listen_udp",
            ..
        }
    );
    assert!(named, "{error}");
}
