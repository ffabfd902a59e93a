//! The live driver: when groups are evaluated, how decisions become durable, and who sends what.
//!
//! In: configuration, nudges, the clock.  Out: committed decisions, messages sent, views, news.
//! Owns: one task a rule group, one a channel, one for the groups' timers.
//! Invariants: memory follows the database, never the other way round (`ledger`); the deciders themselves are pure.
//! Not here: any judgement (`rules::judge`, `notify::plan`).
//! Start at: [`Alerting::run`].

mod apply;
mod board;
mod group;
mod ledger;
mod prepare;
mod run;
mod sender;
mod views;

use std::fmt;
use std::sync::Arc;

use model::{SeriesRead, SeriesWrite};
use parking_lot::Mutex;
use state::State;
use stdx::clock::SharedClock;
use stdx::outlet::Outlet;
use tokio::sync::{Notify, watch};

use crate::telemetry::Telemetry;
use crate::view::AlertNews;

pub use prepare::{Prepared, Setup};

/// Says that series of a metric changed in a way that rules may care about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nudge {
    /// The metric's name.
    pub metric: Arc<str>,
}

/// What alerting is built from.
#[derive(Debug)]
pub struct Deps {
    /// Where answers come from.
    pub reader: Arc<dyn SeriesRead>,
    /// Where `ALERTS` and recorded series go.
    pub writer: Arc<dyn SeriesWrite>,
    /// Where decisions become durable.
    pub state: State,
    /// The time.
    pub clock: SharedClock,
    /// News of metrics that changed.
    pub nudges: Outlet<Nudge>,
    /// Where the counts of alerts are offered.
    pub news: Outlet<AlertNews>,
    /// Where this program can be reached, for links.
    pub external_url: String,
    /// What this room counts about itself.
    pub telemetry: Telemetry,
}

/// Rules, alerts and notifications of this installation.
pub struct Alerting {
    reader: Arc<dyn SeriesRead>,
    writer: Arc<dyn SeriesWrite>,
    state: State,
    clock: SharedClock,
    nudges: Outlet<Nudge>,
    news: Outlet<AlertNews>,
    external_url: String,
    telemetry: Telemetry,
    started_ms: i64,
    /// What is in force; replaced as a whole.
    force: Mutex<Arc<apply::Force>>,
    /// What shall be in force and is not yet.
    wanted: Mutex<Option<Arc<Prepared>>>,
    /// Grows when something is wanted.
    generation: watch::Sender<u64>,
    ledger: tokio::sync::Mutex<ledger::Ledger>,
    /// The notification timers must look again.
    timers: Notify,
    /// Something was put into the outbox.
    outbox: watch::Sender<u64>,
    in_flight: sender::InFlight,
    board: Mutex<board::Board>,
    last_news: Mutex<Option<AlertNews>>,
}

impl Alerting {
    /// Alerting that knows no rule yet; give it some with [`Alerting::prepare`] and
    /// [`Alerting::apply`], then let it [`Alerting::run`].
    pub fn new(deps: Deps) -> Arc<Self> {
        let started_ms = deps.clock.now_ms();
        Arc::new(Self {
            reader: deps.reader,
            writer: deps.writer,
            state: deps.state,
            clock: deps.clock,
            nudges: deps.nudges,
            news: deps.news,
            external_url: deps.external_url.trim_end_matches('/').to_owned(),
            telemetry: deps.telemetry,
            started_ms,
            force: Mutex::new(Arc::new(apply::Force::nothing())),
            wanted: Mutex::new(None),
            generation: watch::Sender::new(0),
            ledger: tokio::sync::Mutex::default(),
            timers: Notify::new(),
            outbox: watch::Sender::new(0),
            in_flight: sender::InFlight::default(),
            board: Mutex::default(),
            last_news: Mutex::new(None),
        })
    }

    fn force(&self) -> Arc<apply::Force> {
        Arc::clone(&self.force.lock())
    }
}

impl fmt::Debug for Alerting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alerting")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
