//! Whole readings of machines that live in folders: three kinds of machine, and things that come and go.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use model::is_stale;
use stdx::Clock;
use testkit::FakeClock;

use super::*;
use crate::config::Config;
use crate::roots::Roots;
use crate::sources::{AskUsage, Usage};

struct Machine {
    collector: Collector,
    clock: Arc<FakeClock>,
    telemetry: Telemetry,
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// Every filesystem is as full as its path is long.
fn made_up_usage() -> AskUsage {
    Arc::new(|path| {
        let length = path.to_string_lossy().len() as u64;
        Ok(Usage {
            total_bytes: 1000,
            free_bytes: 1000 - length,
            available_bytes: 900 - length,
            inodes: 100,
            inodes_free: 100 - length,
        })
    })
}

impl Machine {
    fn new(place: &Path) -> Self {
        let roots = Roots {
            proc: place.join("proc"),
            sys: place.join("sys"),
            etc: place.join("etc"),
            root: "/".into(),
        };
        let config = Config::default();
        let telemetry = Telemetry::default();
        let clock = FakeClock::new(1_000_000);
        let opening = Opening {
            config: &config,
            choices: &config.choices().unwrap(),
            roots: &roots,
            telemetry: &telemetry,
            usage: made_up_usage(),
        };
        let shared: SharedClock = Arc::clone(&clock) as SharedClock;
        let collector = Collector::new(&opening, &Arc::from("box"), shared);
        Self {
            collector,
            clock,
            telemetry,
        }
    }

    /// Reads once, a second after the last reading.
    fn read(&mut self) -> SeriesBatch {
        self.clock.advance(Duration::from_secs(1));
        self.collector.read(self.clock.now_ms())
    }

    fn errors_of(&self, source: &'static str) -> u64 {
        self.telemetry
            .source_errors
            .get_or_create(&SourceLabel { source })
            .get()
    }
}

/// The batch as an exposition, sorted; stale markers say so.
fn exposition(batch: &SeriesBatch) -> String {
    let mut lines: Vec<String> = batch
        .iter()
        .map(|(series, samples)| {
            let own = series.labels().retain(|name| !matches!(name, "job" | "instance"));
            assert_eq!(own.len() + 2, series.labels().len(), "{}", series.labels());
            let value = samples[0].value;
            let value = if is_stale(value) {
                "stale".into()
            } else {
                model::number::format_float(value)
            };
            format!("{own} {value}")
        })
        .collect();
    lines.sort();
    let mut text = String::new();
    for line in lines {
        writeln!(text, "{line}").unwrap();
    }
    text
}

fn value_of(batch: &SeriesBatch, metric: &str) -> Option<f64> {
    let found = batch
        .iter()
        .find(|(series, _)| series.labels().metric_name() == metric);
    found.map(|(_, samples)| samples[0].value)
}

/// Copies a machine so that a test may change it.
fn copy_of(name: &str) -> tempfile::TempDir {
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let target = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                copy(&entry.path(), &target);
            } else {
                std::fs::copy(entry.path(), target).unwrap();
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    copy(&fixture(name), folder.path());
    folder
}

fn edit(place: &Path, file: &str, from: &str, to: &str) {
    let path = place.join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} does not hold {from:?}");
    std::fs::write(path, text.replace(from, to)).unwrap();
}

#[test]
fn a_server_with_everything() {
    let mut machine = Machine::new(&fixture("server"));
    insta::assert_snapshot!(exposition(&machine.read()));
}

#[test]
fn an_old_machine_with_cgroup_v1() {
    let mut machine = Machine::new(&fixture("legacy"));
    insta::assert_snapshot!(exposition(&machine.read()));
}

#[test]
fn a_bare_machine_without_limits_pressure_and_sensors() {
    let mut machine = Machine::new(&fixture("bare"));
    let batch = machine.read();
    insta::assert_snapshot!(exposition(&batch));
    assert_eq!(value_of(&batch, "system_pressure_ratio"), None);
    assert_eq!(value_of(&batch, "hw_temperature_celsius"), None);
    for kind in sources::all() {
        assert_eq!(
            machine.errors_of(kind.name),
            0,
            "{} is absent and not broken",
            kind.name
        );
    }
}

#[test]
fn rates_come_with_the_second_reading() {
    let place = copy_of("bare");
    let mut machine = Machine::new(place.path());
    let first = machine.read();
    assert_eq!(value_of(&first, "system_cpu_utilization_ratio"), None);
    assert_eq!(machine.collector.facts.network_bytes_per_second, None);
    edit(
        place.path(),
        "proc/stat",
        "cpu  1000 0 500 8000 500 0 0 0",
        "cpu  1050 0 525 8020 505 0 0 0",
    );
    edit(place.path(), "proc/net/dev", "eth0: 1000000", "eth0: 1500000");
    let second = machine.read();
    assert_eq!(value_of(&second, "system_cpu_utilization_ratio"), Some(0.75));
    assert_eq!(
        machine.collector.facts.network_bytes_per_second,
        Some((500_000.0, 0.0))
    );
    let mut summary = crate::HostSummary::default();
    machine.collector.facts.show(&mut summary);
    assert_eq!((summary.cpu_count, summary.cpu_ratio), (Some(2), Some(0.75)));
}

#[test]
fn what_is_plugged_in_appears_and_what_is_pulled_out_ends() {
    let place = copy_of("server");
    let mut machine = Machine::new(place.path());
    machine.read();
    let steady = machine.read();
    assert!(!exposition(&steady).contains("stale"));
    edit(place.path(), "proc/stat", "cpu3 ", "gone3 ");
    edit(place.path(), "proc/diskstats", " nvme1n1 ", " nvme2n1 ");
    edit(place.path(), "proc/net/dev", " wlan0:", " wlan1:");
    std::fs::remove_file(place.path().join("sys/class/hwmon/hwmon0/temp2_input")).unwrap();
    let changed = exposition(&machine.read());
    let stale: Vec<&str> = changed.lines().filter(|line| line.ends_with(" stale")).collect();
    let count = |words: &str| stale.iter().filter(|line| line.contains(words)).count();
    assert_eq!((count("cpu=\"3\""), count("nvme1n1"), count("wlan0")), (8, 7, 8));
    assert!(changed.contains(r#"device="nvme2n1""#) && changed.contains(r#"device="wlan1""#));
    assert!(changed.contains("system_cpu_logical_count{} 3"), "{changed}");
    let next = exposition(&machine.read());
    assert!(!next.contains("stale"), "a marker is written once: {next}");
}

#[test]
fn a_source_that_breaks_ends_its_series_and_is_counted() {
    let place = copy_of("bare");
    let mut machine = Machine::new(place.path());
    machine.read();
    let meminfo = place.path().join("proc/meminfo");
    let good = std::fs::read(&meminfo).unwrap();
    std::fs::write(&meminfo, "nonsense").unwrap();
    let broken = exposition(&machine.read());
    assert!(broken.contains("system_memory_limit_bytes{} stale"), "{broken}");
    assert_eq!((machine.errors_of("memory"), machine.errors_of("cpu")), (1, 0));
    std::fs::write(&meminfo, good).unwrap();
    let back = machine.read();
    assert_eq!(
        value_of(&back, "system_memory_limit_bytes"),
        Some(2_048_000.0 * 1024.0)
    );
}

#[test]
fn limits_of_control_groups_are_followed_when_they_change() {
    let place = copy_of("server");
    let mut machine = Machine::new(place.path());
    let first = machine.read();
    assert_eq!(
        value_of(&first, "system_cpu_limit_cores"),
        Some(1.5),
        "the smallest along the path"
    );
    assert_eq!(
        value_of(&first, "system_memory_limit_bytes"),
        Some(2_147_483_648.0)
    );
    // 1 GiB used, of which 256 MiB are files that can be dropped.
    assert_eq!(value_of(&first, "system_memory_utilization_ratio"), Some(0.375));
    let group = "sys/fs/cgroup/system.slice/app.service";
    edit(
        place.path(),
        &format!("{group}/cpu.stat"),
        "usage_usec 5000000",
        "usage_usec 5750000",
    );
    let second = machine.read();
    assert_eq!(value_of(&second, "system_cpu_utilization_ratio"), Some(0.5));
    edit(place.path(), &format!("{group}/cpu.max"), "150000", "max");
    edit(
        place.path(),
        "sys/fs/cgroup/system.slice/memory.max",
        "2147483648",
        "max",
    );
    let last = (0..12).map(|_| machine.read()).last().unwrap();
    assert_eq!(
        value_of(&last, "system_cpu_limit_cores"),
        Some(3.0),
        "the next one along the path"
    );
    assert_eq!(
        value_of(&last, "system_memory_limit_bytes"),
        Some(4_294_967_296.0)
    );
}

#[test]
fn steady_readings_make_the_same_series() {
    let mut machine = Machine::new(&fixture("server"));
    let names = |batch: &SeriesBatch| {
        let mut ids: Vec<_> = batch.iter().map(|(series, _)| series.id()).collect();
        ids.sort_unstable();
        ids
    };
    let first = names(&machine.read());
    // Filesystems answer on a thread of their own, so the ten readings until they are asked again leave them out.
    let second = names(&machine.read());
    let mut unique = second.clone();
    unique.dedup();
    assert_eq!(unique.len(), second.len(), "no series twice in one batch");
    assert!(first.iter().filter(|id| second.contains(id)).count() > 100);
    assert!(machine.telemetry.series.get() as usize >= second.len());
}
