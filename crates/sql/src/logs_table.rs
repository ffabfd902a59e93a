//! The table `logs`: the lines of a tenant.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, Session, TableProvider};
use datafusion::common::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use model::{LogRead, LogSelection, ReadBudget, ReadError, StreamSelection, TenantId};

use crate::error::SqlError;
use crate::hints::{Hints, Said};
use crate::limits::LABEL_COLUMNS_MAX;
use crate::line_columns::Column;
use crate::log_scan::LogScan;
use crate::threads::Watch;

/// The name in statements.
const NAME: &str = "logs";

/// A label that nearly every line has; a column even where no line has it.
const SERVICE_NAME: &str = "service_name";

/// Metadata that is asked for so often that it has columns of its own, unless labels have the names.
const PAIRS: [&str; 3] = ["detected_level", "trace_id", "span_id"];

/// Where the table is looked for. Which columns it has is only asked of the store where a statement names it.
#[derive(Debug)]
pub(crate) struct LinesSchema {
    pub(crate) store: Arc<dyn LogRead>,
    pub(crate) tenant: TenantId,
    pub(crate) watch: Watch,
    pub(crate) budget: Arc<ReadBudget>,
}

#[async_trait]
impl SchemaProvider for LinesSchema {
    fn table_names(&self) -> Vec<String> {
        vec![NAME.to_owned()]
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if name != NAME {
            return Ok(None);
        }
        let (store, tenant) = (Arc::clone(&self.store), self.tenant);
        let (watch, budget) = (self.watch.clone(), Arc::clone(&self.budget));
        let look = tokio::task::spawn_blocking(move || LogsTable::new(store, tenant, watch, budget));
        let table = look
            .await
            .map_err(|error| SqlError::Fault(error.to_string()))?
            .map_err(SqlError::from)?;
        Ok(Some(Arc::new(table)))
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        Ok((name == NAME).then_some(TableType::Base))
    }

    fn table_exist(&self, name: &str) -> bool {
        name == NAME
    }
}

/// Lines as a table.
#[derive(Debug)]
pub(crate) struct LogsTable {
    store: Arc<dyn LogRead>,
    tenant: TenantId,
    columns: Vec<Column>,
    schema: SchemaRef,
    watch: Watch,
    /// What all readings of the statement together may cost.
    budget: Arc<ReadBudget>,
}

impl LogsTable {
    /// Looks which labels there are. Blocks.
    pub(crate) fn new(
        store: Arc<dyn LogRead>,
        tenant: TenantId,
        watch: Watch,
        budget: Arc<ReadBudget>,
    ) -> std::result::Result<Self, ReadError> {
        let everything = StreamSelection {
            tenant,
            any_of: Vec::new(),
            from_ns: i64::MIN,
            to_ns: i64::MAX,
            budget: Some(Arc::clone(&budget)),
        };
        let columns = columns(store.label_names(&everything)?);
        let fields: Vec<Field> = columns.iter().map(Column::field).collect();
        Ok(Self {
            store,
            tenant,
            columns,
            schema: Arc::new(Schema::new(fields)),
            watch,
            budget,
        })
    }
}

fn columns(mut labels: Vec<String>) -> Vec<Column> {
    let own = [Column::Line, Column::Labels, Column::Metadata];
    labels.retain(|name| {
        name != SERVICE_NAME
            && name != Column::Timestamp.name()
            && own.iter().all(|column| column.name() != name)
    });
    labels.truncate(LABEL_COLUMNS_MAX);
    let pairs = PAIRS
        .into_iter()
        .filter(|pair| labels.iter().all(|label| label != pair));
    let pairs: Vec<Column> = pairs.map(|pair| Column::Pair(pair.to_owned())).collect();
    let mut columns = vec![Column::Timestamp, Column::Label(SERVICE_NAME.to_owned())];
    columns.extend(labels.into_iter().map(Column::Label));
    columns.extend(pairs);
    columns.extend(own);
    columns
}

#[async_trait]
impl TableProvider for LogsTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let judge = |filter: &&Expr| match Hints::default().add(filter, &self.columns) {
            Said::Nothing => TableProviderFilterPushDown::Unsupported,
            Said::Some => TableProviderFilterPushDown::Inexact,
            Said::All => TableProviderFilterPushDown::Exact,
        };
        Ok(filters.iter().map(judge).collect())
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut hints = Hints::default();
        for filter in filters {
            hints.add(filter, &self.columns);
        }
        let (schema, columns) = match projection {
            Some(places) => {
                let columns = places
                    .iter()
                    .filter_map(|place| self.columns.get(*place))
                    .cloned();
                (Arc::new(self.schema.project(places)?), columns.collect())
            }
            None => (Arc::clone(&self.schema), self.columns.clone()),
        };
        let selection = LogSelection {
            tenant: self.tenant,
            matchers: hints.matchers,
            from_ns: hints.from_ns,
            to_ns: hints.to_ns,
            holds: hints.holds,
            needs_lines: columns.contains(&Column::Line),
            metadata: metadata(&columns),
            budget: Some(Arc::clone(&self.budget)),
            ..LogSelection::default()
        };
        let scan = LogScan::new(
            Arc::clone(&self.store),
            selection,
            (columns, schema),
            limit,
            self.watch.clone(),
        );
        Ok(Arc::new(scan))
    }
}

/// The names of metadata that are looked at; `None`: all.
fn metadata(columns: &[Column]) -> Option<Vec<String>> {
    if columns.contains(&Column::Metadata) {
        return None;
    }
    let pair = |column: &Column| match column {
        Column::Pair(name) => Some(name.clone()),
        _ => None,
    };
    Some(columns.iter().filter_map(pair).collect())
}
