//! Files that are written to, renamed, copied, truncated and removed under a running follower, and followers that end at any moment.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Instant;

use model::{Labels, LogAccepted, LogRows, LogWrite, WriteError};
use parking_lot::Mutex;
use stdx::SystemClock;

use super::*;
use crate::limits::LOG_KNOWN_WAIT;
use crate::logs::LogsTelemetry;

const PATIENCE: Duration = Duration::from_secs(20);

/// What was handed over, as the store would keep it.
#[derive(Debug, Default)]
struct Shelf {
    lines: Mutex<Vec<String>>,
    keys: Mutex<HashSet<u128>>,
    /// Batches are refused.
    is_closed: AtomicBool,
    /// Batches are stored, and nobody hears of it.
    is_deaf: AtomicBool,
    /// Of lines of files that end so it is not known whose they are.
    unknown: Mutex<Option<&'static str>>,
    calls: std::sync::atomic::AtomicU64,
}

impl LogWrite for Shelf {
    fn append(&self, rows: &LogRows, _now_ns: i64) -> Result<LogAccepted, WriteError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.is_closed.load(Ordering::SeqCst) {
            return Err(WriteError::Busy { waiting_max: 1 });
        }
        let is_repeated = !self.keys.lock().insert(rows.key.unwrap());
        if !is_repeated {
            let mut lines = self.lines.lock();
            for (labels, of_stream) in rows.streams() {
                let name = labels.get("filename").unwrap_or_default();
                let name = Path::new(name).file_name().unwrap_or_default().to_string_lossy();
                lines.extend(of_stream.map(|row| format!("{name}: {}", row.line())));
            }
        }
        if self.is_deaf.load(Ordering::SeqCst) {
            return Err(WriteError::Closed);
        }
        Ok(LogAccepted {
            stored: rows.line_count() as u64,
            is_repeated,
            refused: Vec::new(),
        })
    }

    fn is_ready_for(&self, stream: &Labels, _metadata: &[(String, String)]) -> bool {
        let name = stream.get("filename").unwrap_or_default();
        !self.unknown.lock().is_some_and(|ending| name.ends_with(ending))
    }
}

/// A folder with logs, and a follower that can be ended and started again.
struct Place {
    folder: tempfile::TempDir,
    shelf: Arc<Shelf>,
    telemetry: LogsTelemetry,
    config: LogsConfig,
    running: Option<(Stop, JoinHandle<()>)>,
}

impl Place {
    fn new(lists: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        std::fs::create_dir(folder.path().join("logs")).unwrap();
        let lists = lists.replace("LOGS", folder.path().join("logs").to_str().unwrap());
        let config = LogsConfig {
            files: stdx::yaml::read(&lists).unwrap(),
            ..LogsConfig::default()
        };
        assert_eq!(config.validate(), Vec::<String>::new());
        Self {
            folder,
            shelf: Arc::default(),
            telemetry: LogsTelemetry::default(),
            config,
            running: None,
        }
    }

    fn start(&mut self) {
        let shelf: Arc<dyn LogWrite> = Arc::<Shelf>::clone(&self.shelf);
        let deps = GathererDeps {
            files: Arc::clone(&shelf),
            journal: shelf,
            folder: self.folder.path().join("data"),
            clock: SystemClock::shared(),
            telemetry: self.telemetry.clone(),
        };
        let stop = Stop::new().unwrap();
        let (config, own) = (self.config.clone(), stop.clone());
        let thread = std::thread::spawn(move || Follower::open(&config, deps, own).unwrap().run());
        self.running = Some((stop, thread));
    }

    fn end(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            stop.set();
            thread.join().unwrap();
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("logs").join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.path(name))
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        std::fs::rename(self.path(from), self.path(to)).unwrap();
    }

    /// As logrotate's `copytruncate` does it.
    fn copy_and_truncate(&self, from: &str, to: &str) {
        std::fs::copy(self.path(from), self.path(to)).unwrap();
        OpenOptions::new()
            .write(true)
            .open(self.path(from))
            .unwrap()
            .set_len(0)
            .unwrap();
    }

    /// Waits until these lines are there, each once and no other.
    fn until(&self, expected: &[&str]) {
        let mut expected: Vec<String> = expected.iter().map(|&line| line.to_owned()).collect();
        expected.sort();
        let start = Instant::now();
        loop {
            let mut lines = self.shelf.lines.lock().clone();
            lines.sort();
            if lines == expected {
                return;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "there are {lines:?} and not {expected:?}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.end();
    }
}

#[test]
fn lines_are_read_as_they_come_and_from_where_the_last_one_ended() {
    let mut place = Place::new("[{include: ['LOGS/*.log'], exclude: ['LOGS/not*']}]");
    place.write("a.log", "1\n2\nhal");
    place.write("not.log", "no\n");
    place.write("a.log.gz", "no\n");
    place.start();
    place.until(&["a.log: 1", "a.log: 2"]);
    place.write("a.log", "f\n");
    place.write("b.log", "new\n");
    place.until(&["a.log: 1", "a.log: 2", "a.log: half", "b.log: new"]);
    place.end();
    place.write("b.log", "later\n");
    place.start();
    place.until(&[
        "a.log: 1",
        "a.log: 2",
        "a.log: half",
        "b.log: new",
        "b.log: later",
    ]);
}

#[test]
fn what_is_there_already_is_left_out_where_the_end_is_asked_for() {
    let mut place = Place::new("[{include: ['LOGS/*.log'], read_from: end}]");
    place.write("a.log", "old\nold to");
    place.start();
    let start = Instant::now();
    while place.telemetry.files.get() == 0 {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(10));
    }
    place.write("a.log", "o\nnew\n");
    place.write("b.log", "all of it\n");
    place.until(&["a.log: new", "b.log: all of it"]);
    place.end();
    place.write("c.log", "all of it\n");
    place.start();
    place.until(&["a.log: new", "b.log: all of it", "c.log: all of it"]);
}

#[test]
fn a_renamed_file_is_read_to_its_end_wherever_it_went() {
    for pattern in ["LOGS/app.log", "LOGS/app.log*"] {
        let mut place = Place::new(&format!("[{{include: ['{pattern}']}}]"));
        place.write("app.log", "1\n");
        place.start();
        place.until(&["app.log: 1"]);
        place.write("app.log", "2\n");
        place.rename("app.log", "app.log.1");
        place.write("app.log.1", "3\n");
        place.write("app.log", "4\n");
        place.until(&["app.log: 1", "app.log: 2", "app.log: 3", "app.log: 4"]);
        // While nobody follows.
        place.end();
        place.write("app.log", "5\n");
        place.rename("app.log", "app.log.2");
        place.write("app.log", "6\n");
        place.start();
        place.until(&[
            "app.log: 1",
            "app.log: 2",
            "app.log: 3",
            "app.log: 4",
            "app.log: 5",
            "app.log: 6",
        ]);
    }
}

#[test]
fn a_copied_and_truncated_file_is_read_once() {
    for pattern in ["LOGS/app.log", "LOGS/app.log*"] {
        let mut place = Place::new(&format!("[{{include: ['{pattern}']}}]"));
        place.write("app.log", "1\n");
        place.start();
        place.until(&["app.log: 1"]);
        // Refused meanwhile, so that something is only in the copy.
        place.shelf.is_closed.store(true, Ordering::SeqCst);
        place.write("app.log", "2\n");
        place.copy_and_truncate("app.log", "app.log.1");
        place.write("app.log", "3\n");
        place.shelf.is_closed.store(false, Ordering::SeqCst);
        place.until(&["app.log: 1", "app.log: 2", "app.log: 3"]);
        place.end();
        place.write("app.log", "4\n");
        place.rename("app.log.1", "app.log.2");
        place.copy_and_truncate("app.log", "app.log.1");
        // Longer than before at once.
        place.write("app.log", "5 and more\n6\n");
        place.start();
        place.until(&[
            "app.log: 1",
            "app.log: 2",
            "app.log: 3",
            "app.log: 4",
            "app.log: 5 and more",
            "app.log: 6",
        ]);
        assert_eq!(place.telemetry.lost.get(), 0);
    }
}

#[test]
fn a_copy_that_is_made_before_truncation_is_no_second_file() {
    let mut place = Place::new("[{include: ['LOGS/app.log*']}]");
    place.write("app.log", "1\n2\n");
    place.start();
    place.until(&["app.log: 1", "app.log: 2"]);
    std::fs::copy(place.path("app.log"), place.path("app.log.1")).unwrap();
    place.write("other", "");
    std::thread::sleep(Duration::from_millis(500));
    place.until(&["app.log: 1", "app.log: 2"]);
    std::fs::write(place.path("app.log"), "").unwrap();
    place.write("app.log", "3\n");
    place.until(&["app.log: 1", "app.log: 2", "app.log: 3"]);
}

#[test]
fn a_file_that_is_removed_is_read_to_its_end_and_its_number_may_be_used_again() {
    let mut place = Place::new("[{include: ['LOGS/*.log']}]");
    place.write("a.log", "1\n");
    place.start();
    place.until(&["a.log: 1"]);
    place.shelf.is_closed.store(true, Ordering::SeqCst);
    place.write("b.log", "wait\n");
    std::thread::sleep(Duration::from_millis(300));
    place.write("a.log", "2\nno end");
    std::fs::remove_file(place.path("a.log")).unwrap();
    place.write("a.log", "3\n");
    place.shelf.is_closed.store(false, Ordering::SeqCst);
    place.until(&["a.log: 1", "b.log: wait", "a.log: 2", "a.log: 3", "a.log: no end"]);
    place.end();
    // Some filesystems give the number of the removed file to the next one.
    std::fs::remove_file(place.path("a.log")).unwrap();
    place.write("c.log", "other\n");
    place.start();
    place.until(&[
        "a.log: 1",
        "b.log: wait",
        "a.log: 2",
        "a.log: 3",
        "a.log: no end",
        "c.log: other",
    ]);
}

#[test]
fn a_number_that_is_another_files_by_now_brings_nothing_of_the_first_one() {
    let mut place =
        Place::new("[{include: ['LOGS/a.log']}, {include: ['LOGS/b.log'], labels: {filename: /b}}]");
    place.write("a.log", "1\n");
    place.start();
    place.until(&["a.log: 1"]);
    place.end();
    // A rename keeps the number: the file in place of the first one holds something else, and is of the second list, or of none.
    for (name, expected) in [
        ("private", &["a.log: 1"][..]),
        ("b.log", &["a.log: 1", "b: other"][..]),
    ] {
        let from = if name == "private" { "a.log" } else { "private" };
        std::fs::write(place.path(from), "other\n").unwrap();
        place.rename(from, name);
        place.start();
        std::thread::sleep(Duration::from_millis(300));
        place.until(expected);
        place.end();
    }
}

#[test]
fn a_batch_that_was_stored_unheard_is_stored_once() {
    let mut place = Place::new("[{include: ['LOGS/app.log'], multiline: {start: '^\\d', max_wait: 200ms}}]");
    place.write("app.log", "1\n a\n2\n b\n");
    place.shelf.is_deaf.store(true, Ordering::SeqCst);
    place.start();
    place.until(&["app.log: 1\n a"]);
    place.end();
    // It is renamed and goes on before the next one looks.
    place.write("app.log", "3\n c\n");
    place.rename("app.log", "app.log.1");
    place.write("app.log", "4\n");
    place.shelf.is_deaf.store(false, Ordering::SeqCst);
    place.start();
    place.until(&["app.log: 1\n a", "app.log: 2\n b", "app.log: 3\n c", "app.log: 4"]);
    assert_eq!(
        place
            .telemetry
            .repeated
            .get_or_create(&crate::logs::telemetry::of(SOURCE))
            .get(),
        1
    );
}

#[test]
fn where_nothing_is_taken_nothing_more_is_read() {
    let mut place = Place::new("[{include: ['LOGS/*.log']}]");
    place.shelf.is_closed.store(true, Ordering::SeqCst);
    place.start();
    place.write("a.log", "1\n");
    let start = Instant::now();
    while place.shelf.calls.load(Ordering::SeqCst) < 3 {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(10));
    }
    place.write("a.log", "2\n");
    assert_eq!(
        place
            .telemetry
            .bytes
            .get_or_create(&crate::logs::telemetry::of(SOURCE))
            .get(),
        2
    );
    // Who ends meanwhile goes on later.
    place.end();
    place.shelf.is_closed.store(false, Ordering::SeqCst);
    place.start();
    place.until(&["a.log: 1", "a.log: 2"]);
}

#[test]
fn damaged_positions_are_set_aside_and_said() {
    let mut place = Place::new("[{include: ['LOGS/*.log']}]");
    std::fs::write(place.folder.path().join("data/log-positions.json"), "{damaged").unwrap();
    place.write("a.log", "1\n");
    place.start();
    place.until(&["a.log: 1"]);
    assert!(
        place
            .folder
            .path()
            .join("data/quarantine/log-positions.json")
            .exists()
    );
}

#[test]
fn folders_that_come_later_are_looked_into() {
    let mut place = Place::new("[{include: ['LOGS/not/yet/*/x/*.log']}]");
    place.start();
    std::thread::sleep(Duration::from_millis(300));
    let start = Instant::now();
    std::fs::create_dir_all(place.path("not/yet/new/x")).unwrap();
    place.write("not/yet/new/x/a.log", "1\n");
    place.until(&["a.log: 1"]);
    assert!(start.elapsed() < Duration::from_secs(5), "the kernel tells of it");
    // Links lead to files whose folders are watched, too.
    std::fs::create_dir_all(place.path("elsewhere")).unwrap();
    place.write("elsewhere/b", "1\n");
    std::os::unix::fs::symlink(place.path("elsewhere/b"), place.path("not/yet/new/x/b.log")).unwrap();
    place.until(&["a.log: 1", "b.log: 1"]);
    place.write("elsewhere/b", "2\n");
    let start = Instant::now();
    place.until(&["a.log: 1", "b.log: 1", "b.log: 2"]);
    assert!(start.elapsed() < Duration::from_secs(5), "the kernel tells of it");
}

#[test]
fn a_pipe_beside_a_log_holds_nothing_up() {
    let mut place = Place::new("[{include: ['LOGS/*.log']}]");
    place.write("app.log", "1\n");
    place.start();
    place.until(&["app.log: 1"]);
    let (pipe, mode) = (place.path("app.log.1"), rustix::fs::Mode::from_raw_mode(0o600));
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    // A copy of what it held is looked for.
    std::fs::write(place.path("app.log"), "2\n3\n").unwrap();
    place.until(&["app.log: 1", "app.log: 2", "app.log: 3"]);
}

#[test]
fn a_copy_that_is_removed_is_not_read_again() {
    let mut place = Place::new("[{include: ['LOGS/app.log*']}]");
    place.write("app.log", "1\n2\n");
    place.start();
    place.until(&["app.log: 1", "app.log: 2"]);
    std::fs::copy(place.path("app.log"), place.path("app.log.1")).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    std::fs::remove_file(place.path("app.log.1")).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let rotated = place.telemetry.rotated.get();
    assert_eq!(rotated, 1);
    // Files that come and go make it look around again.
    place.write("app.log.other", "3\n");
    place.until(&["app.log: 1", "app.log: 2", "app.log.other: 3"]);
    place.write("x", "");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(place.telemetry.rotated.get(), rotated);
    // Of a copy without a name, too, what the original holds no more is read.
    std::fs::write(place.path("app.log"), "").unwrap();
    place.write("app.log", "4\n");
    let all = ["app.log: 1", "app.log: 2", "app.log.other: 3", "app.log: 4"];
    place.until(&all);
    std::thread::sleep(Duration::from_millis(500));
    place.until(&all);
    assert_eq!(place.telemetry.lost.get(), 0);
}

#[test]
fn a_file_that_begins_like_another_one_is_read_as_soon_as_it_differs() {
    let mut place = Place::new("[{include: ['LOGS/*.log']}]");
    place.write("app.log", "banner\n1\n");
    place.start();
    place.until(&["app.log: banner", "app.log: 1"]);
    place.write("app-1.log", "banner\n");
    std::thread::sleep(Duration::from_millis(500));
    place.write("app-1.log", "2\n");
    let mut all = vec![
        "app.log: banner",
        "app.log: 1",
        "app-1.log: banner",
        "app-1.log: 2",
    ];
    place.until(&all);
    // The same, and then longer.
    place.write("app-2.log", "banner\n1\n");
    std::thread::sleep(Duration::from_millis(500));
    place.until(&all);
    place.write("app-2.log", "3\n");
    all.extend(["app-2.log: banner", "app-2.log: 1", "app-2.log: 3"]);
    place.until(&all);
}

#[test]
fn a_list_is_known_again_though_it_found_no_file() {
    let mut place = Place::new("[{include: ['LOGS/*.log'], read_from: end}]");
    place.start();
    let kept = place.folder.path().join("data/log-positions.json");
    let start = Instant::now();
    while !kept.exists() {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(10));
    }
    place.end();
    place.write("a.log", "1\n");
    place.start();
    place.until(&["a.log: 1"]);
}

#[test]
fn lines_under_way_of_a_list_that_is_no_more_are_counted() {
    let mut place = Place::new("[{include: ['LOGS/*.log']}]");
    place.write("a.log", "1\n2\n");
    place.shelf.is_closed.store(true, Ordering::SeqCst);
    place.start();
    let start = Instant::now();
    while place.shelf.calls.load(Ordering::SeqCst) == 0 {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(10));
    }
    place.end();
    place.shelf.is_closed.store(false, Ordering::SeqCst);
    place.config.files.clear();
    place.start();
    while place.telemetry.lost.get() != 4 {
        assert!(start.elapsed() < PATIENCE, "{}", place.telemetry.lost.get());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_name_that_is_no_text_stops_nothing() {
    use std::os::unix::ffi::OsStrExt;
    let mut place = Place::new("[{include: ['LOGS/app.log']}]");
    place.write("app.log", "1\n");
    place.start();
    place.until(&["app.log: 1"]);
    place.end();
    place.write("app.log", "2\n");
    let odd = place
        .folder
        .path()
        .join("logs")
        .join(std::ffi::OsStr::from_bytes(b"app.log.\xff"));
    std::fs::rename(place.path("app.log"), odd).unwrap();
    place.start();
    place.until(&["app.log: 1", "app.log: 2"]);
    place.write("app.log", "3\n");
    place.until(&["app.log: 1", "app.log: 2", "app.log: 3"]);
}

#[test]
fn a_line_that_a_container_has_begun_holds_its_other_stream_up_for_a_while_only() {
    let mut place = Place::new("[{include: ['LOGS/*.log'], format: container}]");
    place.write("a.log", "2024-05-01T10:00:00Z stdout P begun\n");
    place.start();
    let start = Instant::now();
    let mut written = 0;
    while place.shelf.lines.lock().is_empty() {
        assert!(start.elapsed() < PATIENCE);
        place.write("a.log", "2024-05-01T10:00:01Z stderr F other\n");
        written += 1;
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(start.elapsed() >= crate::limits::LOG_BEGUN_WAIT);
    place.write("a.log", "2024-05-01T10:00:02Z stdout F  and ended\n");
    let mut expected = vec!["a.log: begun", "a.log:  and ended"];
    expected.extend(vec!["a.log: other"; written]);
    place.until(&expected);
}

#[test]
fn a_renamed_file_that_rests_is_read_again_when_it_grows() {
    let place = Place::new("[{include: ['LOGS/app.log']}]");
    place.write("app.log", "1\n");
    let shelf: Arc<dyn LogWrite> = Arc::<Shelf>::clone(&place.shelf);
    let clock = testkit::FakeClock::new(1_714_557_600_000);
    let deps = GathererDeps {
        files: Arc::clone(&shelf),
        journal: shelf,
        folder: place.folder.path().join("data"),
        clock: Arc::<testkit::FakeClock>::clone(&clock),
        telemetry: place.telemetry.clone(),
    };
    let mut follower = Follower::open(&place.config, deps, Stop::new().unwrap()).unwrap();
    let mut step = |wait| {
        clock.advance(wait);
        follower.scan();
        follower.take_notice(&watch::Changes::default());
        follower.round();
        follower.let_go();
        follower.show();
    };
    step(Duration::ZERO);
    place.until(&["app.log: 1"]);
    place.rename("app.log", "old");
    step(Duration::from_secs(1));
    step(crate::limits::LOG_LEAVE_WAIT);
    step(crate::limits::LOG_LEAVE_WAIT);
    assert_eq!(
        (place.telemetry.files.get(), place.telemetry.files_open.get()),
        (1, 0)
    );
    place.write("old", "2\n");
    step(Duration::from_mins(10));
    place.until(&["app.log: 1", "app.log: 2"]);
    std::fs::remove_file(place.path("old")).unwrap();
    step(crate::limits::LOG_LEAVE_WAIT);
    step(crate::limits::LOG_LEAVE_WAIT);
    assert_eq!((place.telemetry.files.get(), place.telemetry.lost.get()), (0, 0));
}

#[test]
fn a_file_waits_until_it_is_known_whose_its_lines_are_and_no_other_file_does() {
    let mut place = Place::new("[{include: ['LOGS/*.log']}]");
    *place.shelf.unknown.lock() = Some("pod.log");
    place.write("pod.log", "1\n");
    place.start();
    place.write("other.log", "1\n");
    place.until(&["other.log: 1"]);
    place.write("other.log", "2\n");
    place.until(&["other.log: 1", "other.log: 2"]);
    *place.shelf.unknown.lock() = None;
    place.until(&["other.log: 1", "other.log: 2", "pod.log: 1"]);
    // Once known, it waits anew where it is not known any more.
    *place.shelf.unknown.lock() = Some("pod.log");
    place.write("pod.log", "2\n");
    place.write("other.log", "3\n");
    place.until(&["other.log: 1", "other.log: 2", "other.log: 3", "pod.log: 1"]);
}

#[test]
fn a_file_waits_only_so_long_and_once() {
    let mut place = Place::new("[{include: ['LOGS/*.log']}]");
    *place.shelf.unknown.lock() = Some("pod.log");
    place.write("pod.log", "1\n");
    let start = Instant::now();
    place.start();
    place.until(&["pod.log: 1"]);
    assert!(start.elapsed() >= LOG_KNOWN_WAIT, "{:?}", start.elapsed());
    let start = Instant::now();
    place.write("pod.log", "2\n");
    place.until(&["pod.log: 1", "pod.log: 2"]);
    assert!(start.elapsed() < LOG_KNOWN_WAIT, "{:?}", start.elapsed());
}

#[test]
fn a_batch_that_was_under_way_waits_until_it_is_known_whose_its_lines_are() {
    let mut place = Place::new("[{include: ['LOGS/*.log']}]");
    place.shelf.is_closed.store(true, Ordering::SeqCst);
    place.write("pod.log", "1\n");
    place.start();
    let start = Instant::now();
    while place.shelf.calls.load(Ordering::SeqCst) == 0 {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(10));
    }
    place.end();
    place.shelf.is_closed.store(false, Ordering::SeqCst);
    *place.shelf.unknown.lock() = Some("pod.log");
    let calls = place.shelf.calls.load(Ordering::SeqCst);
    place.start();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(place.shelf.calls.load(Ordering::SeqCst), calls);
    *place.shelf.unknown.lock() = None;
    place.until(&["pod.log: 1"]);
}
