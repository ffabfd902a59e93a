//! Logs of containers and the journal, followed by the real binary: labels, times and metadata as their makers tell them, every entry
//! once over `kill -9`.
#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]
#![allow(clippy::print_stdout, reason = "what is skipped is said")]

mod support;

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;
use support::Server;
use support::log_lines::{assert_told, until};

const JOURNAL_WRITER: &str = "/lib/systemd/systemd-journal-remote";

const SERVER: &str = "
server: {grpc_listen: 'off', otlp_http_listen: 'off'}
collect: {host: false, self: false}
";

fn now_ns() -> i64 {
    stdx::SystemClock::shared().now_ms() * 1_000_000
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// A time that engines write, and the same in nanoseconds.
fn time(offset_ns: i64) -> (String, i64) {
    let at_ns = now_ns() - 60_000_000_000 + offset_ns;
    let text = jiff::Timestamp::from_nanosecond(i128::from(at_ns)).unwrap();
    (text.to_string(), at_ns)
}

/// What every line of the container of Docker is given.
const OF_DOCKER: [(&str, &str); 10] = [
    ("container", "web"),
    ("stream", "stderr"),
    ("compose_project", "shop"),
    ("compose_service", "front"),
    ("service_name", "web"),
    ("container_id", "0123456789abcdef"),
    ("image", "nginx:1"),
    ("team", "blue"),
    ("tag", "x"),
    ("detected_level", "error"),
];

/// What every line of the container of a pod is given.
const OF_POD: [(&str, &str); 6] = [
    ("container", "nginx"),
    ("stream", "stdout"),
    ("job", "shop/nginx"),
    ("service_name", "nginx"),
    ("pod_uid", "0a1b-2c"),
    ("restart", "2"),
];

#[tokio::test]
async fn containers_of_docker_tell_whose_their_lines_are_and_their_pieces_are_joined() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display();
    let config = format!(
        "{SERVER}\ndocker_logs: {{enabled: true, folder: '{place}/docker', container_labels: [team]}}\n"
    );
    let server = Server::start(folder.path(), &config);
    // The folders come when the containers do.
    let container = folder.path().join("docker/0123456789abcdef");
    std::fs::create_dir_all(&container).unwrap();
    let about = json!({"ID": "0123456789abcdef", "Name": "/web", "Config": {"Image": "nginx:1", "Labels":
        {"com.docker.compose.project": "shop", "com.docker.compose.service": "front", "team": "blue"}}});
    std::fs::write(container.join("config.v2.json"), about.to_string()).unwrap();
    let log = container.join("0123456789abcdef-json.log");
    let (first, at_ns) = time(123);
    let piece = |text: &str| json!({"log": text, "stream": "stderr", "time": first, "attrs": {"tag": "x"}});
    append(&log, &format!("{}\n", piece("level=error begun ")));
    let lines = format!("{}\n{}\n", piece("and ended\n"), piece("level=info other\n"));
    append(&log, &lines);
    let lines = until(&server, r#"{job="docker"}"#, 2).await;
    assert_eq!(
        (lines[0].0, lines[0].1.as_str()),
        (at_ns, "level=error begun and ended")
    );
    assert_told(&lines[0].2, &OF_DOCKER);
    assert!(server.stop());
}

#[tokio::test]
async fn containers_of_pods_tell_whose_their_lines_are_over_rotation() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display();
    let config =
        format!("{SERVER}\nkubernetes_logs: {{enabled: true, include: ['{place}/pods/*/*/*.log']}}\n");
    let server = Server::start(folder.path(), &config);
    let pod = folder.path().join("pods/shop_web-5d9_0a1b-2c/nginx");
    std::fs::create_dir_all(&pod).unwrap();
    let log = pod.join("2.log");
    let ((first, at_ns), (second, _)) = (time(0), time(1_000_000));
    append(
        &log,
        &format!("{first} stdout P begun \n{second} stderr F between\n"),
    );
    append(&log, &format!("{second} stdout F and ended\n"));
    let query = r#"{namespace="shop", pod="web-5d9"}"#;
    until(&server, query, 2).await;
    // The kubelet turns a log over by renaming it.
    append(&log, &format!("{second} stdout F before\n"));
    std::fs::rename(&log, pod.join("2.log.20240501-100000")).unwrap();
    append(&log, &format!("{second} stdout F after\n"));
    let lines = until(&server, query, 4).await;
    let texts: Vec<&str> = lines.iter().map(|line| line.1.as_str()).collect();
    assert_eq!(texts, ["begun and ended", "after", "before", "between"]);
    assert_eq!(lines[0].0, at_ns);
    assert_told(&lines[0].2, &OF_POD);
    assert!(server.stop());
}

/// Adds entries with these numbers to a journal; `false` where there is no program that can.
fn write_journal(folder: &Path, numbers: std::ops::Range<i64>) -> bool {
    let has = |program: &str| {
        let version = Command::new(program).arg("--version").output();
        version.is_ok_and(|done| done.status.success())
    };
    if !has("journalctl") || !has(JOURNAL_WRITER) {
        println!(
            "skipped: needs journalctl and {JOURNAL_WRITER}; install systemd and systemd-journal-remote"
        );
        return false;
    }
    let mut child = Command::new(JOURNAL_WRITER)
        .arg(format!(
            "--output={}",
            folder.join(format!("{}.journal", numbers.start)).display()
        ))
        .arg("-")
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut text = String::new();
    for number in numbers {
        let at_us = now_ns() / 1000 + number;
        let id = "0123456789abcdef0123456789abcdef";
        write!(
            text,
            "__REALTIME_TIMESTAMP={at_us}\n__MONOTONIC_TIMESTAMP={number}\n_BOOT_ID={id}\n_MACHINE_ID={id}\n_HOSTNAME=db1\n\
             _SYSTEMD_UNIT=shop.service\nPRIORITY=4\n_PID=17\nMESSAGE=order {number}\n\n"
        )
        .unwrap();
    }
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    true
}

#[tokio::test]
async fn every_entry_of_the_journal_is_stored_once_over_kills() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    std::fs::create_dir(&journal).unwrap();
    if !write_journal(&journal, 0..100) {
        return;
    }
    let config = format!(
        "{SERVER}\njournald: {{enabled: true, directory: '{}'}}\n",
        journal.display()
    );
    std::fs::write(folder.path().join("watchkeeper.yaml"), config).unwrap();
    for round in 1..6 {
        let server = Server::start_again(folder.path());
        write_journal(&journal, round * 100..round * 100 + 100);
        // Another moment each time: before, while and after it is read.
        tokio::time::sleep(Duration::from_millis(60 * round as u64)).await;
        server.kill();
    }
    let server = Server::start_again(folder.path());
    let lines = until(&server, r#"{job="systemd-journal"}"#, 600).await;
    let mut texts: Vec<&str> = lines.iter().map(|line| line.1.as_str()).collect();
    texts.sort_unstable();
    let mut expected: Vec<String> = (0..600).map(|number| format!("order {number}")).collect();
    expected.sort_unstable();
    assert_eq!(texts, expected);
    assert_told(
        &lines[0].2,
        &[
            ("host", "db1"),
            ("unit", "shop.service"),
            ("service_name", "shop"),
            ("_PID", "17"),
            ("level", "warning"),
            ("detected_level", "warn"),
        ],
    );
    assert!(server.stop());
}
