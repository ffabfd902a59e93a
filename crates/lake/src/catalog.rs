//! The catalog of segments as the store asks it: [`state`]'s tables, from threads that wait.
//!
//! Calls block until the database has answered: they are for the store's own threads, never for those of an async runtime.

use state::{Lease, LogSegmentChange, LogSegmentRow, State};
use tokio::runtime::Handle;
use ulid::Ulid;

use crate::error::LakeError;
use crate::limits::{LEASE_MS, LEASE_REST_MS};

/// The work that one process at a time may do: merge, give up and rewrite segments.
const LEASE: &str = "logs/maintenance";

/// Which segments there are, kept in the database of small facts.
#[derive(Debug, Clone)]
pub struct Catalog {
    state: State,
    runtime: Handle,
}

impl Catalog {
    /// The catalog in `state`, which is asked on `runtime`.
    pub fn new(state: State, runtime: Handle) -> Self {
        Self { state, runtime }
    }

    /// Asks the database.
    pub(crate) fn ask<'s, T, F>(&'s self, ask: impl FnOnce(&'s State) -> F) -> Result<T, LakeError>
    where
        F: Future<Output = Result<T, state::Error>>,
    {
        let answer = self.runtime.block_on(ask(&self.state));
        answer.map_err(|source| LakeError::Catalog { source })
    }

    pub(crate) fn segments(&self) -> Result<Vec<LogSegmentRow>, state::Error> {
        self.runtime.block_on(self.state.log_segments())
    }

    pub(crate) fn known(&self, ids: &[Ulid]) -> Result<Vec<Ulid>, state::Error> {
        self.runtime.block_on(self.state.known_log_segments(ids))
    }

    pub(crate) fn change(&self, change: LogSegmentChange) -> Result<(), state::Error> {
        self.runtime.block_on(self.state.change_log_segments(change))
    }

    pub(crate) fn replace(&self, rows: Vec<LogSegmentRow>) -> Result<(), state::Error> {
        self.runtime.block_on(self.state.replace_log_segments(rows))
    }

    pub(crate) fn leftovers(&self) -> Result<Vec<Ulid>, state::Error> {
        self.runtime.block_on(self.state.log_leftovers())
    }

    pub(crate) fn announce(&self, ids: Vec<Ulid>) -> Result<(), state::Error> {
        self.runtime.block_on(self.state.add_log_leftovers(ids))
    }

    pub(crate) fn forget_leftovers(&self, ids: Vec<Ulid>) -> Result<(), state::Error> {
        self.runtime.block_on(self.state.forget_log_leftovers(ids))
    }

    /// The lease for maintenance, taken or prolonged where it would end soon; `None` where another process has it.
    pub(crate) fn lease(
        &self,
        owner: &str,
        held: Option<Lease>,
        now_ms: i64,
    ) -> Result<Option<Lease>, state::Error> {
        if let Some(lease) = held.filter(|lease| lease.expires_ms.saturating_sub(LEASE_REST_MS) > now_ms) {
            return Ok(Some(lease));
        }
        self.runtime
            .block_on(self.state.acquire_lease(LEASE, owner, LEASE_MS))
    }
}
