//! `watchkeeper doctor`: mends what a stopped server keeps.
//!
//! In: a data folder.  Out: what was found, on standard output; the exit code says whether all of it is well.
//! Owns: nothing; it takes the folder's lock while it works.
//! Invariants: nothing is removed that another segment does not hold (`tests/doctor_command.rs`).
//! Not here: what is done (`lake::doctor`).
//! Start at: [`run`].

use std::process::ExitCode;

use anyhow::Context;
use stdx::SystemClock;

use crate::cli::{DATA_DIR_DEFAULT, DoctorCommand, RebuildCatalogArgs};
use crate::{config, config_or_default, print};

/// Does what is asked.
pub(crate) async fn run(command: &DoctorCommand) -> anyhow::Result<ExitCode> {
    match command {
        DoctorCommand::RebuildCatalog(args) => rebuild_catalog(args).await,
    }
}

async fn rebuild_catalog(args: &RebuildCatalogArgs) -> anyhow::Result<ExitCode> {
    let data_dir = args.data_dir.clone().unwrap_or_else(|| DATA_DIR_DEFAULT.into());
    let dir = data_dir.join("logs");
    if !dir.is_dir() {
        anyhow::bail!(
            "{} holds no log lines; name the folder of a server with --data-dir",
            data_dir.display()
        );
    }
    let file = config_or_default(args.config.as_deref());
    let loaded = config::load(file.as_deref()).map_err(|faults| anyhow::anyhow!(config::join(&faults)))?;
    let config = loaded.file.storage.logs(dir);
    let state = state::State::open(data_dir.join("state.db"), SystemClock::shared()).await?;
    let catalog = lake::Catalog::new(state, tokio::runtime::Handle::current());
    let parts = lake::Parts {
        objects: loaded.file.storage.objects()?,
        ..lake::Parts::new(catalog, lake::Telemetry::default())
    };
    let rebuild = move || lake::doctor::rebuild_catalog(&config, &parts);
    let rebuilt = tokio::task::spawn_blocking(rebuild)
        .await?
        .context("cannot rebuild the catalog; stop the server that uses the folder first")?;
    print(&rebuilt.to_string())?;
    Ok(if rebuilt.is_whole() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
