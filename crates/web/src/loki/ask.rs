//! Questions on the workers: a store, a deadline, and a flag for when the asker has left.

use std::sync::Arc;
use std::time::{Duration, Instant};

use logql::ast::LogExpr;
use logql::{EvalError, Expr, Options};
use model::{LogRead, TenantId};

use super::answer::LokiError;
use crate::app::App;
use crate::params::Params;
use crate::workers::{Task, WorkerError};

/// How long a question waited and was worked on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Took {
    pub(crate) queued: Duration,
    pub(crate) worked: Duration,
}

/// Why a question has no answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// No lines are kept here at all.
    NoLines,
    /// No worker could take it.
    Worker(WorkerError),
    /// It was asked, and failed.
    Eval(EvalError),
}

/// What came of a question, and how long that took.
type Answered<T> = Result<(T, Took), EvalError>;

/// Asks the store on a worker, on a thread of its own: a store may read a while before it has a line to show.
pub(super) async fn ask<T: Send + 'static>(
    app: &Arc<App>,
    tenant: TenantId,
    question: impl Fn(&dyn LogRead, &Options) -> Result<T, EvalError> + Send + 'static,
) -> Result<(T, Took), LokiError> {
    let answer = put(app, tenant, app.config.query_timeout.0, question).await;
    answer.map_err(|unanswered| match unanswered {
        Unanswered::NoLines => LokiError::not_found("no log lines are kept here"),
        Unanswered::Worker(error) => LokiError::from(error),
        Unanswered::Eval(error) => LokiError::from(error),
    })
}

/// The same, where nobody asks how long it took.
pub(super) async fn ask_answer<T: Send + 'static>(
    app: &Arc<App>,
    tenant: TenantId,
    question: impl Fn(&dyn LogRead, &Options) -> Result<T, EvalError> + Send + 'static,
) -> Result<T, LokiError> {
    ask(app, tenant, question).await.map(|(answer, _)| answer)
}

/// Puts a question to the store, with so much time for the answer.
pub(crate) async fn put<T: Send + 'static>(
    app: &Arc<App>,
    tenant: TenantId,
    timeout: Duration,
    question: impl Fn(&dyn LogRead, &Options) -> Result<T, EvalError> + Send + 'static,
) -> Result<(T, Took), Unanswered> {
    let work = work(app, tenant, question).ok_or(Unanswered::NoLines)?;
    let answer = app.workers.run(timeout, work).await.map_err(Unanswered::Worker)?;
    answer.map_err(|error| {
        let telemetry = &app.deps.telemetry;
        telemetry.count_query_failure(LokiError::from(error.clone()).kind());
        Unanswered::Eval(error)
    })
}

/// A question as a worker carries it out.
fn work<T>(
    app: &App,
    tenant: TenantId,
    question: impl Fn(&dyn LogRead, &Options) -> Result<T, EvalError> + Send + 'static,
) -> Option<impl Fn(&Task) -> Answered<T> + Send + 'static> {
    let reader = Arc::clone(&app.deps.logs.as_ref()?.reader);
    let memory_max = usize::try_from(app.config.query_memory_max.0).unwrap_or(usize::MAX);
    let read_bytes_max = app.config.query_read_max.map(|size| size.0);
    let now_ns = app.deps.clock.now_ms().saturating_mul(1_000_000);
    Some(move |task: &Task| {
        let started = Instant::now();
        let options = Options {
            tenant,
            memory_max,
            read_bytes_max,
            deadline: Some(task.deadline),
            cancel: Some(Arc::clone(&task.cancel)),
            now_ns: Some(now_ns),
            ..Options::default()
        };
        let answer = question(&*reader, &options)?;
        let took = Took {
            queued: task.queued,
            worked: started.elapsed(),
        };
        Ok((answer, took))
    })
}

/// The expression of a request.
pub(super) fn expression(params: &Params) -> Result<Expr, LokiError> {
    Ok(logql::parse(params.get("query"))?)
}

/// The expression of a request that must ask for lines.
pub(super) fn log_expression(params: &Params) -> Result<LogExpr, LokiError> {
    match expression(params)? {
        Expr::Log(log) => Ok(log),
        Expr::Metric(_) | Expr::Variants(_) => Err(LokiError::bad_parameter(
            "query",
            "only log queries are taken here, such as {app=\"shop\"}",
        )),
    }
}
