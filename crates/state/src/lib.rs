//! Small facts that change in place: leases, alert states, their history, what has yet to be told to whom, and which segments of log
//! lines there are.
//!
//! In: rows from the services above.  Out: the same rows, after any crash.
//! Owns: one SQLite database file (WAL, every commit synced) and the one task that writes to it.
//! Invariants: a commit is whole or absent (`tests/crash.rs`); an idempotency key exists once
//! (`tests/crash.rs`); a lease has one owner at a time (`leases::tests`).
//! Not here: what an alert is or when to send; `alerting` decides, this room remembers.
//! Start at: [`State::open`].

mod database;

pub mod alert_events;
pub mod alert_states;
pub mod commit;
pub mod error;
pub mod leases;
pub mod limits;
pub mod log_deletions;
pub mod log_segments;
pub mod notification_log;
pub mod outbox;

pub use alert_events::AlertEventRow;
pub use alert_states::AlertStateRow;
pub use commit::Commit;
pub use database::State;
pub use error::Error;
pub use leases::Lease;
pub use log_deletions::LogDeletionRow;
pub use log_segments::{LogSegmentChange, LogSegmentRow};
pub use notification_log::NotificationLogRow;
pub use outbox::{NewOutboxRow, OutboxRow, OutboxStatus};
