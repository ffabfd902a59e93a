//! Processes: how many in which state, and what the greediest use.
//!
//! In: `/proc/PID/stat` of every process, and for the few that are shown also command line, executable and owner.
//! Out: counts, CPU time and memory of the top executables; a table of the top processes for people.
//! Owns: what was last seen of each process.
//! Invariants: the CPU time of an executable never falls while processes come and go
//! (`tests::cpu_time_of_an_executable_never_falls`); arguments are shown only where the configuration says so
//! (`details::tests`).
//! Not here: containers and services.
//! Start at: [`KIND`].

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;

use crate::error::Error;
use crate::limits;
use crate::metric::Metric;
use crate::slate::{Slate, SlotId};
use crate::sources::{Facts, Moment, Opening, Seen, Source, SourceKind};
use crate::view::{ProcessRow, ProcessTable};

mod details;
mod executables;
mod folder;
mod stat;
mod users;

use details::Details;
use executables::Executables;
use folder::ProcFolder;
use stat::Stat;

const COUNT: Metric = Metric::gauge(
    "system_processes_count",
    &["status"],
    "",
    "Processes by status: running, sleeping, blocked (waiting for a device), stopped, defunct, idle (kernel)",
);

pub(super) const KIND: SourceKind = SourceKind {
    name: "processes",
    metrics: &[COUNT, executables::CPU_TIME, executables::MEMORY],
    open,
    every: limits::PROCESSES_EVERY,
    slows_down: true,
    parse: |text| {
        let _ = (
            stat::parse(text),
            details::effective_user(text),
            users::parse(text),
        );
        let _ = (
            details::shown(text, None, true),
            details::shown(text, Some(text), false),
        );
    },
};

const STATUSES: [&str; 6] = ["running", "sleeping", "blocked", "stopped", "defunct", "idle"];

struct Processes {
    folder: ProcFolder,
    details: Details,
    statuses: [SlotId; STATUSES.len()],
    known: FxHashMap<u32, Process>,
    executables: Executables,
    ticks_per_second: f64,
    last: Option<LastLook>,
    boot_ms: Option<i64>,
    refused: u64,
}

/// When processes were looked at before.
#[derive(Debug, Clone, Copy)]
struct LastLook {
    monotonic: Duration,
    uptime_ticks: u64,
}

/// What is remembered of a process from one look to the next.
struct Process {
    stat: Stat,
    name: Arc<str>,
    /// CPU time since the look before, in clock ticks; `None` where it is not known.
    spent: Option<u64>,
    seen: bool,
}

fn open(opening: &Opening<'_>, slate: &mut Slate) -> Box<dyn Source> {
    Box::new(Processes {
        folder: ProcFolder::new(opening.roots.proc.clone()),
        details: Details::new(opening.roots, opening.config.process_arguments),
        statuses: slate.slots(&COUNT, STATUSES),
        known: FxHashMap::default(),
        executables: Executables::new(opening.config.processes_top),
        ticks_per_second: rustix::param::clock_ticks_per_second() as f64,
        last: None,
        boot_ms: None,
        refused: 0,
    })
}

impl Source for Processes {
    fn observe(&mut self, moment: Moment, slate: &mut Slate, facts: &mut Facts) -> Result<Seen, Error> {
        let Some(uptime) = facts.uptime_seconds else {
            return Err(Error::Malformed {
                path: self.folder.path().join("uptime"),
                what: "the time since boot, by which processes are dated",
            });
        };
        self.look()?;
        for (slot, count) in self.statuses.iter().zip(self.count_by_status()) {
            slate.set(*slot, f64::from(count));
        }
        let used = self.known.values().map(|process| executables::Use {
            name: &process.name,
            spent_ticks: process.spent.unwrap_or(0),
            resident_pages: process.stat.resident_pages,
        });
        self.refused += self.executables.write(used, moment.monotonic, slate);
        facts.processes = Arc::new(self.table(moment, uptime));
        self.last = Some(LastLook {
            monotonic: moment.monotonic,
            uptime_ticks: (uptime * self.ticks_per_second) as u64,
        });
        Ok(Seen::Fresh)
    }

    fn rows_refused(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }
}

// === impl Processes ===

impl Processes {
    /// Looks at every process there is now.
    fn look(&mut self) -> Result<(), Error> {
        let (known, executables, last) = (&mut self.known, &mut self.executables, self.last);
        self.refused += self.folder.for_each_stat(|pid, text| {
            let Some((name, stat)) = stat::parse(text) else {
                return;
            };
            match known.get_mut(&pid) {
                Some(process) if process.stat.started_ticks == stat.started_ticks => {
                    process.spent = Some(stat.cpu_ticks.saturating_sub(process.stat.cpu_ticks));
                    if !Executables::is_named(&process.name, name, stat.is_kernel_thread) {
                        process.name = executables.name_of(name, stat.is_kernel_thread);
                    }
                    process.stat = stat;
                    process.seen = true;
                }
                // A number that was given to another process is another process.
                _ => {
                    let is_new = last.is_some_and(|last| stat.started_ticks >= last.uptime_ticks);
                    let process = Process {
                        name: executables.name_of(name, stat.is_kernel_thread),
                        spent: is_new.then_some(stat.cpu_ticks),
                        stat,
                        seen: true,
                    };
                    known.insert(pid, process);
                }
            }
        })?;
        self.known.retain(|_, process| std::mem::take(&mut process.seen));
        Ok(())
    }

    fn count_by_status(&self) -> [u32; STATUSES.len()] {
        let mut counts = [0u32; STATUSES.len()];
        for process in self.known.values() {
            let status = status_of(process.stat.state);
            let place = STATUSES.iter().position(|name| *name == status);
            if let Some(count) = place.and_then(|place| counts.get_mut(place)) {
                *count = count.saturating_add(1);
            }
        }
        counts
    }

    /// The top by CPU and the top by memory, merged.
    fn table(&mut self, moment: Moment, uptime_seconds: f64) -> ProcessTable {
        let elapsed = self
            .last
            .map(|last| moment.monotonic.saturating_sub(last.monotonic).as_secs_f64());
        let boot_ms = self.boot_ms(moment.at_ms, uptime_seconds);
        let (mut shown, mut rest): (Vec<_>, Vec<_>) = self
            .known
            .iter()
            .partition(|(_, process)| process.spent.unwrap_or(0) > 0);
        shown.sort_unstable_by_key(|(pid, process)| (Reverse(process.spent), **pid));
        rest.extend(shown.drain(limits::PROCESS_ROWS_EACH.min(shown.len())..));
        rest.sort_unstable_by_key(|(pid, process)| (Reverse(process.stat.resident_pages), **pid));
        shown.extend(rest.into_iter().take(limits::PROCESS_ROWS_EACH));
        self.details.refresh_users();
        let page_bytes = rustix::param::page_size() as u64;
        let mut rows: Vec<ProcessRow> = Vec::with_capacity(shown.len());
        for (pid, process) in shown {
            let stat = &process.stat;
            let details = self.details.of(&mut self.folder, *pid, &process.name);
            let started_ms = stat.started_ticks as f64 / self.ticks_per_second * 1000.0;
            rows.push(ProcessRow {
                pid: *pid,
                name: process.name.to_string(),
                command: details.command,
                user: details.user,
                cpu_ratio: process
                    .spent
                    .zip(elapsed.filter(|seconds| *seconds > 0.0))
                    .map(|(spent, seconds)| spent as f64 / self.ticks_per_second / seconds),
                memory_bytes: stat.resident_pages.saturating_mul(page_bytes),
                threads: stat.threads,
                started_at_ms: boot_ms.saturating_add(started_ms as i64),
            });
        }
        ProcessTable {
            observed_at_ms: moment.at_ms,
            rows,
        }
    }

    /// When the machine was started. Kept, so that start times do not tremble; followed when the clock is set.
    fn boot_ms(&mut self, at_ms: i64, uptime_seconds: f64) -> i64 {
        let now = at_ms.saturating_sub((uptime_seconds * 1000.0) as i64);
        match self.boot_ms {
            Some(known) if known.abs_diff(now) < 1000 => known,
            _ => *self.boot_ms.insert(now),
        }
    }
}

/// The letters of proc_pid_stat(5) in OpenTelemetry's words, with two more for what it leaves out.
fn status_of(state: u8) -> &'static str {
    match state {
        b'R' => "running",
        b'D' => "blocked",
        b'T' | b't' => "stopped",
        b'Z' | b'X' | b'x' => "defunct",
        b'I' => "idle",
        _ => "sleeping",
    }
}

#[cfg(test)]
mod tests;
