//! How far it is, on standard error: one line that changes on a terminal, a line now and then elsewhere.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

const ON_TERMINAL: Duration = Duration::from_millis(200);
const ELSEWHERE: Duration = Duration::from_secs(10);

/// Tells how far it is, not too often.
#[derive(Debug)]
pub(super) struct Progress {
    told_at: Instant,
    every: Duration,
    on_terminal: bool,
    shown: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        let on_terminal = std::io::stderr().is_terminal();
        Self {
            told_at: Instant::now(),
            every: if on_terminal { ON_TERMINAL } else { ELSEWHERE },
            on_terminal,
            shown: false,
        }
    }

    /// Shows `text` if it is time.
    pub(super) fn tell(&mut self, text: impl FnOnce() -> String) {
        if self.told_at.elapsed() < self.every {
            return;
        }
        self.told_at = Instant::now();
        self.shown = true;
        // A reader of progress that went away is no fault of the work.
        let _ = if self.on_terminal {
            write!(std::io::stderr(), "\r\x1b[K{}", text())
        } else {
            writeln!(std::io::stderr(), "{}", text())
        };
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.on_terminal && self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// Says something on standard error, beside the progress.
pub(super) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
