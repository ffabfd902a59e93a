//! `/proc/PID/stat` (proc_pid_stat(5)).

use crate::text;

/// What is read of a process' `stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    /// The state's letter.
    pub(super) state: u8,
    pub(super) is_kernel_thread: bool,
    /// User and system time, in clock ticks.
    pub(super) cpu_ticks: u64,
    pub(super) threads: u32,
    /// Clock ticks between boot and the process' start; with its number it tells processes apart.
    pub(super) started_ticks: u64,
    pub(super) resident_pages: u64,
}

/// `PF_KTHREAD` of include/linux/sched.h.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// The kernel's short name of the process, and the numbers.
pub(super) fn parse(text: &[u8]) -> Option<(&[u8], Stat)> {
    // The name stands in brackets and may itself hold brackets and blanks, so its end is the last bracket.
    let start = text.iter().position(|byte| *byte == b'(')?.checked_add(1)?;
    let end = text.iter().rposition(|byte| *byte == b')')?;
    let name = text.get(start..end)?;
    let mut fields = text::fields(text.get(end..)?.strip_prefix(b")")?);
    let state = *fields.next()?.first()?;
    let flags = fields.nth(5).and_then(text::number)?;
    let user = fields.nth(4).and_then(text::number)?;
    let system = fields.next().and_then(text::number)?;
    let threads = fields.nth(4).and_then(text::number)?;
    let started_ticks = fields.nth(1).and_then(text::number)?;
    let resident_pages = fields.nth(1).and_then(text::signed)?;
    let stat = Stat {
        state,
        is_kernel_thread: flags & KERNEL_THREAD != 0,
        cpu_ticks: user.saturating_add(system),
        threads: u32::try_from(threads).unwrap_or(u32::MAX),
        started_ticks,
        resident_pages: u64::try_from(resident_pages).unwrap_or(0),
    };
    Some((name, stat))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_brackets_and_blanks_do_not_shift_the_fields() {
        let text = b"42 (a) b (c)) S 1 42 42 0 -1 4194560 1617 0 1 0 350 150 0 0 20 0 7 0 98765 1000000 256 1844 1 1";
        let (name, stat) = parse(text).unwrap();
        assert_eq!(name, b"a) b (c)");
        let expected = Stat {
            state: b'S',
            is_kernel_thread: false,
            cpu_ticks: 500,
            threads: 7,
            started_ticks: 98765,
            resident_pages: 256,
        };
        assert_eq!(stat, expected);
    }

    #[test]
    fn half_a_line_is_no_process() {
        for text in [&b""[..], b"42", b"42 (x", b"42 )x(", b"42 (x) S 1 2 3", b"42 (x)"] {
            assert_eq!(parse(text), None);
        }
    }
}
