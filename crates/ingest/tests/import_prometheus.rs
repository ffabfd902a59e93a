//! Blocks that Prometheus' own tools wrote are read sample by sample: `promtool`'s from OpenMetrics, and a running Prometheus'
//! snapshot with native histograms and deleted samples. Skipped where the tools are not installed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "helpers of tests fail as tests do"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ingest::import::frames::FrameWriter;
use ingest::import::{Reading, Wanted, prometheus};
use model::{
    Backfill, Backfilled, Buckets, Histogram, HistogramSample, Labels, Matcher, SampleColumns, TimeRange,
    WriteError,
};
use stdx::{Clock, SystemClock};

const PATIENCE: Duration = Duration::from_mins(1);
const DAY: i64 = 86_400_000;

type Floats = BTreeMap<(String, i64), u64>;

/// Keeps what an import gives.
#[derive(Debug, Default)]
struct Kept {
    floats: Floats,
    histograms: Vec<(String, HistogramSample)>,
}

impl Backfill for Kept {
    fn add(&mut self, labels: &Labels, samples: &SampleColumns) -> Result<(), WriteError> {
        for sample in samples.iter() {
            let known = self
                .floats
                .insert((labels.to_string(), sample.at_ms), sample.value.to_bits());
            assert_eq!(known, None, "{labels} at {} is given twice", sample.at_ms);
        }
        Ok(())
    }

    fn add_histograms(&mut self, labels: &Labels, samples: &[HistogramSample]) -> Result<(), WriteError> {
        let named = samples.iter().map(|sample| (labels.to_string(), sample.clone()));
        self.histograms.extend(named);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Backfilled, WriteError> {
        Ok(Backfilled::default())
    }
}

fn import(dir: &Path, wanted: &Wanted) -> (Kept, Reading) {
    let mut kept = Kept::default();
    let reading = prometheus::import(dir, wanted, &mut kept, &mut |_| ()).unwrap();
    (kept, reading)
}

fn now_ms() -> i64 {
    SystemClock::new().now_ms()
}

fn installed(tool: &str) -> bool {
    let found = Command::new(tool).arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: {tool} is not installed");
    }
    found
}

/// Values of every shape: counters, gauges, what does not compress, infinities, gaps.
fn samples(series: i64, start_ms: i64) -> Vec<(i64, f64)> {
    let value = |step: i64| match series % 5 {
        0 => (step * series) as f64,
        1 => (step as f64 * 0.37).sin(),
        2 => f64::from_bits(0x3ff0_0000_0000_0000 ^ (step as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 12),
        3 if step % 7 == 0 => f64::NEG_INFINITY,
        _ => 1e-300 * series as f64,
    };
    (0..700)
        .filter(|step| series % 3 != 0 || step % 50 < 40)
        .map(|step| (start_ms + step * 311_337 + step * step % 1000, value(step)))
        .collect()
}

/// Blocks of `promtool` in `dir/blocks`, and what they hold.
fn make_blocks(dir: &Path, start_ms: i64) -> (PathBuf, Floats) {
    let mut text = String::new();
    let mut expected = Floats::new();
    for series in 0..30 {
        for (at_ms, value) in samples(series, start_ms) {
            let name = format!("m{}", series % 4);
            let labels = Labels::from_pairs([
                ("__name__", name.clone()),
                ("series", format!("{series} \\ \"ü\"")),
            ]);
            let seconds = format!("{}.{:03}0005", at_ms / 1000, at_ms % 1000);
            let value_text = model::number::format_float(value);
            writeln!(
                text,
                "{name}{{series=\"{series} \\\\ \\\"ü\\\"\"}} {value_text} {seconds}"
            )
            .unwrap();
            expected.insert((labels.to_string(), at_ms), value.to_bits());
        }
    }
    text.push_str("# EOF\n");
    let (file, blocks) = (dir.join("in.txt"), dir.join("blocks"));
    std::fs::write(&file, text).unwrap();
    let made = Command::new("promtool")
        .args(["tsdb", "create-blocks-from", "openmetrics", "--quiet"])
        .args([&file, &blocks])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    (blocks, expected)
}

#[test]
fn blocks_of_promtool_are_read_sample_by_sample() {
    if !installed("promtool") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let start_ms = now_ms() / DAY * DAY - 9 * DAY;
    let (blocks, expected) = make_blocks(dir.path(), start_ms);
    let (kept, reading) = import(&blocks, &Wanted::everything());
    assert_eq!(kept.floats, expected);
    assert_eq!((reading.samples, reading.fault_count), (expected.len() as u64, 0));
    assert!(reading.sources > 10, "{reading:?}");

    // Of one block, some series and some time.
    let wanted = Wanted {
        any_of: vec![
            vec![Matcher::equal("__name__", "m1")],
            vec![Matcher::matching("series", "2 .*").unwrap()],
        ],
        range: TimeRange::new(start_ms + DAY / 3, start_ms + DAY).unwrap(),
    };
    let (kept, _) = import(&blocks, &wanted);
    let mut some = expected;
    some.retain(|(series, at_ms), _| {
        (series.starts_with("m1{") || series.contains("\"2 ")) && wanted.range.contains(*at_ms)
    });
    assert!(!some.is_empty());
    assert_eq!(kept.floats, some);
}

#[test]
fn damage_costs_what_is_damaged_and_is_named() {
    if !installed("promtool") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (blocks, expected) = make_blocks(dir.path(), now_ms() / DAY * DAY - 9 * DAY);
    let mut names: Vec<PathBuf> = std::fs::read_dir(&blocks)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    let change = |path: PathBuf, place: usize| {
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[place] ^= 1;
        std::fs::write(path, bytes).unwrap();
    };
    // A chunk of the first block, the symbols of the second, what the third says of itself.
    change(names[0].join("chunks/000001"), 40);
    change(names[1].join("index"), 20);
    std::fs::write(names[2].join("meta.json"), "{").unwrap();
    let (kept, reading) = import(&blocks, &Wanted::everything());
    assert_eq!(reading.fault_count, 3, "{reading:?}");
    let told = reading.faults.join("\n");
    for part in [
        "000001, chunk at offset 8",
        "series m",
        "index, offset 5",
        "meta.json",
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    assert!(kept.floats.len() > expected.len() / 2);
    for (key, bits) in &kept.floats {
        assert_eq!(expected.get(key), Some(bits));
    }
    let empty = tempfile::tempdir().unwrap();
    let error = prometheus::import(
        empty.path(),
        &Wanted::everything(),
        &mut Kept::default(),
        &mut |_| (),
    );
    assert!(error.unwrap_err().to_string().contains("--storage.tsdb.path"));
}

/// A Prometheus on a free port. Killed when dropped.
struct Running {
    child: Child,
    url: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    async fn start(dir: &Path) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let config = dir.join("prometheus.yml");
        std::fs::write(&config, "{}\n").unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", dir.join("blocks").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args([
                "--storage.tsdb.retention.time=10y",
                "--web.enable-admin-api",
                "--web.enable-remote-write-receiver",
                "--enable-feature=native-histograms",
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let running = Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
        };
        let start = Instant::now();
        while running.get("/-/ready").await != 200 {
            assert!(start.elapsed() < PATIENCE, "prometheus does not get ready");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        running
    }

    async fn get(&self, path: &str) -> u16 {
        let answer = client().get(format!("{}{path}", self.url)).send().await;
        answer.map_or(0, |answer| answer.status().as_u16())
    }

    async fn post(&self, path: &str, body: Vec<u8>) -> (u16, String) {
        let request = client()
            .post(format!("{}{path}", self.url))
            .header("content-type", "application/x-protobuf")
            .header("content-encoding", "snappy")
            .header("x-prometheus-remote-write-version", "0.1.0")
            .body(body);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .tls_certs_only([])
        .no_proxy()
        .timeout(PATIENCE)
        .build()
        .unwrap()
}

fn histogram(step: i64, schema: i8) -> Histogram {
    let buckets = |first: i32, count: i32| {
        Buckets::from_sorted(
            (first..first + count)
                .filter(|index| index % 4 != 1)
                .map(|index| (index, (i64::from(index.unsigned_abs()) % 7 + step * 2) as f64)),
        )
    };
    let (positive, negative) = (buckets(-5, 9 + (step / 10) as i32), buckets(2, 6));
    let in_buckets: f64 = positive.counts.iter().chain(&negative.counts).sum();
    Histogram {
        schema,
        zero_threshold: if schema == 3 { 2_f64.powi(-128) } else { 0.001 },
        zero_count: step as f64,
        count: in_buckets + step as f64,
        sum: step as f64 * 1.25,
        positive,
        negative,
        ..Histogram::default()
    }
}

/// The buckets that are not empty: Prometheus adds empty ones where histograms of one chunk differ.
fn filled(buckets: &Buckets) -> Vec<(i32, f64)> {
    buckets.iter().filter(|(_, count)| *count != 0.0).collect()
}

/// Each histogram with its series, as it was read and as it was given.
fn assert_same_histograms(kept: &[(String, HistogramSample)], given: &[(String, HistogramSample)]) {
    for (kept, sent) in kept.iter().zip(given) {
        let (read, given) = (&kept.1.value, &sent.1.value);
        assert_eq!((&kept.0, kept.1.at_ms), (&sent.0, sent.1.at_ms));
        assert_eq!(
            (
                read.schema,
                read.zero_threshold,
                read.zero_count,
                read.count,
                read.sum
            ),
            (
                given.schema,
                given.zero_threshold,
                given.zero_count,
                given.count,
                given.sum
            )
        );
        assert_eq!(
            filled(&read.positive),
            filled(&given.positive),
            "{}",
            kept.1.at_ms
        );
        assert_eq!(
            filled(&read.negative),
            filled(&given.negative),
            "{}",
            kept.1.at_ms
        );
        assert_eq!(read.validate(), Ok(()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_of_prometheus_is_read_with_histograms_and_without_what_was_deleted() {
    if !installed("prometheus") || !installed("promtool") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let start_ms = now_ms() / DAY * DAY - 9 * DAY;
    let (blocks, mut expected) = make_blocks(dir.path(), start_ms);
    let running = Running::start(dir.path()).await;

    let now_ms = now_ms();
    let mut histograms = Vec::new();
    for schema in [3, -2] {
        let labels = Labels::from_pairs([("__name__", format!("h{schema}").replace('-', "_"))]);
        let samples: Vec<HistogramSample> = (0..150)
            .map(|step| {
                HistogramSample::new(
                    now_ms - 150_000 + step * 1000,
                    Arc::new(histogram(step + 1, schema)),
                )
            })
            .collect();
        let mut writer = FrameWriter::default();
        let never = |_| Err(WriteError::Closed);
        writer
            .add(&labels, &SampleColumns::default(), &samples, never)
            .unwrap();
        let frame = writer.finish();
        // Without the length before it and the end behind it, a frame is a remote write request.
        let body = frame[4..frame.len() - 4].to_vec();
        assert_eq!(running.post("/api/v1/write", body).await, (204, String::new()));
        histograms.extend(samples.into_iter().map(|sample| (labels.to_string(), sample)));
    }

    let (from_ms, to_ms) = (start_ms + DAY / 4, start_ms + DAY);
    let deletion = format!(
        "/api/v1/admin/tsdb/delete_series?match[]=m2&start={}&end={}",
        from_ms as f64 / 1000.0,
        to_ms as f64 / 1000.0
    );
    assert_eq!(running.post(&deletion, Vec::new()).await.0, 204);
    let (status, answer) = running.post("/api/v1/admin/tsdb/snapshot", Vec::new()).await;
    assert_eq!(status, 200, "{answer}");
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let snapshot = blocks
        .join("snapshots")
        .join(answer["data"]["name"].as_str().unwrap());

    let (kept, reading) = import(&snapshot, &Wanted::everything());
    let all = expected.len();
    expected.retain(|(series, at_ms), _| !(series.starts_with("m2{") && (from_ms..=to_ms).contains(at_ms)));
    assert!(expected.len() < all);
    assert_eq!(kept.floats, expected);
    assert_eq!(
        (reading.deleted, reading.fault_count),
        ((all - expected.len()) as u64, 0)
    );
    assert_eq!(reading.histograms, 300);
    assert_same_histograms(&kept.histograms, &histograms);
    // The newest hours of the folder itself are in its log, which a note says.
    let (_, reading) = import(&blocks, &Wanted::everything());
    assert!(
        reading.notes.iter().any(|note| note.contains("snapshot")),
        "{reading:?}"
    );
}
