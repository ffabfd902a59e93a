//! The store itself: what the roof opens, asks and maintains.

use model::{
    Accepted, Matcher, MetricMetadata, ReadError, SelectedSeries, Selector, SeriesBatch, SeriesRead,
    SeriesStatistics, SeriesWrite, TenantId, TimeRange, WriteError,
};
use std::sync::Arc;

use crate::config::Config;
use crate::error::TsdbError;
use crate::report::OpenReport;
use crate::telemetry::Telemetry;

/// A store of series in one folder. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Db {
    telemetry: Telemetry,
}

impl Db {
    /// Opens the store in `config.dir`, creating it where there is none, and reads its log.
    pub fn open(config: Config, _now_ms: i64) -> Result<(Self, OpenReport), TsdbError> {
        config.validate()?;
        Err(TsdbError::Closed)
    }

    /// Seals what is old enough into blocks, removes what retention allows, shortens the log. Call about once a minute.
    pub fn maintain(&self, _now_ms: i64) -> Result<(), TsdbError> {
        Err(TsdbError::Closed)
    }

    /// Seals everything in memory into blocks.
    pub fn flush(&self, _now_ms: i64) -> Result<(), TsdbError> {
        Err(TsdbError::Closed)
    }

    /// Waits for writes under way and refuses all later ones. What is in memory stays in the log.
    pub fn close(&self) {}

    /// The store's own metrics.
    pub fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }
}

impl SeriesWrite for Db {
    fn append(&self, _batch: &SeriesBatch, _now_ms: i64) -> Result<Accepted, WriteError> {
        Err(WriteError::Closed)
    }
    fn describe(&self, _tenant: TenantId, _metadata: &[MetricMetadata]) -> Result<(), WriteError> {
        Err(WriteError::Closed)
    }
}

impl SeriesRead for Db {
    fn select(&self, _selector: &Selector) -> Result<Vec<Arc<dyn SelectedSeries>>, ReadError> {
        Err(ReadError::Closed)
    }
    fn label_names(&self, _: TenantId, _: TimeRange, _: &[Vec<Matcher>]) -> Result<Vec<String>, ReadError> {
        Err(ReadError::Closed)
    }
    fn label_values(
        &self,
        _: TenantId,
        _: &str,
        _: TimeRange,
        _: &[Vec<Matcher>],
    ) -> Result<Vec<String>, ReadError> {
        Err(ReadError::Closed)
    }
    fn metadata(&self, _: TenantId, _: Option<&str>) -> Result<Vec<MetricMetadata>, ReadError> {
        Err(ReadError::Closed)
    }
    fn statistics(&self, _: TenantId, _: usize) -> Result<SeriesStatistics, ReadError> {
        Err(ReadError::Closed)
    }
}
