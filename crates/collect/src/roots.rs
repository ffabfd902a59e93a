//! Where the kernel's files are, so that a container or a test can put them elsewhere.

use std::path::PathBuf;

/// The folders that are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots {
    /// The proc filesystem; `/proc`.
    pub proc: PathBuf,
    /// The sys filesystem; `/sys`.
    pub sys: PathBuf,
    /// Where `passwd` and `os-release` are; `/etc`.
    pub etc: PathBuf,
    /// What the mount points of the watched machine are below; `/`.
    pub root: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self {
            proc: "/proc".into(),
            sys: "/sys".into(),
            etc: "/etc".into(),
            root: "/".into(),
        }
    }
}
