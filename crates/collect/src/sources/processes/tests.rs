//! Processes that come, go and change, seen from one look to the next.

use std::path::{Path, PathBuf};

use model::SeriesBatch;

use super::*;
use crate::config::Config;
use crate::roots::Roots;
use crate::telemetry::Telemetry;

/// A folder of processes in which a test has its way.
struct World {
    folder: tempfile::TempDir,
    source: Box<dyn Source>,
    slate: Slate,
    facts: Facts,
    seconds: u64,
}

impl World {
    fn new(config: &Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let roots = Roots {
            proc: folder.path().to_owned(),
            etc: folder.path().to_owned(),
            ..Roots::default()
        };
        std::fs::write(
            folder.path().join("passwd"),
            "root:x:0:0::/:/bin/sh\nweb:x:33:33::/:/bin/sh\n",
        )
        .unwrap();
        let mut slate = Slate::new("box".into());
        let opening = Opening {
            config,
            choices: &config.choices().unwrap(),
            roots: &roots,
            telemetry: &Telemetry::default(),
            usage: crate::sources::ask_kernel_for_usage(),
        };
        let source = open(&opening, &mut slate);
        Self {
            folder,
            source,
            slate,
            facts: Facts::default(),
            seconds: 1000,
        }
    }

    fn place(&self, pid: u32) -> PathBuf {
        self.folder.path().join(pid.to_string())
    }

    /// Writes a process: its name, CPU ticks, start in ticks and resident pages.
    fn run(&self, pid: u32, name: &str, state: char, ticks: u64, started: u64, pages: u64) {
        let place = self.place(pid);
        std::fs::create_dir_all(&place).unwrap();
        let stat = format!(
            "{pid} ({name}) {state} 1 1 1 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 3 0 {started} 1000 {pages} 0 0"
        );
        std::fs::write(place.join("stat"), stat).unwrap();
        std::fs::write(
            place.join("status"),
            format!("Name:\t{name}\nUid:\t33\t33\t33\t33\n"),
        )
        .unwrap();
        std::fs::write(
            place.join("cmdline"),
            format!("/usr/bin/{name}\0--token=secret\0"),
        )
        .unwrap();
    }

    fn end(&self, pid: u32) {
        std::fs::remove_dir_all(self.place(pid)).unwrap();
    }

    /// Looks once, so many seconds after the last look; the CPU time and the statuses that were written.
    fn look(&mut self, seconds: u64) -> Vec<(String, String)> {
        self.seconds += seconds;
        self.facts.uptime_seconds = Some(self.seconds as f64);
        let moment = Moment {
            at_ms: self.seconds as i64 * 1000,
            monotonic: Duration::from_secs(self.seconds),
        };
        let seen = self
            .source
            .observe(moment, &mut self.slate, &mut self.facts)
            .unwrap();
        assert_eq!(seen, Seen::Fresh);
        let mut batch = SeriesBatch::default();
        self.slate.close(moment.at_ms, &mut batch);
        let text = |value: f64| {
            if model::is_stale(value) {
                "stale".into()
            } else {
                value.to_string()
            }
        };
        batch
            .iter()
            .filter(|(series, _)| series.labels().metric_name() == executables::CPU_TIME.name)
            .map(|(series, samples)| {
                let name = series.labels().get("process_executable_name").unwrap().to_owned();
                (name, text(samples[0].value))
            })
            .collect()
    }
}

fn hz() -> u64 {
    rustix::param::clock_ticks_per_second()
}

fn rows(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

#[test]
fn cpu_time_of_an_executable_never_falls() {
    let mut world = World::new(&Config::default());
    world.run(10, "web", 'S', 500 * hz(), 1, 100);
    world.run(11, "web", 'R', 100 * hz(), 2, 50);
    assert_eq!(
        world.look(0),
        rows(&[("web", "0")]),
        "what was before the first look is not counted"
    );
    world.run(10, "web", 'S', 502 * hz(), 1, 100);
    world.run(11, "web", 'R', 101 * hz(), 2, 50);
    assert_eq!(world.look(5), rows(&[("web", "3")]));
    world.end(10);
    assert_eq!(
        world.look(5),
        rows(&[("web", "3")]),
        "its time stays when a process ends"
    );
    // Started after the last look: all of its time is new. The number is one that was used before.
    world.run(10, "web", 'S', 4 * hz(), 1011 * hz(), 100);
    assert_eq!(world.look(5), rows(&[("web", "7")]));
    world.end(10);
    world.end(11);
    assert_eq!(world.look(5), rows(&[("web", "stale")]));
}

#[test]
fn an_old_process_that_comes_into_sight_is_not_new_work() {
    let mut world = World::new(&Config::default());
    world.run(10, "web", 'S', 0, 1, 100);
    world.look(0);
    world.run(20, "web", 'S', 9000 * hz(), 5, 100);
    assert_eq!(world.look(5), rows(&[("web", "0")]));
}

#[test]
fn the_table_shows_who_uses_most_and_no_arguments() {
    let mut world = World::new(&Config::default());
    world.run(10, "idle", 'S', 0, 100 * hz(), 900);
    world.run(11, "busy", 'R', 0, 200 * hz(), 1);
    world.look(0);
    assert!(
        world
            .facts
            .processes
            .rows
            .iter()
            .all(|row| row.cpu_ratio.is_none())
    );
    world.run(11, "busy", 'R', 10 * hz(), 200 * hz(), 1);
    world.look(5);
    let table = &world.facts.processes;
    assert_eq!(table.observed_at_ms, 1_005_000);
    let expected = ProcessRow {
        pid: 11,
        name: "busy".into(),
        command: "/usr/bin/busy (1 argument)".into(),
        user: "web".into(),
        cpu_ratio: Some(2.0),
        memory_bytes: rustix::param::page_size() as u64,
        threads: 3,
        started_at_ms: 200_000,
    };
    assert_eq!(table.rows[0], expected);
    assert_eq!((table.rows.len(), table.rows[1].pid), (2, 10));
}

#[test]
fn the_table_is_bounded_and_merges_both_tops() {
    let mut world = World::new(&Config::default());
    for pid in 1..=100 {
        world.run(pid, "p", 'S', 0, 1, u64::from(pid));
    }
    world.look(0);
    for pid in 1..=30 {
        world.run(pid, "p", 'S', u64::from(pid) * hz(), 1, u64::from(pid));
    }
    world.look(5);
    let pids: Vec<u32> = world.facts.processes.rows.iter().map(|row| row.pid).collect();
    let expected: Vec<u32> = (11..=30).rev().chain((81..=100).rev()).collect();
    assert_eq!(pids, expected);
}

#[test]
fn arguments_are_shown_with_leave() {
    let config = Config {
        process_arguments: true,
        ..Config::default()
    };
    let mut world = World::new(&config);
    world.run(10, "web", 'S', 0, 1, 1);
    world.look(0);
    assert_eq!(
        world.facts.processes.rows[0].command,
        "/usr/bin/web --token=secret"
    );
}

#[test]
fn states_have_their_names() {
    let names: Vec<&str> = b"RSDTtZIW".iter().map(|state| status_of(*state)).collect();
    assert_eq!(
        names,
        [
            "running", "sleeping", "blocked", "stopped", "stopped", "defunct", "idle", "sleeping"
        ]
    );
    assert!(names.iter().all(|name| STATUSES.contains(name)));
}

#[test]
fn a_file_that_is_no_process_is_passed_by() {
    let mut world = World::new(&Config::default());
    std::fs::create_dir(world.folder.path().join("77")).unwrap();
    std::fs::write(world.folder.path().join("88"), "").unwrap();
    assert!(Path::new(&world.place(77)).exists());
    assert_eq!(world.look(0), rows(&[]));
    assert!(world.facts.processes.rows.is_empty());
}
