//! Asks filesystems how full they are, where any of them may never answer.
//!
//! `statvfs` of a dead network mount sleeps in the kernel and cannot be interrupted. So each question is put by a worker
//! thread; one that does not answer in time is left to itself, and another takes its place for the others. When the
//! filesystem comes back, the worker ends and the filesystem is asked again.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::thread;
use std::time::Duration;

use tracing::{info, warn};

use crate::error::Error;
use crate::limits;
use crate::sources::{AskUsage, Usage};
use crate::telemetry::Telemetry;

use super::mounts::Mount;

/// The thread that goes through all filesystems, seen from the tick.
pub(super) struct Prober {
    questions: SyncSender<Vec<(PathBuf, Mount)>>,
    answers: Receiver<Answers>,
    telemetry: Telemetry,
}

pub(super) type Answers = Vec<(Mount, Usage)>;

struct Round {
    ask: AskUsage,
    telemetry: Telemetry,
    timeout: Duration,
    idle: Option<Worker>,
    hung: Vec<(PathBuf, Worker)>,
    failing: HashSet<PathBuf>,
}

/// A thread that may be lost to a filesystem that hangs.
struct Worker {
    paths: Sender<PathBuf>,
    usages: Receiver<io::Result<Usage>>,
}

// === impl Prober ===

impl Prober {
    /// Starts the thread; it ends when this is dropped and the round in hand is through.
    pub(super) fn start(ask: &AskUsage, telemetry: &Telemetry) -> Result<Self, Error> {
        Self::start_with(ask, telemetry, limits::FILESYSTEM_TIMEOUT)
    }

    pub(super) fn start_with(
        ask: &AskUsage,
        telemetry: &Telemetry,
        timeout: Duration,
    ) -> Result<Self, Error> {
        // One round waits at most; the tick never waits for room.
        let (questions, rounds) = sync_channel::<Vec<(PathBuf, Mount)>>(1);
        let (answered, answers) = sync_channel(1);
        let mut round = Round {
            ask: AskUsage::clone(ask),
            telemetry: telemetry.clone(),
            timeout,
            idle: None,
            hung: Vec::new(),
            failing: HashSet::new(),
        };
        let name = "collect-mounts";
        thread::Builder::new()
            .name(name.into())
            .spawn(move || {
                while let Ok(questions) = rounds.recv() {
                    if answered.send(round.go(questions)).is_err() {
                        return;
                    }
                }
            })
            .map_err(|source| Error::Thread { name, source })?;
        Ok(Self {
            questions,
            answers,
            telemetry: telemetry.clone(),
        })
    }

    /// Has filesystems asked. Where the round before is not through yet, they are not asked this time, and counted.
    pub(super) fn ask(&self, questions: Vec<(PathBuf, Mount)>) {
        let refused = self.questions.try_send(questions);
        if let Err(std::sync::mpsc::TrySendError::Full(questions)) = refused {
            for (_, mount) in questions {
                self.telemetry
                    .count_filesystem_failure(&mount.mount_point_words(), "busy");
            }
        }
    }

    /// The newest answers that were not picked up yet, waiting for them at most `patience`.
    pub(super) fn answers(&self, patience: Duration) -> Option<Answers> {
        self.answers.recv_timeout(patience).ok()
    }
}

// === impl Round ===

impl Round {
    fn go(&mut self, questions: Vec<(PathBuf, Mount)>) -> Answers {
        self.welcome_back();
        let mut answers = Vec::with_capacity(questions.len());
        let mut failing = HashSet::new();
        for (path, mount) in questions {
            let name = mount.mount_point_words();
            let (reason, detail) = match self.usage_of(&path) {
                Some(Ok(usage)) => {
                    if self.failing.contains(&path) {
                        info!(mountpoint = name, "filesystem answers again");
                    }
                    answers.push((mount, usage));
                    continue;
                }
                Some(Err(error)) => ("error", error.to_string()),
                None => ("timeout", String::new()),
            };
            self.telemetry.count_filesystem_failure(&name, reason);
            if !self.failing.contains(&path) {
                warn!(mountpoint = name, reason, detail, "filesystem does not answer");
            }
            failing.insert(path);
        }
        self.failing = failing;
        answers
    }

    /// Drops the filesystems that answered at last: what they say is of another time, so they are asked anew.
    fn welcome_back(&mut self) {
        self.hung
            .retain(|(_, worker)| matches!(worker.usages.try_recv(), Err(TryRecvError::Empty)));
    }

    /// `None` where the filesystem hangs.
    fn usage_of(&mut self, path: &PathBuf) -> Option<io::Result<Usage>> {
        let is_hung = self.hung.iter().any(|(hung, _)| hung == path);
        if is_hung || self.hung.len() >= limits::FILESYSTEMS_HUNG_MAX {
            return None;
        }
        let worker = match self.idle.take() {
            Some(worker) => worker,
            None => match Worker::start(&self.ask) {
                Ok(worker) => worker,
                Err(error) => return Some(Err(error)),
            },
        };
        if worker.paths.send(path.clone()).is_err() {
            return Some(Err(io::Error::other("the thread that asks is gone")));
        }
        match worker.usages.recv_timeout(self.timeout) {
            Ok(usage) => {
                self.idle = Some(worker);
                Some(usage)
            }
            Err(RecvTimeoutError::Timeout) => {
                self.hung.push((path.clone(), worker));
                None
            }
            Err(RecvTimeoutError::Disconnected) => {
                Some(Err(io::Error::other("the thread that asks has panicked")))
            }
        }
    }
}

// === impl Worker ===

impl Worker {
    fn start(ask: &AskUsage) -> io::Result<Self> {
        let (paths, questions) = channel::<PathBuf>();
        let (answered, usages) = channel();
        let ask = AskUsage::clone(ask);
        thread::Builder::new()
            .name("collect-statvfs".into())
            .spawn(move || {
                // Ends when nobody asks or listens any more.
                while let Ok(path) = questions.recv() {
                    if answered.send(ask(&path)).is_err() {
                        return;
                    }
                }
            })?;
        Ok(Self { paths, usages })
    }
}
