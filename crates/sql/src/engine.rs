//! A statement's way: planned over the tables, carried out within its limits, encoded while it runs.

use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use arrow::datatypes::DataType;
use bytes::Bytes;
use datafusion::catalog::MemoryCatalogProviderList;
use datafusion::common::DataFusionError;
use datafusion::dataframe::DataFrame;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::execution::{FunctionRegistry, SendableRecordBatchStream};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use datafusion_functions_json::udfs::json_union_to_text_udf;
use futures::{Stream, StreamExt};
use model::{LogRead, ReadBudget, TenantId};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::complexity;
use crate::encode::{Closing, Encoder, Format};
use crate::error::SqlError;
use crate::limits::{
    BATCH_ROWS, CHUNK_BYTES, LAST_WORD_WAIT, READING_PART, SORT_MERGE_PART, STATEMENT_BYTES_MAX,
};
use crate::logs_table::LinesSchema;
use crate::metrics::Metrics;
use crate::promql_table::{self, Held, PromqlFunction};
use crate::threads::{CancelOnDrop, Threads, Watch};

/// Where tables are looked for whose names stand alone.
const CATALOG: &str = "watchkeeper";
const SCHEMA: &str = "public";

/// Functions that give a value of any size for a number, out of sight of the memory's limit: they are not there. The table function
/// `generate_series` gives rows, which are counted.
const MAKE_MUCH_OF_LITTLE: [&str; 8] = [
    "array_repeat",
    "array_resize",
    "generate_series",
    "lpad",
    "range",
    "repeat",
    "rpad",
    "space",
];

/// What statements may use.
#[derive(Debug, Clone)]
pub struct Config {
    /// Threads that compute, of all statements together.
    pub threads: usize,
    /// Where rows go that do not fit into memory; emptied when the engine is made.
    pub spill_dir: PathBuf,
    /// Most bytes there, of all statements together.
    pub spill_bytes_max: u64,
}

/// What statements are about.
#[derive(Debug, Clone)]
pub struct Tables {
    /// Lines of logs; none where no lines are kept.
    pub logs: Option<Arc<dyn LogRead>>,
    /// Who evaluates PromQL.
    pub metrics: Arc<dyn Metrics>,
}

/// A statement, and what it may cost.
#[derive(Debug, Clone)]
pub struct Question {
    /// Whose tables.
    pub tenant: TenantId,
    /// The statement.
    pub statement: String,
    /// In which form its rows are wanted.
    pub format: Format,
    /// What time it is, in milliseconds since the Unix epoch.
    pub now_ms: i64,
    /// When to give up.
    pub timeout: Duration,
    /// Most bytes of segments that may be read; `None`: no limit.
    pub read_bytes_max: Option<u64>,
    /// Most bytes of memory; beyond, rows are sorted, joined and grouped on disk.
    pub memory_max: usize,
}

/// Rows in the form that was asked for, as they become known. Dropping it ends the statement.
pub struct Answer {
    first: Option<Bytes>,
    rest: mpsc::Receiver<Piece>,
    /// Whether the last piece has come, or a failure.
    is_over: bool,
    _running: Running,
}

/// What comes of a statement: rows, and at last the end or a failure. Nothing but the thread's fault leaves it without either.
type Piece = Result<Option<Bytes>, SqlError>;

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").finish_non_exhaustive()
    }
}

impl Stream for Answer {
    type Item = Result<Bytes, SqlError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        if self.is_over {
            return Poll::Ready(None);
        }
        let piece = ready!(self.rest.poll_recv(context));
        Poll::Ready(match piece {
            Some(Ok(Some(rows))) => Some(Ok(rows)),
            Some(Ok(None)) => {
                self.is_over = true;
                None
            }
            Some(Err(error)) => {
                self.is_over = true;
                Some(Err(error))
            }
            None => {
                self.is_over = true;
                Some(Err(SqlError::Fault("it was logged".to_owned())))
            }
        })
    }
}

#[derive(Debug)]
struct Running {
    task: AbortHandle,
    _cancel: CancelOnDrop,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers statements.
#[derive(Debug)]
pub struct Engine {
    config: Config,
    tables: Tables,
    threads: Threads,
    /// What all statements share; made with the first one, as it takes some megabytes.
    shared: Mutex<Option<Shared>>,
}

#[derive(Clone)]
struct Shared {
    state: SessionState,
    runtime: Arc<RuntimeEnv>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine over the tables. Nothing is started yet.
    pub fn new(config: Config, tables: Tables) -> Self {
        Self {
            threads: Threads::new(config.threads),
            config,
            tables,
            shared: Mutex::default(),
        }
    }

    /// Carries a statement out; returns when the first rows are there, or when there is none. A later failure is the last item.
    pub async fn answer(&self, question: Question) -> Result<Answer, SqlError> {
        if question.statement.len() > STATEMENT_BYTES_MAX {
            return Err(SqlError::Statement(format!(
                "the statement is longer than {STATEMENT_BYTES_MAX} bytes"
            )));
        }
        complexity::check(&question.statement)?;
        let watch = Watch::new(question.timeout);
        let cancel = CancelOnDrop(Arc::clone(&watch.cancel));
        let shared = self.shared()?;
        let (sender, mut receiver) = mpsc::channel(2);
        let (tables, timeout) = (self.tables.clone(), question.timeout);
        let task = self.threads.handle()?.spawn(async move {
            let run = run(&shared, tables, question, &watch, &sender);
            let outcome = tokio::time::timeout_at(watch.deadline().into(), run).await;
            let last = outcome.unwrap_or(Err(SqlError::Timeout(timeout))).map(|()| None);
            // Where nobody listens any more, nobody misses it; who listens too slowly finds the channel closed.
            let _ = sender.send_timeout(last, LAST_WORD_WAIT).await;
        });
        let running = Running {
            task: task.abort_handle(),
            _cancel: cancel,
        };
        let first = match receiver.recv().await {
            Some(first) => first?,
            None => return Err(fault(task.await)),
        };
        Ok(Answer {
            is_over: first.is_none(),
            first,
            rest: receiver,
            _running: running,
        })
    }

    fn shared(&self) -> Result<Shared, SqlError> {
        let mut shared = self.shared.lock();
        if let Some(shared) = &*shared {
            return Ok(shared.clone());
        }
        Ok(shared.insert(self.share()?).clone())
    }

    fn share(&self) -> Result<Shared, SqlError> {
        let unusable = |error: std::io::Error| {
            SqlError::Fault(format!("cannot use {}: {error}", self.config.spill_dir.display()))
        };
        match std::fs::remove_dir_all(&self.config.spill_dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(unusable(error)),
            _ => {}
        }
        std::fs::create_dir_all(&self.config.spill_dir).map_err(unusable)?;
        let disk = DiskManagerBuilder::default()
            .with_mode(DiskManagerMode::Directories(vec![self.config.spill_dir.clone()]))
            .with_max_temp_directory_size(self.config.spill_bytes_max);
        let runtime = RuntimeEnvBuilder::new()
            .with_disk_manager_builder(disk)
            .build_arc()
            .map_err(SqlError::from_engine)?;
        let config = SessionConfig::new()
            .with_batch_size(BATCH_ROWS)
            .with_target_partitions(self.threads.count())
            .with_default_catalog_and_schema(CATALOG, SCHEMA)
            .with_information_schema(true);
        let mut state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(Arc::clone(&runtime))
            .with_default_features()
            .build();
        datafusion_functions_json::register_all(&mut state).map_err(SqlError::from_engine)?;
        for name in MAKE_MUCH_OF_LITTLE {
            state.deregister_udf(name).map_err(SqlError::from_engine)?;
        }
        Ok(Shared { state, runtime })
    }
}

fn fault(ended: Result<(), tokio::task::JoinError>) -> SqlError {
    match ended {
        Err(error) if error.is_panic() => {
            tracing::error!(%error, "a statement panicked");
            SqlError::Fault("it was logged".to_owned())
        }
        _ => SqlError::Cancelled,
    }
}

async fn run(
    shared: &Shared,
    tables: Tables,
    question: Question,
    watch: &Watch,
    sender: &mpsc::Sender<Piece>,
) -> Result<(), SqlError> {
    let held = Arc::new(Held::default());
    let context = context(shared, tables, &question, watch, &held)?;
    let only_questions = SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false);
    let frame = context
        .sql_with_options(&question.statement, only_questions)
        .await
        .map_err(refused)?;
    let frame = texts_for_unions(frame).map_err(SqlError::from_engine)?;
    let mut rows = start(frame, memory_for_rows(&question))
        .await
        .map_err(SqlError::from_engine)?;
    let unwritable = |error| SqlError::from_engine(DataFusionError::from(error));
    let mut encoder = Encoder::new(question.format, &rows.schema()).map_err(unwritable)?;
    while let Some(batch) = rows.next().await {
        watch.check()?;
        let batch = batch.map_err(SqlError::from_engine)?;
        if let Some(chunk) = encoder.write(&batch, CHUNK_BYTES).map_err(unwritable)?
            && sender.send(Ok(Some(chunk.into()))).await.is_err()
        {
            return Ok(());
        }
    }
    let closing = Closing {
        elapsed: watch.started.elapsed(),
        notes: held.notes.lock().iter().cloned().collect(),
    };
    let rest = encoder.finish(&closing).map_err(unwritable)?;
    let _ = sender.send(Ok(Some(rest.into()))).await;
    Ok(())
}

/// What is left of a statement's memory beside reading.
fn memory_for_rows(question: &Question) -> usize {
    question.memory_max - question.memory_max / READING_PART
}

/// Starts a statement, its sorts sharing the memory that is kept free for merging: the engine's own 10 MB each are too little for long lines.
async fn start(frame: DataFrame, memory_max: usize) -> Result<SendableRecordBatchStream, DataFusionError> {
    let task = frame.task_ctx();
    let plan = frame.create_physical_plan().await?;
    let config = task.session_config().clone();
    let (part, of) = SORT_MERGE_PART;
    let sorts = sorts(&plan).max(1) * config.target_partitions().max(1);
    let config = config.with_sort_spill_reservation_bytes(memory_max / of * part / sorts);
    execute_stream(plan, Arc::new(task.with_session_config(config)))
}

/// How many parts of a plan sort all of their rows.
fn sorts(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let is_sort = plan.is::<SortExec>() && plan.fetch().is_none();
    usize::from(is_sort) + plan.children().into_iter().map(sorts).sum::<usize>()
}

/// A session with the tables of the tenant and memory of its own.
fn context(
    shared: &Shared,
    tables: Tables,
    question: &Question,
    watch: &Watch,
    held: &Arc<Held>,
) -> Result<SessionContext, SqlError> {
    let memory_max = memory_for_rows(question);
    let runtime = RuntimeEnvBuilder::from_runtime_env(&shared.runtime)
        .with_memory_pool(Arc::new(FairSpillPool::new(memory_max)))
        .build_arc()
        .map_err(SqlError::from_engine)?;
    // What is shared are functions and rules; a catalog of its own keeps one statement's tables from another's.
    let config = shared
        .state
        .config()
        .clone()
        .with_create_default_catalog_and_schema(true);
    let state = SessionStateBuilder::new_from_existing(shared.state.clone())
        .with_runtime_env(runtime)
        .with_config(config)
        .with_catalog_list(Arc::new(MemoryCatalogProviderList::new()))
        .build();
    let context = SessionContext::new_with_state(state);
    if let Some(store) = tables.logs {
        let budget = ReadBudget::new(
            Some(watch.deadline()),
            Some(Arc::clone(&watch.cancel)),
            question.read_bytes_max,
        );
        let lines = LinesSchema {
            store,
            tenant: question.tenant,
            watch: watch.clone(),
            budget,
        };
        let catalog = context.catalog(CATALOG).ok_or_else(no_catalog)?;
        catalog
            .register_schema(SCHEMA, Arc::new(lines))
            .map_err(SqlError::from_engine)?;
    }
    let promql = PromqlFunction {
        metrics: tables.metrics,
        tenant: question.tenant,
        now_ms: question.now_ms,
        memory_max: question.memory_max,
        watch: watch.clone(),
        held: Arc::clone(held),
    };
    context.register_udtf(promql_table::NAME, Arc::new(promql));
    Ok(context)
}

fn no_catalog() -> SqlError {
    SqlError::Fault("its tables have no place".to_owned())
}

fn refused(error: DataFusionError) -> SqlError {
    match SqlError::from_engine(error) {
        SqlError::Statement(reason)
            if ["DDL not", "DML not", "Statement not"]
                .iter()
                .any(|start| reason.starts_with(start)) =>
        {
            SqlError::NotAQuestion(reason)
        }
        other => other,
    }
}

/// What functions on JSON give back is of many types at once, which no form of answers has: it becomes text.
fn texts_for_unions(frame: DataFrame) -> Result<DataFrame, DataFusionError> {
    let is_union = |kind: &DataType| matches!(kind, DataType::Union(..));
    let fields = frame.schema().fields();
    if !fields.iter().any(|field| is_union(field.data_type())) {
        return Ok(frame);
    }
    let columns: Vec<_> = frame
        .schema()
        .iter()
        .map(|(table, field)| {
            let column = datafusion::common::Column::new(table.cloned(), field.name());
            let column = datafusion::logical_expr::Expr::Column(column);
            if is_union(field.data_type()) {
                json_union_to_text_udf().call(vec![column]).alias(field.name())
            } else {
                column
            }
        })
        .collect();
    frame.select(columns)
}
