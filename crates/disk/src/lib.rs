//! Bytes that survive a crash: a framed write-ahead log with group commit, atomic publishing of files, a folder lock.
//!
//! In: bytes from the engines, and a [`Storage`] to put them on.  Out: the same bytes after any crash, or a named damage.
//! Owns: the files of a log folder, their quarantine folder and the lock file of a data folder; no thread.
//! Invariants: what `append` acknowledged is replayed (`tests/wal.rs`); a damaged record costs itself alone and is
//! named (`tests/wal.rs`); a failed sync is never tried again on the same file (`tests/faults.rs`).
//! Not here: what the bytes mean; formats of samples and blocks live in the engines.
//! Start at: [`Wal::open`].

pub mod error;
pub mod frame;
pub mod limits;
pub mod lock;
pub mod publish;
pub mod replay;
pub mod storage;
pub mod telemetry;
pub mod wal;

pub use error::DiskError;
pub use lock::FolderLock;
pub use publish::{publish, quarantine};
pub use replay::{Damage, DamageKind, Record, ReplayReport};
pub use storage::{LocalStorage, SharedStorage, Storage, StorageFile};
pub use telemetry::Telemetry;
pub use wal::tail::{Position, Tail, TailStep};
pub use wal::{Wal, WalConfig};
