//! Processes summed by executable, and series for the top of them.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;

use crate::limits;
use crate::metric::Metric;
use crate::slate::{Slate, SlotId};
use crate::text;

pub(super) const CPU_TIME: Metric = Metric::counter(
    "process_cpu_time_seconds_total",
    &["process_executable_name"],
    "seconds",
    "CPU time of the top executables since they were first seen, ended processes included; taken every 5 s",
);
pub(super) const MEMORY: Metric = Metric::gauge(
    "process_memory_usage_bytes",
    &["process_executable_name"],
    "bytes",
    "Resident memory of the top executables, summed over their processes; taken every 5 s",
);

/// What one process adds to its executable.
pub(super) struct Use<'a> {
    pub(super) name: &'a Arc<str>,
    pub(super) spent_ticks: u64,
    pub(super) resident_pages: u64,
}

/// All executables that run.
pub(super) struct Executables {
    top: usize,
    ticks_per_second: f64,
    page_bytes: f64,
    by_name: FxHashMap<Arc<str>, Executable>,
}

#[derive(Default)]
struct Executable {
    /// CPU time since this executable was first seen, in clock ticks. It starts at zero, so that a restart of the
    /// watcher looks like what it is, a counter that starts anew.
    total_ticks: u64,
    spent_ticks: u64,
    resident_pages: u64,
    process_count: u32,
    /// When it was last among the top.
    top_at: Option<Duration>,
    slots: Option<[SlotId; 2]>,
}

impl Executables {
    /// Series for `top` executables by CPU and as many by memory.
    pub(super) fn new(top: usize) -> Self {
        Self {
            top,
            ticks_per_second: rustix::param::clock_ticks_per_second() as f64,
            page_bytes: rustix::param::page_size() as f64,
            by_name: FxHashMap::default(),
        }
    }

    /// The name to sum under, shared by all processes that have it. Kernel threads stand in brackets as ps(1) shows them,
    /// without the part that tells them from their like.
    pub(super) fn name_of(&self, name: &[u8], is_kernel_thread: bool) -> Arc<str> {
        let words = text::words(name);
        let name = if is_kernel_thread {
            format!("[{}]", text::words(kernel_family(name)))
        } else {
            words.into_owned()
        };
        match self.by_name.get_key_value(name.as_str()) {
            Some((known, _)) => Arc::clone(known),
            None => Arc::from(name),
        }
    }

    /// Whether `known` is what [`Executables::name_of`] says, found out without allocating.
    pub(super) fn is_named(known: &str, name: &[u8], is_kernel_thread: bool) -> bool {
        if is_kernel_thread {
            let inner = known.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            inner.is_some_and(|inner| inner == text::words(kernel_family(name)))
        } else {
            known == text::words(name)
        }
    }

    /// Adds up what all processes use, and sets the series of the top. Returns how many executables were left out.
    pub(super) fn write<'a>(
        &mut self,
        uses: impl Iterator<Item = Use<'a>>,
        now: Duration,
        slate: &mut Slate,
    ) -> u64 {
        let refused = self.add_up(uses);
        self.mark_top(now);
        let (ticks_per_second, page_bytes) = (self.ticks_per_second, self.page_bytes);
        self.by_name.retain(|name, executable| {
            let is_wanted = executable
                .top_at
                .is_some_and(|top_at| now.saturating_sub(top_at) < limits::EXECUTABLE_LINGER);
            if is_wanted && executable.process_count > 0 {
                let [cpu, memory] = *executable
                    .slots
                    .get_or_insert_with(|| [slate.slot(&CPU_TIME, &[name]), slate.slot(&MEMORY, &[name])]);
                slate.set(cpu, executable.total_ticks as f64 / ticks_per_second);
                slate.set(memory, executable.resident_pages as f64 * page_bytes);
            } else if let Some(slots) = executable.slots.take() {
                for slot in slots {
                    slate.release(slot);
                }
            }
            // One that pauses between short runs keeps its sum while it may have series.
            executable.process_count > 0 || is_wanted
        });
        refused
    }

    fn add_up<'a>(&mut self, uses: impl Iterator<Item = Use<'a>>) -> u64 {
        for executable in self.by_name.values_mut() {
            executable.spent_ticks = 0;
            executable.resident_pages = 0;
            executable.process_count = 0;
        }
        let mut refused = 0;
        for used in uses {
            if !self.by_name.contains_key(&**used.name) {
                if self.by_name.len() >= limits::EXECUTABLES_MAX {
                    refused += 1;
                    continue;
                }
                self.by_name.insert(Arc::clone(used.name), Executable::default());
            }
            let Some(executable) = self.by_name.get_mut(&**used.name) else {
                continue;
            };
            executable.spent_ticks = executable.spent_ticks.saturating_add(used.spent_ticks);
            executable.total_ticks = executable.total_ticks.saturating_add(used.spent_ticks);
            executable.resident_pages = executable.resident_pages.saturating_add(used.resident_pages);
            executable.process_count = executable.process_count.saturating_add(1);
        }
        refused
    }

    fn mark_top(&mut self, now: Duration) {
        let keys: [fn(&Executable) -> u64; 2] = [|one| one.spent_ticks, |one| one.resident_pages];
        for key in keys {
            let used = self.by_name.values_mut().filter(|executable| key(executable) > 0);
            let mut used: Vec<&mut Executable> = used.collect();
            used.sort_unstable_by_key(|executable| Reverse(key(executable)));
            for executable in used.into_iter().take(self.top) {
                executable.top_at = Some(now);
            }
        }
    }
}

/// `kworker/3:1-events` and its like do one kind of work: the family is what comes before slash or colon.
fn kernel_family(name: &[u8]) -> &[u8] {
    let end = name.iter().position(|byte| matches!(byte, b'/' | b':'));
    name.get(..end.unwrap_or(name.len())).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_threads_are_summed_by_family() {
        let executables = Executables::new(1);
        let check = |name: &[u8], is_kernel_thread: bool, sum_name: &str| {
            let found = executables.name_of(name, is_kernel_thread);
            assert_eq!(&*found, sum_name);
            assert!(Executables::is_named(&found, name, is_kernel_thread));
        };
        check(b"kworker/u8:3-flush", true, "[kworker]");
        check(b"ksoftirqd/0", true, "[ksoftirqd]");
        check(b"a/b", false, "a/b");
        assert!(!Executables::is_named("nginx", b"postgres", false));
    }

    #[test]
    fn one_that_was_at_the_top_lingers_and_then_ends() {
        let mut slate = Slate::new("box".into());
        let mut executables = Executables::new(1);
        let mut write = |seconds: u64, big_pages: u64, small_pages: u64| {
            let names: [Arc<str>; 2] = ["big".into(), "small".into()];
            let pages = [big_pages, small_pages];
            let uses = names.iter().zip(pages).map(|(name, resident_pages)| Use {
                name,
                spent_ticks: 0,
                resident_pages,
            });
            executables.write(uses, Duration::from_secs(seconds), &mut slate);
            let mut batch = model::SeriesBatch::default();
            slate.close(0, &mut batch);
            let live = |(series, samples): (&model::Series, &[model::Sample])| {
                let is_value = samples.iter().all(|sample| !model::is_stale(sample.value));
                let name = series.labels().get("process_executable_name").map(str::to_owned);
                name.filter(|_| is_value && series.labels().metric_name() == MEMORY.name)
            };
            let mut names: Vec<String> = batch.iter().filter_map(live).collect();
            names.sort();
            names
        };
        assert_eq!(write(0, 9, 1), ["big"]);
        assert_eq!(write(5, 1, 9), ["big", "small"]);
        assert_eq!(write(59, 1, 9), ["big", "small"]);
        assert_eq!(write(61, 1, 9), ["small"]);
    }
}
