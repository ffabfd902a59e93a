//! Statements to the data folder of a stopped server.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use futures::{StreamExt, TryStreamExt};
use model::TenantId;
use stdx::clock::SharedClock;
use tokio::runtime::Handle;
use web::{Sql, SqlForm, SqlQuestion};

use super::Chunks;
use super::door::SqlDoor;
use crate::config::Loaded;

/// Opens the folder as a server would and asks.
pub(super) async fn ask(
    data_dir: &Path,
    statement: &str,
    form: SqlForm,
    loaded: Loaded,
    clock: SharedClock,
) -> anyhow::Result<Chunks> {
    check_folder(data_dir)?;
    let in_use = || {
        format!(
            "cannot read {}; stop the server that uses it, or ask that server",
            data_dir.display()
        )
    };
    let (folder, now_ms) = (data_dir.to_owned(), clock.now_ms());
    let state = state::State::open(folder.join("state.db"), Arc::clone(&clock))
        .await
        .with_context(in_use)?;
    let storage = loaded.file.storage.clone();
    let parts = lake::Parts {
        objects: storage.objects()?,
        read_filter: Some(logql::line_filter),
        ..lake::Parts::new(
            lake::Catalog::new(state, Handle::current()),
            lake::Telemetry::default(),
        )
    };
    let open = move || -> anyhow::Result<_> {
        let (db, found) = tsdb::Db::open(storage.series(folder.join("series")), now_ms)?;
        let config = storage.logs(folder.join("logs"));
        let (logs, lines) = lake::Lake::open(config, parts, now_ms)?;
        for damage in found.damage.iter().chain(&lines.damage) {
            tracing::warn!(damage, "damage in the data folder");
        }
        Ok((db, logs))
    };
    let (db, logs) = tokio::task::spawn_blocking(open).await?.with_context(in_use)?;
    let config = loaded.file.server;
    let door = SqlDoor::new(
        Arc::new(logs.clone()),
        Arc::new(db.clone()),
        &config,
        data_dir.join("sql-spill"),
        clock,
    );
    let question = SqlQuestion {
        tenant: TenantId::DEFAULT,
        statement: statement.to_owned(),
        form,
        timeout: config.query_timeout.0,
        read_bytes_max: config.query_read_max.map(|size| size.0),
        memory_max: usize::try_from(config.query_memory_max.0).unwrap_or(usize::MAX),
    };
    let answer = door.answer(question).await;
    let answer = answer.map_err(|failure| anyhow::anyhow!(failure.message))?;
    // The stores stay open until the last row is out.
    let stores = Stores {
        series: db,
        logs,
        _door: door,
    };
    let chunks = answer.chunks.map(move |chunk| {
        let _open = &stores;
        chunk
    });
    Ok(chunks.map_err(|failure| anyhow::anyhow!(failure.message)).boxed())
}

fn check_folder(data_dir: &Path) -> anyhow::Result<()> {
    if !data_dir.join("series").is_dir() {
        anyhow::bail!(
            "{} is no data folder; name the folder of a server with --data-dir",
            data_dir.display()
        );
    }
    Ok(())
}

/// Closed when dropped.
struct Stores {
    series: tsdb::Db,
    logs: lake::Lake,
    /// The threads that work on the statement.
    _door: SqlDoor,
}

impl Drop for Stores {
    fn drop(&mut self) {
        self.logs.close();
        self.series.close();
    }
}
