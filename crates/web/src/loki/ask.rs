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

/// Asks the store on a worker.
pub(super) async fn ask<T: Send + 'static>(
    app: &Arc<App>,
    tenant: TenantId,
    question: impl Fn(&dyn LogRead, &Options) -> Result<T, EvalError> + Send + 'static,
) -> Result<(T, Took), LokiError> {
    let Some(stores) = &app.deps.logs else {
        return Err(LokiError::not_found("no log lines are kept here"));
    };
    let reader = Arc::clone(&stores.reader);
    let memory_max = usize::try_from(app.config.query_memory_max.0).unwrap_or(usize::MAX);
    let now_ns = app.deps.clock.now_ms().saturating_mul(1_000_000);
    let work = move |task: &Task| {
        let started = Instant::now();
        let options = Options {
            tenant,
            memory_max,
            deadline: Some(task.deadline),
            cancel: Some(Arc::clone(&task.cancel)),
            now_ns: Some(now_ns),
            ..Options::default()
        };
        let answer = match question(&*reader, &options) {
            Err(EvalError::Timeout) if task.is_tried => return None,
            answer => answer,
        };
        let took = Took {
            queued: task.queued,
            worked: started.elapsed(),
        };
        Some(answer.map(|answer| (answer, took)))
    };
    let answer = app
        .workers
        .run_here_first(app.config.query_timeout.0, work)
        .await?;
    answer.map_err(|error| {
        let error = LokiError::from(error);
        app.deps.telemetry.count_query_failure(error.kind());
        error
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
