//! What a process has cost so far, as the kernel counts it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::shell;

/// A reading.
#[derive(Debug, Clone, Copy)]
pub(super) struct ProcessCost {
    taken: Instant,
    cpu: Duration,
    /// Memory that is really there, in bytes.
    pub(super) resident_bytes: u64,
}

impl ProcessCost {
    /// The share of one core used since an earlier reading.
    pub(super) fn cpu_share_since(&self, earlier: &Self) -> f64 {
        let wall = self.taken.duration_since(earlier.taken).as_secs_f64();
        (self.cpu.saturating_sub(earlier.cpu)).as_secs_f64() / wall.max(f64::MIN_POSITIVE)
    }
}

/// Reads `/proc/ID/stat` and `/proc/ID/status`.
pub(super) fn read(id: u32) -> Result<ProcessCost> {
    let folder = format!("/proc/{id}");
    let text = |name: &str| {
        let path = format!("{folder}/{name}");
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
    };
    let ticks_per_second = shell::output(Path::new("/"), &["getconf", "CLK_TCK"])?;
    let ticks_per_second: f64 = ticks_per_second
        .trim()
        .parse()
        .context("getconf CLK_TCK gave no number")?;
    let stat = text("stat")?;
    let ticks = cpu_ticks(&stat).with_context(|| format!("{folder}/stat is not as proc(5) says: {stat}"))?;
    let status = text("status")?;
    let resident_bytes = resident_bytes(&status).with_context(|| format!("{folder}/status has no VmRSS"))?;
    Ok(ProcessCost {
        taken: Instant::now(),
        cpu: Duration::from_secs_f64(ticks as f64 / ticks_per_second),
        resident_bytes,
    })
}

/// Fields 14 and 15 of proc_pid_stat(5): user and system time. The name in field 2 may hold blanks and brackets.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    user.checked_add(system)
}

fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194560 100 0 0 0 7 5 0 0 20 0 3 0 100 1000 200";
        assert_eq!(cpu_ticks(stat), Some(12));
        assert_eq!(cpu_ticks("42 (a) S 1"), None);
        assert_eq!(
            resident_bytes("VmSize:\t 900 kB\nVmRSS:\t  12 kB\n"),
            Some(12 * 1024)
        );
        assert_eq!(resident_bytes("VmSize:\t 900 kB\n"), None);
    }

    #[test]
    fn work_is_seen_as_cost() {
        let before = read(std::process::id()).unwrap();
        let start = Instant::now();
        let mut sum = 0u64;
        while start.elapsed() < Duration::from_millis(300) {
            sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(7));
        }
        let after = read(std::process::id()).unwrap();
        assert!(after.cpu_share_since(&before) > 0.0);
        assert!(after.resident_bytes > 100_000);
    }
}
