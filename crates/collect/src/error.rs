//! What can go wrong while this machine is watched.

use std::path::PathBuf;

use stdx::HumanDuration;

/// Why a reading, or the whole collector, failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A filter does not compile.
    #[error(
        "collect.{key}.{end}: write a regular expression that fits the whole name, such as \"sd.*|nvme.*\""
    )]
    BadFilter {
        /// The filter's key.
        key: &'static str,
        /// `include` or `exclude`.
        end: &'static str,
        /// What is wrong with the pattern.
        source: model::BadRegex,
    },
    /// The interval is out of range.
    #[error("collect.interval is {got}; choose between 100ms and 1h, for example 1s")]
    Interval {
        /// What was asked for.
        got: HumanDuration,
    },
    /// More processes are asked for than may have series.
    #[error("collect.processes_top is {got}; choose at most {max}")]
    TooManyProcesses {
        /// What was asked for.
        got: usize,
        /// The limit.
        max: usize,
    },
    /// A file of the kernel cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// A file is larger than any this room knows.
    #[error("{} is larger than {bytes_max} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        bytes_max: usize,
    },
    /// A file does not say what it should.
    #[error("{} does not hold {what}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// The machine's name is not known, so its series would have no instance.
    #[error("this machine has no host name; set one with hostnamectl or `hostname NAME`")]
    NoHostName,
    /// A thread could not be started.
    #[error("cannot start the thread {name}")]
    Thread {
        /// The thread's name.
        name: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The lists of log files are not what they were when they were validated.
    #[error("log_files: {reason}")]
    LogLists {
        /// What is wrong.
        reason: String,
    },
    /// The folder for what is known about followed logs cannot be made.
    #[error("cannot make the folder {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the disk said.
        source: std::io::Error,
    },
    /// What is known about followed logs cannot be understood.
    #[error("{} does not say how far logs are read: {reason}", path.display())]
    Positions {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// What is known about followed logs cannot be kept.
    #[error("it cannot be kept how far logs are read")]
    Keep {
        /// What the disk said.
        source: disk::DiskError,
    },
    /// [`crate::Host::run`] was called while it runs.
    #[error("the collector runs already")]
    AlreadyRunning,
}
