//! Entries of several lines, such as errors with the calls that led to them.

use std::time::Duration;

use regex::bytes::Regex;

use super::plain::cut_off;
use super::{Cut, End, Lines, Take};
use crate::limits::LOG_LINE_BYTES_MAX;
use crate::logs::config::MultilineConfig;

/// Which lines belong together.
#[derive(Debug)]
pub(in crate::logs) struct Multiline {
    rule: Regex,
    /// Whether the rule fits first lines; else those that go on.
    fits_first: bool,
    lines_max: usize,
    pub(super) wait: Duration,
}

/// An entry that is being put together.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    start: usize,
    end: usize,
    lines: usize,
}

impl Multiline {
    pub(super) fn new(config: &MultilineConfig) -> Result<Self, String> {
        let (rule, fits_first) = config.rule()?;
        Ok(Self {
            rule,
            fits_first,
            lines_max: config.max_lines,
            wait: config.max_wait.0,
        })
    }

    fn begins(&self, line: &[u8]) -> bool {
        self.rule.is_match(line) == self.fits_first
    }

    pub(super) fn cut(&self, window: &[u8], end: End, take: &mut Take<'_>) -> Cut {
        let mut entry = Entry::default();
        let mut more = true;
        let mut hand_over = |entry: Entry| {
            let text = window.get(entry.start..entry.end).unwrap_or_default();
            text.is_empty() || take(cut_off(text))
        };
        let mut before = 0;
        for line in Lines::new(window, end) {
            let is_full = entry.lines >= self.lines_max
                || line.next - entry.start > LOG_LINE_BYTES_MAX.max(line.text.len());
            if entry.lines > 0 && (is_full || self.begins(line.text)) {
                more = hand_over(entry);
                entry = Entry {
                    start: before,
                    ..Entry::default()
                };
                if !more {
                    break;
                }
            }
            entry.lines += 1;
            entry.end = before + line.text.len();
            before = line.next;
        }
        let mut cut = Cut {
            consumed: entry.start,
            is_skipping: false,
        };
        if more && entry.lines > 0 && matches!(end, End::Waited | End::Closed) {
            hand_over(entry);
            cut.consumed = before;
        } else if more && window.len() - entry.start > LOG_LINE_BYTES_MAX {
            // What is there is already longer than an entry may be.
            if entry.lines > 0 {
                hand_over(entry);
                cut.consumed = before;
            } else {
                hand_over(Entry {
                    end: window.len(),
                    ..entry
                });
                cut = Cut {
                    consumed: window.len(),
                    is_skipping: true,
                };
            }
        }
        cut
    }
}
