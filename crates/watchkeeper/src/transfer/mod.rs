//! `watchkeeper import` and `watchkeeper export`: series in and out in bulk, through a running server or its data folder.
//!
//! In: what the command line names.  Out: one line with counts, progress on standard error, files.
//! Owns: the data folder of a stopped server for as long as the command runs.
//! Invariants: what is exported and imported again is equal (`tests/transfer.rs`); a file appears whole or not at all
//! (`export::Target`).
//! Not here: the forms (`ingest::import`, `web::OpenMetricsWriter`), the store's side of old samples (`tsdb`).
//! Start at: [`import::run`] and [`export::run`].

pub(crate) mod export;
pub(crate) mod import;
mod parquet;
mod progress;
mod remote;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use ingest::import::Wanted;
use model::TimeRange;

use crate::cli::{CONFIG_FILE_DEFAULT, TransferArgs};
use crate::config;
use crate::query::read_time;

impl TransferArgs {
    /// Which series, and of what time.
    fn wanted(&self) -> anyhow::Result<Wanted> {
        let mut any_of = Vec::new();
        for text in &self.selectors {
            any_of.push(promql::parse_selector(text).with_context(|| format!("--match {text:?}"))?);
        }
        let from_ms = self.from.as_deref().map_or(Ok(i64::MIN), read_time)?;
        let to_ms = self.to.as_deref().map_or(Ok(i64::MAX), read_time)?;
        let range = TimeRange::new(from_ms, to_ms).context("--from must lie before --to")?;
        Ok(Wanted { any_of, range })
    }

    /// Opens the store in the data folder of a stopped server, with the settings of that server.
    fn open_store(&self, data_dir: &Path, must_exist: bool, now_ms: i64) -> anyhow::Result<tsdb::Db> {
        let folder = data_dir.join("series");
        if must_exist && !folder.is_dir() {
            bail!(
                "{} holds no series; name the folder of a server with --data-dir",
                data_dir.display()
            );
        }
        let default = PathBuf::from(CONFIG_FILE_DEFAULT);
        let path = self
            .config
            .clone()
            .or_else(|| default.exists().then_some(default));
        let loaded =
            config::load(path.as_deref()).map_err(|faults| anyhow::anyhow!(config::join(&faults)))?;
        std::fs::create_dir_all(data_dir).with_context(|| format!("cannot create {}", data_dir.display()))?;
        let (db, report) = tsdb::Db::open(loaded.file.storage.series(folder), now_ms).with_context(|| {
            format!(
                "cannot use {}; stop the server that uses it, or go through that server with --url",
                data_dir.display()
            )
        })?;
        for damage in &report.damage {
            tracing::warn!(damage, "damage in the data folder");
        }
        Ok(db)
    }
}
