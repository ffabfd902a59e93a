//! Moving in and out with the real binary: what goes out of one store and into another is equal, through a running server and
//! through the folder of a stopped one; Prometheus' own tools write and read the same.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test ends at its first fault"
)]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use stdx::{Clock, SystemClock};
use support::{Server, run};

const DAY: i64 = 86_400;

/// Lines of a text without those that describe, sorted.
type Lines = Vec<String>;

fn now_s() -> i64 {
    SystemClock::new().now_ms() / 1000
}

/// Six days of a few series, as OpenMetrics.
fn text() -> String {
    let start_s = now_s() / DAY * DAY - 6 * DAY;
    let mut text = "# TYPE power_watts gauge\n# HELP power_watts What the meter says.\n".to_owned();
    for step in 0..500 {
        let at = format!("{}.{:03}", start_s + step * 1000, step * 37 % 1000);
        writeln!(
            text,
            "power_watts{{room=\"a \\\"b\\\" ü\"}} {} {at}",
            step as f64 * 0.1
        )
        .unwrap();
        writeln!(
            text,
            "power_watts{{room=\"c\"}} {} {at}",
            if step % 9 == 0 { "+Inf" } else { "1e-9" }
        )
        .unwrap();
    }
    text.push_str("# TYPE requests counter\n");
    for step in 0..500 {
        writeln!(text, "requests_total {} {}", step * 3, start_s + step * 1000).unwrap();
    }
    text.push_str("# EOF\n");
    text
}

/// The samples of a text: series and milliseconds to the value.
fn samples(text: &str) -> BTreeMap<(String, i64), String> {
    assert!(text.ends_with("# EOF\n"), "{text}");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (rest, at) = line.rsplit_once(' ').unwrap();
            let (series, value) = rest.rsplit_once(' ').unwrap();
            let at_ms = (at.parse::<f64>().unwrap() * 1000.0).round() as i64;
            let value = value.parse::<f64>().unwrap();
            ((series.to_owned(), at_ms), format!("{value:?}"))
        })
        .collect()
}

fn succeed(folder: &Path, arguments: &[&str]) -> String {
    let (ended_well, printed) = run(folder, arguments);
    assert!(ended_well, "{arguments:?}: {printed}");
    printed
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_out_of_one_store_goes_into_another() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    let text = text();
    std::fs::write(folder.join("in.txt"), &text).unwrap();
    // Into a stopped server, and out again.
    let printed = succeed(folder, &["import", "openmetrics", "in.txt", "--data-dir", "data"]);
    assert!(
        printed.contains("1500 samples of 3 series read: 1500 stored;"),
        "{printed}"
    );
    let printed = succeed(
        folder,
        &[
            "export",
            "openmetrics",
            "--data-dir",
            "data",
            "--out",
            "offline.txt",
        ],
    );
    assert!(printed.contains("1500 samples of 3 series written"), "{printed}");
    let out = read(&folder.join("offline.txt"));
    assert_eq!(samples(&out), samples(&text));
    assert!(out.contains("# HELP power_watts What the meter says.\n"), "{out}");

    // The same again is known, in part and through the server now.
    let server = Server::start(folder, "collect: {host: false, self: false}\n");
    let url = server.url.clone();
    let printed = succeed(
        folder,
        &[
            "import",
            "openmetrics",
            "in.txt",
            "--url",
            &url,
            "--match",
            "requests_total",
        ],
    );
    assert!(
        printed.contains("500 samples of 1 series read: 500 stored (500 known already); 0 blocks"),
        "{printed}"
    );
    let from = (now_s() - 3 * DAY).to_string();
    succeed(
        folder,
        &[
            "export",
            "openmetrics",
            "--url",
            &url,
            "--out",
            "online.txt",
            "--from",
            &from,
            "--match",
            "{room=~'c'}",
        ],
    );
    let mut some = samples(&text);
    let from_ms = from.parse::<i64>().unwrap() * 1000;
    some.retain(|(series, at_ms), _| series.contains("\"c\"") && *at_ms >= from_ms);
    assert!(some.len() > 100);
    assert_eq!(samples(&read(&folder.join("online.txt"))), some);
    refuses_the_folder_of_a_running_server(folder);
}

fn refuses_the_folder_of_a_running_server(folder: &Path) {
    let (ended_well, printed) = run(folder, &["import", "openmetrics", "in.txt", "--data-dir", "data"]);
    assert!(!ended_well && printed.contains("stop the server"), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_takes_a_packed_file_and_gives_the_same_parquet_as_its_folder() {
    let text = text();
    let other = tempfile::tempdir().unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    std::fs::write(other.path().join("in.txt.gz"), packed.finish().unwrap()).unwrap();
    let second = Server::start(other.path(), "collect: {host: false, self: false}\n");
    let printed = succeed(
        other.path(),
        &["import", "openmetrics", "in.txt.gz", "--url", &second.url],
    );
    assert!(printed.contains("1500 stored"), "{printed}");
    let counted = second.query("sum(count_over_time({__name__=~'.+'}[14d]))").await;
    assert_eq!(counted[0].1, 1500.0);
    succeed(
        other.path(),
        &[
            "export",
            "parquet",
            "--url",
            &second.url,
            "--out",
            "online.parquet",
        ],
    );
    assert!(second.stop());
    succeed(
        other.path(),
        &[
            "export",
            "parquet",
            "--data-dir",
            "data",
            "--out",
            "offline.parquet",
        ],
    );
    let bytes = |name: &str| std::fs::read(other.path().join(name)).unwrap();
    assert_eq!(bytes("online.parquet"), bytes("offline.parquet"));
    assert!(bytes("online.parquet").starts_with(b"PAR1"));
}

#[test]
fn faults_name_the_file_and_the_line() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    let check = |text: &str, expected: &str| {
        std::fs::write(folder.join("in.txt"), text).unwrap();
        let (ended_well, printed) = run(folder, &["import", "openmetrics", "in.txt", "--data-dir", "data"]);
        assert!(
            !ended_well && printed.contains(expected),
            "{expected} is not in {printed}"
        );
    };
    check(
        "a 1 1\na 2\n# EOF\n",
        "in.txt, line 2: the sample of a has no time stamp",
    );
    check("a 1 1\n", "does not end with # EOF");
    check("a 1 1\nb{c=d} 1 1\n# EOF\n", "in.txt, line 2");
    check("a 1 1\n# EOF\nb 1 1\n", "after # EOF");
    let (ended_well, printed) = run(folder, &["import", "prometheus", ".", "--data-dir", "data"]);
    assert!(
        !ended_well && printed.contains("--storage.tsdb.path"),
        "{printed}"
    );
    let (ended_well, printed) = run(
        folder,
        &[
            "export",
            "openmetrics",
            "--url",
            "http://127.0.0.1:9",
            "--out",
            "out.txt",
        ],
    );
    assert!(!ended_well && printed.contains("does not answer"), "{printed}");
    assert!(!folder.join("out.txt").exists() && !folder.join("out.txt.part").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_cut_or_is_faulty_is_refused_over_http() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), "collect: {host: false, self: false}\n");
    let post = async |path: &str, body: Vec<u8>| {
        let request = support::client().post(format!("{}{path}", server.url)).body(body);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, answer) = post("/api/v1/import/series", vec![0, 0, 0, 9, 1]).await;
    assert_eq!(status, 400, "{answer}");
    assert!(answer.contains("frame 1: the stream ends too early"), "{answer}");
    let (status, answer) = post("/api/v1/import/series", vec![0; 4]).await;
    assert_eq!(status, 200, "{answer}");
    let text = b"a 1 1\nb\n# EOF\n".to_vec();
    let (status, answer) = post("/api/v1/import/openmetrics", text).await;
    assert_eq!(status, 400, "{answer}");
    assert!(answer.contains("body, line 2"), "{answer}");
    let (status, answer) = post("/api/v1/import/openmetrics?match[]={", Vec::new()).await;
    assert_eq!(status, 400, "{answer}");
}

/// What `promtool` says is in a folder of blocks.
fn dump(blocks: &Path) -> Lines {
    // It looks for the log even where there is none.
    std::fs::create_dir_all(blocks.join("wal")).unwrap();
    let output = Command::new("promtool")
        .args(["tsdb", "dump"])
        .arg(blocks)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut lines: Lines = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    lines.sort();
    lines
}

fn make_blocks(text: &Path, blocks: &Path) {
    let made = Command::new("promtool")
        .args(["tsdb", "create-blocks-from", "openmetrics", "--quiet"])
        .args([text, blocks])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
}

#[test]
fn blocks_of_prometheus_move_in_and_the_export_makes_the_same_blocks() {
    if Command::new("promtool").arg("--version").output().is_err() {
        eprintln!("skipped: promtool is not installed");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    let text = text();
    std::fs::write(folder.join("in.txt"), &text).unwrap();
    make_blocks(&folder.join("in.txt"), &folder.join("blocks"));
    let before = dump(&folder.join("blocks"));
    assert_eq!(before.len(), 1500);

    // Into a stopped server, and in part into a running one.
    let printed = succeed(folder, &["import", "prometheus", "blocks", "--data-dir", "data"]);
    assert!(printed.contains("1500 stored;"), "{printed}");
    let other = tempfile::tempdir().unwrap();
    let blocks = folder.join("blocks").display().to_string();
    let server = Server::start(other.path(), "collect: {host: false, self: false}\n");
    let printed = succeed(
        other.path(),
        &[
            "import",
            "prometheus",
            &blocks,
            "--url",
            &server.url,
            "--match",
            "power_watts",
        ],
    );
    assert!(
        printed.contains("1000 samples of") && printed.contains("1000 stored;"),
        "{printed}"
    );

    succeed(
        folder,
        &["export", "openmetrics", "--data-dir", "data", "--out", "out.txt"],
    );
    make_blocks(&folder.join("out.txt"), &folder.join("again"));
    assert_eq!(dump(&folder.join("again")), before);

    // What is older than the store keeps is refused and said.
    std::fs::write(
        folder.join("short.yaml"),
        "storage: {tsdb: {retention: {time: 2d, rules: [{tier: 1m, keep: 0}, {tier: 1h, keep: 0}]}}}\n",
    )
    .unwrap();
    let printed = succeed(
        folder,
        &[
            "import",
            "prometheus",
            "blocks",
            "--data-dir",
            "short",
            "--config",
            "short.yaml",
        ],
    );
    assert!(
        printed.contains("refused: too_old") && printed.contains("more time"),
        "{printed}"
    );
}
