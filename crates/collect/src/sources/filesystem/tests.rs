//! A filesystem that hangs, fails and comes back, seen from the tick.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::mounts::{Mount, mounts};
use super::prober::{Answers, Prober};
use super::*;
use crate::telemetry::FilesystemLabels;

const TABLE: &[u8] = b"1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 8:2 / /dead rw - nfs4 s:/x rw\n\
    3 1 8:3 / /denied rw - ext4 /dev/c rw\n4 1 8:4 / /last rw - ext4 /dev/d rw\n";

/// `/dead` answers only when a word comes, `/denied` never, the rest at once.
fn asking() -> (AskUsage, Sender<()>) {
    let (wake, asleep): (Sender<()>, Receiver<()>) = channel();
    let asleep = Mutex::new(asleep);
    let ask = move |path: &Path| match path.to_str() {
        Some("/dead") => {
            let _ = asleep.lock().recv();
            Ok(Usage::default())
        }
        Some("/denied") => Err(io::Error::from(io::ErrorKind::PermissionDenied)),
        _ => Ok(Usage {
            total_bytes: 100,
            free_bytes: 50,
            available_bytes: 40,
            inodes: 10,
            inodes_free: 4,
        }),
    };
    (Arc::new(ask), wake)
}

fn questions() -> Vec<(std::path::PathBuf, Mount)> {
    let table = mounts(TABLE).into_iter();
    table
        .map(|mount| (mount.path_below(Path::new("/")), mount))
        .collect()
}

fn places(answers: Option<Answers>) -> Vec<String> {
    answers
        .expect("a round must end")
        .iter()
        .map(|(mount, _)| mount.mount_point_words())
        .collect()
}

fn failures(telemetry: &Telemetry, mountpoint: &str, reason: &'static str) -> u64 {
    let labels = FilesystemLabels {
        mountpoint: mountpoint.into(),
        reason,
    };
    telemetry.filesystem_failures.get_or_create(&labels).get()
}

#[test]
fn a_hung_filesystem_holds_up_nobody() {
    let (ask, wake) = asking();
    let telemetry = Telemetry::default();
    let timeout = Duration::from_millis(50);
    let prober = Prober::start_with(&ask, &telemetry, timeout).unwrap();
    let patience = Duration::from_secs(20);

    let started = Instant::now();
    prober.ask(questions());
    assert_eq!(prober.answers(Duration::ZERO), None, "asking does not wait");
    assert!(started.elapsed() < Duration::from_secs(1));
    assert_eq!(places(prober.answers(patience)), ["/", "/last"]);
    assert_eq!(failures(&telemetry, "/dead", "timeout"), 1);
    assert_eq!(failures(&telemetry, "/denied", "error"), 1);

    // The second round does not wait for it again.
    prober.ask(questions());
    assert_eq!(places(prober.answers(patience)), ["/", "/last"]);
    assert_eq!(failures(&telemetry, "/dead", "timeout"), 2);

    // It wakes up: the answer of then is thrown away, and it is asked anew. Its second question is answered at once.
    wake.send(()).unwrap();
    wake.send(()).unwrap();
    let recovered = (0..100).any(|_| {
        prober.ask(questions());
        places(prober.answers(patience)).contains(&"/dead".to_owned())
    });
    assert!(recovered, "a filesystem that answers again has its row again");
}

#[test]
fn a_round_that_is_not_through_refuses_the_next_and_counts_it() {
    let (ask, _wake) = asking();
    let telemetry = Telemetry::default();
    let prober = Prober::start_with(&ask, &telemetry, Duration::from_secs(5)).unwrap();
    for _ in 0..4 {
        prober.ask(questions());
    }
    assert!(failures(&telemetry, "/last", "busy") >= 2);
}

#[test]
fn reserved_space_belongs_to_nobody_ordinary() {
    let mut slate = Slate::new("box".into());
    let [mount, ..] = &mounts(TABLE)[..] else {
        panic!("the table has mounts");
    };
    let row = FilesystemRow::new(&mut slate, mount);
    let usage = Usage {
        total_bytes: 1000,
        free_bytes: 300,
        available_bytes: 100,
        inodes: 0,
        inodes_free: 0,
    };
    assert_eq!(row.set(&mut slate, &usage), Some(700.0 / 800.0));
    assert_eq!(row.set(&mut slate, &Usage::default()), None);
}
