//! `journalctl`, started and listened to.

use std::collections::VecDeque;
use std::io::Read;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::super::config::Journald;
use super::super::files::Waker;
use crate::limits::JOURNAL_ENTRY_BYTES_MAX;

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 256 << 10;
/// What it said last is kept for people.
const SAID_BYTES_MAX: usize = 2 << 10;

/// A running `journalctl`. Ends with its owner.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    output: ChildStdout,
    complaints: ChildStderr,
    said: VecDeque<u8>,
    read: Vec<u8>,
    /// An entry that is too long is left out up to its end.
    is_skipping: bool,
}

/// What came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Heard {
    /// It has ended and will print nothing more.
    pub(super) is_over: bool,
    /// Entries that were too long.
    pub(super) too_long: u64,
}

impl Process {
    /// Starts it behind an entry, or at the journal's beginning.
    pub(super) fn follow(config: &Journald, after: Option<&str>) -> std::io::Result<Self> {
        let mut command = Command::new(&config.journalctl);
        command.args(["--all", "--follow", "--no-tail"]);
        command.args(after.map(|cursor| format!("--after-cursor={cursor}")));
        Self::start(command, config)
    }

    /// Starts one that prints where the last entry is that there is, and ends.
    pub(super) fn last(config: &Journald) -> std::io::Result<Self> {
        let mut command = Command::new(&config.journalctl);
        command.args(["--lines=1", "--output-fields=PRIORITY"]);
        Self::start(command, config)
    }

    fn start(mut command: Command, config: &Journald) -> std::io::Result<Self> {
        command.args(["--output=json", "--quiet", "--no-pager"]);
        command.args(
            config
                .directory
                .iter()
                .map(|folder| format!("--directory={folder}")),
        );
        command.args(config.units.iter().map(|unit| format!("--unit={unit}")));
        command.arg("--").args(&config.matches);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let missing = || std::io::Error::other("it has no output");
        let output = child.stdout.take().ok_or_else(missing)?;
        let complaints = child.stderr.take().ok_or_else(missing)?;
        Ok(Self {
            child,
            output,
            complaints,
            said: VecDeque::new(),
            read: Vec::new(),
            is_skipping: false,
        })
    }

    /// Waits for something to be printed, as long as `patience`, and hands over whole lines.
    pub(super) fn listen(
        &mut self,
        waker: &Waker,
        patience: Duration,
        take: &mut dyn FnMut(&[u8]),
    ) -> std::io::Result<Heard> {
        let patience = Timespec {
            tv_sec: patience.as_secs() as i64,
            tv_nsec: patience.subsec_nanos().into(),
        };
        let mut ends = [
            PollFd::new(&self.output, PollFlags::IN),
            PollFd::new(&self.complaints, PollFlags::IN),
            waker.end(),
        ];
        match poll(&mut ends, Some(&patience)) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(Heard::default()),
            Err(error) => return Err(error.into()),
        }
        let [output, complaints, _] = ends.map(|end| !end.revents().is_empty());
        if complaints {
            self.note_complaint()?;
        }
        if output {
            self.read_lines(take)
        } else {
            Ok(Heard::default())
        }
    }

    fn note_complaint(&mut self) -> std::io::Result<()> {
        let mut room = [0; 512];
        let bytes = self.complaints.read(&mut room)?;
        self.said.extend(room.get(..bytes).unwrap_or_default());
        let excess = self.said.len().saturating_sub(SAID_BYTES_MAX);
        self.said.drain(..excess);
        if bytes == 0 {
            // Its end is seen at the output; this one would be told again and again.
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn read_lines(&mut self, take: &mut dyn FnMut(&[u8])) -> std::io::Result<Heard> {
        let mut heard = Heard::default();
        let start = self.read.len();
        self.read.resize(start + CHUNK_BYTES, 0);
        let bytes = match self.output.read(self.read.get_mut(start..).unwrap_or_default()) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.read.truncate(start);
                return Err(error);
            }
        };
        self.read.truncate(start + bytes);
        heard.is_over = bytes == 0;
        let mut taken = 0;
        while let Some(rest) = self.read.get(taken..)
            && let Some(end) = memchr::memchr(b'\n', rest)
        {
            let line = rest.get(..end).unwrap_or_default();
            taken += end + 1;
            if std::mem::take(&mut self.is_skipping) {
                continue;
            }
            if !line.is_empty() {
                take(line);
            }
        }
        self.read.drain(..taken);
        if self.read.len() > JOURNAL_ENTRY_BYTES_MAX {
            heard.too_long = u64::from(!self.is_skipping);
            self.is_skipping = true;
            self.read.clear();
        }
        Ok(heard)
    }

    /// Waits for one that has printed everything; what it said where it failed, in one line.
    pub(super) fn finish(&mut self) -> std::io::Result<()> {
        // It may have said something that was not listened to before its end was seen.
        let mut rest = Vec::new();
        let complaints = &mut self.complaints;
        complaints.take(SAID_BYTES_MAX as u64).read_to_end(&mut rest)?;
        self.said.extend(rest);
        let status = self.child.wait()?;
        // Some versions fail, and say nothing, where there is no entry.
        if status.success() || self.said.is_empty() {
            return Ok(());
        }
        Err(std::io::Error::other(self.end()))
    }

    /// Ends it; what it said last, in one line.
    pub(super) fn end(&mut self) -> String {
        let (front, back) = self.said.as_slices();
        let said = [front, back].concat();
        let said = String::from_utf8_lossy(&said).trim().replace('\n', "; ");
        let _ = self.child.kill();
        match self.child.wait() {
            Ok(status) if said.is_empty() => status.to_string(),
            _ => said,
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
