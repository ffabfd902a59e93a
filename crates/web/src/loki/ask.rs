//! Questions on the workers: a store, a deadline, and a flag for when the asker has left.

use std::sync::Arc;
use std::time::{Duration, Instant};

use logql::ast::LogExpr;
use logql::{EvalError, Expr, Options};
use model::{LogRead, TenantId};

use super::answer::LokiError;
use crate::app::App;
use crate::params::Params;
use crate::workers::Task;

/// How long a question waited and was worked on.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Took {
    pub(super) queued: Duration,
    pub(super) worked: Duration,
}

/// What came of a question, and how long that took.
type Answered<T> = Result<(T, Took), EvalError>;

/// Asks the store on a worker, on a thread of its own: a store may read a while before it has a line to show.
pub(super) async fn ask<T: Send + 'static>(
    app: &Arc<App>,
    tenant: TenantId,
    question: impl Fn(&dyn LogRead, &Options) -> Result<T, EvalError> + Send + 'static,
) -> Result<(T, Took), LokiError> {
    let work = work(app, tenant, question)?;
    settled(app, app.workers.run(app.config.query_timeout.0, work).await?)
}

/// The same, where nobody asks how long it took.
pub(super) async fn ask_answer<T: Send + 'static>(
    app: &Arc<App>,
    tenant: TenantId,
    question: impl Fn(&dyn LogRead, &Options) -> Result<T, EvalError> + Send + 'static,
) -> Result<T, LokiError> {
    ask(app, tenant, question).await.map(|(answer, _)| answer)
}

fn settled<T>(app: &App, answer: Result<T, EvalError>) -> Result<T, LokiError> {
    answer.map_err(|error| {
        let error = LokiError::from(error);
        app.deps.telemetry.count_query_failure(error.kind());
        error
    })
}

/// A question as a worker carries it out.
fn work<T>(
    app: &App,
    tenant: TenantId,
    question: impl Fn(&dyn LogRead, &Options) -> Result<T, EvalError> + Send + 'static,
) -> Result<impl Fn(&Task) -> Answered<T> + Send + 'static, LokiError> {
    let Some(stores) = &app.deps.logs else {
        return Err(LokiError::not_found("no log lines are kept here"));
    };
    let reader = Arc::clone(&stores.reader);
    let memory_max = usize::try_from(app.config.query_memory_max.0).unwrap_or(usize::MAX);
    let read_bytes_max = app.config.query_read_max.map(|size| size.0);
    let now_ns = app.deps.clock.now_ms().saturating_mul(1_000_000);
    Ok(move |task: &Task| {
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
