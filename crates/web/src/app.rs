//! What every handler can reach: the rooms, the configuration, the workers, the page, the stream.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use model::{SeriesRead, TenantId};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::answer_cache::{AnswerCache, Asked};
use crate::config::Config;
use crate::deps::Deps;
use crate::error::Error;
use crate::limits::{PUSH_WAIT_MAX, REMOTE_READS_MAX, TAILS_MAX, TRANSFERS_MAX};
use crate::page::Page;
use crate::push::Budget;
use crate::tenancy::TenantReader;
use crate::ui_api::interval::IntervalMemory;
use crate::ui_api::stream::Hub;
use crate::workers::{Task, Workers};

/// What every handler can reach.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) deps: Deps,
    pub(crate) workers: Workers,
    pub(crate) answers: Option<AnswerCache>,
    /// How long the last question about series and labels took, in microseconds.
    pub(crate) label_question_us: Arc<AtomicU64>,
    pub(crate) page: Page,
    pub(crate) hub: Hub,
    pub(crate) intervals: IntervalMemory,
    pub(crate) push_budget: Budget,
    /// Places for imports and exports.
    pub(crate) transfers: Arc<Semaphore>,
    /// Places for remote reads.
    pub(crate) remote_reads: Arc<Semaphore>,
    /// Places for live tails.
    pub(crate) tails: Arc<Semaphore>,
    /// Cancelled when the server stops; streams end with it.
    pub(crate) stop: CancellationToken,
}

impl App {
    /// Joins the parts. Starts nothing.
    pub(crate) fn new(config: Config, deps: Deps, stop: CancellationToken) -> Result<Self, Error> {
        Ok(Self {
            workers: Workers::new(config.query_concurrency, deps.telemetry.clone()),
            answers: AnswerCache::new(config.query_cache_size.0, deps.telemetry.clone()),
            label_question_us: Arc::default(),
            page: Page::load()?,
            hub: Hub::new(deps.clock.now_ms(), deps.telemetry.clone()),
            intervals: IntervalMemory::default(),
            push_budget: Budget::new(PUSH_WAIT_MAX),
            transfers: Arc::new(Semaphore::new(TRANSFERS_MAX)),
            remote_reads: Arc::new(Semaphore::new(REMOTE_READS_MAX)),
            tails: Arc::new(Semaphore::new(TAILS_MAX)),
            config,
            deps,
            stop,
        })
    }

    /// The store as a tenant sees it.
    pub(crate) fn reader_of(&self, tenant: TenantId) -> Arc<dyn SeriesRead> {
        TenantReader::shared(&self.deps.reader, tenant)
    }

    /// The answer to a range query, and how many of its steps were not computed anew.
    pub(crate) fn range(
        &self,
        asked: Asked<'_>,
        store: &dyn SeriesRead,
        options: &promql::Options,
    ) -> Result<(promql::Answer, u64), promql::EvalError> {
        match &self.answers {
            Some(answers) => answers.range(asked, store, options),
            None => Ok((asked.compute(asked.from_ms, store, options)?, 0)),
        }
    }

    /// Reads an expression, without what the configuration does not let in.
    pub(crate) fn parse(&self, text: &str) -> Result<promql::Expr, promql::ParseError> {
        self.config.parse(text)
    }

    /// How a query is evaluated on its worker.
    pub(crate) fn query_options(&self, task: &Task) -> promql::Options {
        promql::Options {
            deadline: Some(task.deadline),
            cancel: Some(Arc::clone(&task.cancel)),
            subquery_step_ms: self.deps.alerting.subquery_step_ms(),
            ..self.config.query_options()
        }
    }
}
