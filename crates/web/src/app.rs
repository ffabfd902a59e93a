//! What every handler can reach: the rooms, the configuration, the workers, the page, the stream.

use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::deps::Deps;
use crate::error::Error;
use crate::page::Page;
use crate::ui_api::interval::IntervalMemory;
use crate::ui_api::stream::Hub;
use crate::workers::Workers;

/// What every handler can reach.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) deps: Deps,
    pub(crate) workers: Workers,
    pub(crate) page: Page,
    pub(crate) hub: Hub,
    pub(crate) intervals: IntervalMemory,
    /// Cancelled when the server stops; streams end with it.
    pub(crate) stop: CancellationToken,
}

impl App {
    /// Joins the parts. Starts nothing.
    pub(crate) fn new(config: Config, deps: Deps, stop: CancellationToken) -> Result<Self, Error> {
        Ok(Self {
            workers: Workers::new(config.query_concurrency, deps.telemetry.clone()),
            page: Page::load()?,
            hub: Hub::new(deps.clock.now_ms(), deps.telemetry.clone()),
            intervals: IntervalMemory::default(),
            config,
            deps,
            stop,
        })
    }
}
