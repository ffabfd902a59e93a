//! Reading lines for a statement: a leaf of the engine's plan.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::DynamicFilterPhysicalExpr;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::filter_pushdown::{
    ChildPushdownResult, FilterPushdownPhase, FilterPushdownPropagation, PushedDown,
};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet,
};
use datafusion::physical_plan::sort_pushdown::SortOrderPushdownResult;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties, ReplaceChildrenOptions,
};
use model::{Direction, LogBatch, LogFlow, LogRead, LogSelection, ReadError, Searched};
use tokio::sync::mpsc::Sender;

use crate::error::SqlError;
use crate::limits::BATCHES_WAITING;
use crate::line_columns::{Column, LineColumns};
use crate::threads::Watch;
use crate::top_filter::{TopFilter, is_time};

/// Reads the lines of a selection into record batches.
#[derive(Debug, Clone)]
pub(crate) struct LogScan {
    store: Arc<dyn LogRead>,
    selection: LogSelection,
    columns: Vec<Column>,
    schema: SchemaRef,
    limit: Option<usize>,
    top: Vec<TopFilter>,
    watch: Watch,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl LogScan {
    /// Reads these columns of the lines that are selected, as many as `limit` says.
    pub(crate) fn new(
        store: Arc<dyn LogRead>,
        selection: LogSelection,
        (columns, schema): (Vec<Column>, SchemaRef),
        limit: Option<usize>,
        watch: Watch,
    ) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            store,
            selection,
            columns,
            schema,
            limit,
            top: Vec::new(),
            watch,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }

    fn read(
        mut self,
        batches: &Sender<Result<arrow::array::RecordBatch>>,
        measured: &BaselineMetrics,
    ) -> Result<()> {
        if self.selection.from_ns >= self.selection.to_ns {
            return Ok(());
        }
        let mut gathered = LineColumns::new(Arc::clone(&self.schema), &self.columns);
        let mut left = self.limit.unwrap_or(usize::MAX);
        let mut failure = None;
        let (store, selection) = (Arc::clone(&self.store), self.selection.clone());
        let mut take =
            |batch: &LogBatch<'_>| match self.take(batch, &mut gathered, &mut left, batches, measured) {
                Ok(flow) => flow,
                Err(error) => {
                    failure = Some(error);
                    LogFlow::Stop
                }
            };
        let read = store.read_counted(&selection, &mut take);
        if let Some(failure) = failure {
            return Err(failure);
        }
        match read {
            Ok(searched) => self.count(&searched),
            // Whatever interrupted it tells why.
            Err(ReadError::Interrupted) => self.watch.check()?,
            Err(error) => return Err(SqlError::from(error).into()),
        }
        if gathered.rows() > 0 {
            hand_over(&mut gathered, batches, measured)?;
        }
        Ok(())
    }

    /// For `EXPLAIN ANALYZE`.
    fn count(&self, searched: &Searched) {
        for (name, count) in [
            ("segments", searched.segments),
            ("ruled_out_by_time", searched.ruled_out_by_time),
            ("ruled_out_by_stream", searched.ruled_out_by_stream),
            ("ruled_out_by_text", searched.ruled_out_by_text),
            ("segments_read", searched.read),
        ] {
            let counter = MetricBuilder::new(&self.metrics).counter(name, 0);
            counter.add(usize::try_from(count).unwrap_or(usize::MAX));
        }
        if let Some(budget) = &self.selection.budget {
            let bytes = MetricBuilder::new(&self.metrics).counter("bytes_read", 0);
            bytes.add(usize::try_from(budget.bytes()).unwrap_or(usize::MAX));
        }
    }

    fn take(
        &mut self,
        batch: &LogBatch<'_>,
        gathered: &mut LineColumns,
        left: &mut usize,
        batches: &Sender<Result<arrow::array::RecordBatch>>,
        measured: &BaselineMetrics,
    ) -> Result<LogFlow> {
        self.watch.check()?;
        let mut row = 0;
        while row < batch.times_ns.len() && *left > 0 {
            let rows = gathered.room(batch, row).min(*left);
            gathered.append(batch, row..row + rows)?;
            (row, *left) = (row + rows, *left - rows);
            if gathered.is_full() && !hand_over(gathered, batches, measured)? {
                return Ok(LogFlow::Stop);
            }
        }
        if *left == 0 {
            return Ok(LogFlow::Stop);
        }
        let direction = self.selection.direction;
        let bounds = self.top.iter_mut().filter_map(|top| top.bound_ns(direction));
        let bound = match direction {
            Direction::Backward => bounds.max(),
            Direction::Forward => bounds.min(),
        };
        Ok(bound.map_or(LogFlow::More, LogFlow::MoreBefore))
    }
}

/// Whether anybody still wants more.
fn hand_over(
    gathered: &mut LineColumns,
    batches: &Sender<Result<arrow::array::RecordBatch>>,
    measured: &BaselineMetrics,
) -> Result<bool> {
    let batch = gathered.finish()?;
    measured.record_output(batch.num_rows());
    Ok(batches.blocking_send(Ok(batch)).is_ok())
}

impl DisplayAs for LogScan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.columns.iter().map(Column::name).collect();
        write!(f, "LogScan: columns=[{}]", names.join(", "))?;
        let LogSelection { from_ns, to_ns, .. } = self.selection;
        let moment =
            |at_ns: i64| jiff::Timestamp::from_nanosecond(i128::from(at_ns)).map(|at| at.to_string());
        if let (true, Ok(from)) = (from_ns != i64::MIN, moment(from_ns)) {
            write!(f, ", from={from}")?;
        }
        if let (true, Ok(to)) = (to_ns != i64::MAX, moment(to_ns)) {
            write!(f, ", before={to}")?;
        }
        for matcher in &self.selection.matchers {
            write!(f, ", {matcher}")?;
        }
        for group in &self.selection.holds {
            write!(f, ", holds={group:?}")?;
        }
        if let Some(limit) = self.limit {
            write!(f, ", limit={limit}")?;
        }
        if !self.top.is_empty() {
            let first = match self.selection.direction {
                Direction::Backward => "newest",
                Direction::Forward => "oldest",
            };
            write!(f, ", {first} first, ends early")?;
        }
        Ok(())
    }
}

impl ExecutionPlan for LogScan {
    fn name(&self) -> &'static str {
        "LogScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, partition: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let measured = BaselineMetrics::new(&self.metrics, partition);
        let mut stream = RecordBatchReceiverStreamBuilder::new(Arc::clone(&self.schema), BATCHES_WAITING);
        let (scan, batches) = (self.clone(), stream.tx());
        stream.spawn_blocking(move || {
            let timer = measured.elapsed_compute().clone();
            let _time = timer.timer();
            scan.read(&batches, &measured)
        });
        Ok(stream.build())
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn handle_child_pushdown_result(
        &self,
        _: FilterPushdownPhase,
        asked: ChildPushdownResult,
        _: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        let mut scan = self.clone();
        let filters = asked.parent_filters.iter().map(|asked| &asked.filter);
        let dynamic = filters
            .clone()
            .filter(|filter| filter.is::<DynamicFilterPhysicalExpr>());
        scan.top.extend(dynamic.cloned().map(TopFilter::new));
        let updated_node =
            (scan.top.len() > self.top.len()).then(|| Arc::new(scan) as Arc<dyn ExecutionPlan>);
        Ok(FilterPushdownPropagation {
            // A hint: the condition is still judged above.
            filters: filters.map(|_| PushedDown::No).collect(),
            updated_node,
        })
    }

    fn try_pushdown_sort(
        &self,
        order: &[PhysicalSortExpr],
    ) -> Result<SortOrderPushdownResult<Arc<dyn ExecutionPlan>>> {
        let Some(first) = order.first().filter(|first| is_time(&first.expr)) else {
            return Ok(SortOrderPushdownResult::Unsupported);
        };
        let mut scan = self.clone();
        scan.selection.direction = if first.options.descending {
            Direction::Backward
        } else {
            Direction::Forward
        };
        Ok(SortOrderPushdownResult::Inexact {
            inner: Arc::new(scan),
        })
    }
}
