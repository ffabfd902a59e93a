//! One entry a line.

use super::{Cut, End, Lines, Record, Take};
use crate::limits::LOG_LINE_BYTES_MAX;

/// Hands over the lines of a stretch; empty ones are left out.
pub(super) fn cut(window: &[u8], end: End, take: &mut Take<'_>) -> Cut {
    let mut consumed = 0;
    for line in Lines::new(window, end) {
        consumed = line.next;
        if !line.text.is_empty() && !take(cut_off(line.text)) {
            return Cut {
                consumed,
                is_skipping: false,
            };
        }
    }
    // A line without an end is already longer than any may be.
    let rest = window.get(consumed..).unwrap_or_default();
    if rest.len() > LOG_LINE_BYTES_MAX {
        take(cut_off(rest));
        return Cut {
            consumed: window.len(),
            is_skipping: true,
        };
    }
    Cut {
        consumed,
        is_skipping: false,
    }
}

/// The line as long as it may be.
pub(super) fn cut_off(line: &[u8]) -> Record<'_> {
    let text = line.get(..LOG_LINE_BYTES_MAX).unwrap_or(line);
    Record {
        is_cut: text.len() < line.len(),
        ..Record::of_text(text)
    }
}
