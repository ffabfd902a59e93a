//! Real senders of syslog, where they are installed: `logger` of util-linux and `rsyslogd`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test ends at its first fault and says what it saw"
)]

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use ingest::syslog::{Config, Syslog, SyslogTelemetry};
use ingest::{Logs, LogsTelemetry};
use model::{Direction, LogFlow, LogRead, LogSelection, MemoryLogs, TenantId};
use stdx::SystemClock;
use tokio_util::sync::CancellationToken;

async fn listen() -> (Arc<MemoryLogs>, Arc<Syslog>, CancellationToken) {
    let config: Config = stdx::yaml::read("{listen_udp: '127.0.0.1:0', listen_tcp: '127.0.0.1:0'}").unwrap();
    let store = MemoryLogs::new();
    let logs = Arc::new(Logs::new(
        Arc::<MemoryLogs>::clone(&store),
        LogsTelemetry::default(),
    ));
    let syslog = Syslog::bind(config, logs, SystemClock::shared(), SyslogTelemetry::default())
        .await
        .unwrap();
    let stop = CancellationToken::new();
    tokio::spawn(Arc::clone(&syslog).run(stop.clone()));
    (store, syslog, stop)
}

/// Every line as `app[process] severity: text`.
fn lines(store: &MemoryLogs) -> Vec<String> {
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
        for place in 0..batch.times_ns.len() {
            let of = |name: &str| {
                let pairs = batch.metadata.get(place);
                pairs
                    .iter()
                    .find(|(known, _)| *known == name)
                    .map_or("", |(_, value)| *value)
            };
            lines.push(format!(
                "{}[{}] {}: {}",
                batch.stream.get("app").unwrap_or_default(),
                of("proc_id"),
                of("severity"),
                batch.lines.get(place)
            ));
        }
        LogFlow::More
    };
    store.read(&selection, &mut take).unwrap();
    lines.sort();
    lines
}

async fn until(store: &MemoryLogs, expected: &[&str]) {
    for _ in 0..1500 {
        if lines(store) == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(lines(store), expected);
}

/// A program that ends with its test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn is_installed(program: &str) -> bool {
    let asked = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    // rsyslogd says its version with -v and takes the long form for a fault: it is there all the same.
    asked.is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logger_is_heard_in_all_its_forms() {
    if !is_installed("logger") {
        println!("skipped: logger is not installed");
        return;
    }
    let (store, syslog, stop) = listen().await;
    let udp = syslog.udp_address().unwrap().port().to_string();
    let tcp = syslog.tcp_address().unwrap().port().to_string();
    let send = |more: &[&str]| {
        let ran = Command::new("logger")
            .args(["-n", "127.0.0.1", "-t", "test"])
            .args(more)
            .status()
            .unwrap();
        assert!(ran.success(), "{more:?}");
    };
    send(&[
        "-d",
        "-P",
        &udp,
        "--rfc3164",
        "-p",
        "auth.warning",
        "--id=7",
        "old by udp",
    ]);
    send(&["-d", "-P", &udp, "--rfc5424", "-p", "user.err", "new by udp"]);
    send(&["-T", "-P", &tcp, "--rfc5424", "-p", "user.info", "new by tcp"]);
    send(&[
        "-T",
        "-P",
        &tcp,
        "--octet-count",
        "--rfc3164",
        "-p",
        "user.debug",
        "counted, as of old",
    ]);
    until(
        &store,
        &[
            "test[7] warning: old by udp",
            "test[] debug: counted, as of old",
            "test[] err: new by udp",
            "test[] info: new by tcp",
        ],
    )
    .await;
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rsyslogd_forwards_in_all_its_forms() {
    if !is_installed("rsyslogd") {
        println!("skipped: rsyslogd is not installed");
        return;
    }
    let (store, syslog, stop) = listen().await;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let udp = syslog.udp_address().unwrap().port();
    let tcp = syslog.tcp_address().unwrap().port();
    std::fs::write(at("in.log"), "from a file\n").unwrap();
    let config = format!(
        "global(workDirectory=\"{}\")\nmodule(load=\"imfile\")\n\
         input(type=\"imfile\" File=\"{}\" Tag=\"file:\" Severity=\"error\" Facility=\"local1\")\n\
         template(name=\"old\" type=\"string\" string=\"<%PRI%>%TIMESTAMP% %HOSTNAME% a%syslogtag%%msg:::sp-if-no-1st-sp%%msg%\")\n\
         template(name=\"new\" type=\"string\" string=\"<%PRI%>1 %TIMESTAMP:::date-rfc3339% %HOSTNAME% b 9 - - %msg%\")\n\
         action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{udp}\" protocol=\"udp\" template=\"old\")\n\
         action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{tcp}\" protocol=\"tcp\" template=\"RSYSLOG_ForwardFormat\")\n\
         action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{tcp}\" protocol=\"tcp\" tcp_framing=\"octet-counted\" template=\"new\")\n",
        folder.path().display(),
        at("in.log")
    );
    std::fs::write(at("rsyslog.conf"), config).unwrap();
    let daemon = Command::new("rsyslogd")
        .args(["-n", "-f", &at("rsyslog.conf"), "-i", &at("pid")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let daemon = Daemon(daemon.unwrap());
    until(
        &store,
        &[
            "afile[] err: from a file",
            "b[9] err: from a file",
            "file[] err: from a file",
        ],
    )
    .await;
    drop(daemon);
    stop.cancel();
}
