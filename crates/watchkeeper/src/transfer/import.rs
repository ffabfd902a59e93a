//! Taking in: from files to the store of a stopped server, or as a stream to a running one.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use ingest::import::frames::FrameSender;
use ingest::import::{Reading, Wanted, frames, openmetrics, prometheus};
use model::{Backfill, Backfilled, MetricMetadata, SeriesWrite, TenantId, WriteError};
use stdx::Clock;
use web::ImportAnswer;

use super::progress::{Progress, say};
use super::remote::{self, Pieces};
use crate::cli::{ImportCommand, TransferArgs};

/// How much of a file is sent at a time.
const PIECE_BYTES: usize = 256 << 10;

/// Where samples come from.
#[derive(Debug, Clone)]
enum Source {
    Prometheus(PathBuf),
    OpenMetrics(PathBuf),
}

/// Takes in what the command names; gives back the closing line. Faults that could be left behind make it an error in the end.
pub(crate) async fn run(command: &ImportCommand, clock: &dyn Clock) -> anyhow::Result<String> {
    let (source, options) = match command {
        ImportCommand::Prometheus { dir, options } => (Source::Prometheus(dir.clone()), options),
        ImportCommand::Openmetrics { file, options } => (Source::OpenMetrics(file.clone()), options),
    };
    let answer = match &options.data_dir {
        Some(data_dir) => offline(&source, options, data_dir, clock.now_ms())?,
        None => online(source.clone(), options).await?,
    };
    for note in &answer.notes {
        say(&format!("note: {note}"));
    }
    for fault in &answer.faults {
        say(&format!("fault: {fault}"));
    }
    let too_old = answer.refused.get("too_old").copied().unwrap_or_default();
    if too_old > 0 {
        say(&format!(
            "note: {too_old} samples are older than this store keeps anything; give the tier 1h more time in storage.tsdb.retention to take them in"
        ));
    }
    if answer.fault_count > 0 {
        bail!(
            "{} faults; what they concern was left out, the rest is stored: {answer}",
            answer.fault_count
        );
    }
    Ok(format!("{answer}\n"))
}

fn offline(
    source: &Source,
    options: &TransferArgs,
    data_dir: &Path,
    now_ms: i64,
) -> anyhow::Result<ImportAnswer> {
    let wanted = options.wanted()?;
    let db = options.open_store(data_dir, false, now_ms)?;
    let mut into =
        SeriesWrite::backfill(&db, TenantId::DEFAULT, now_ms).context("this store takes no old samples")?;
    let (reading, metadata) = source.read(&wanted, &mut *into)?;
    let stored = into.finish()?;
    db.describe(TenantId::DEFAULT, &metadata)?;
    db.close();
    Ok(ImportAnswer::new(reading, &stored))
}

async fn online(source: Source, options: &TransferArgs) -> anyhow::Result<ImportAnswer> {
    let wanted = options.wanted()?;
    match source {
        Source::Prometheus(_) => {
            let (answer, reading) = remote::send(
                &options.url,
                "api/v1/import/series",
                &[],
                frames::CONTENT_TYPE,
                move |pieces| {
                    let sender =
                        FrameSender::new(move |frame| pieces.send(frame).map_err(|()| WriteError::Closed));
                    let mut sender = Box::new(sender);
                    let (reading, _) = source.read(&wanted, &mut *sender)?;
                    let Backfilled { .. } = sender.finish()?;
                    Ok(reading)
                },
            )
            .await?;
            Ok(answer.read_here(reading))
        }
        Source::OpenMetrics(file) => {
            let parameters = remote::parameters(options, &wanted);
            let name = file.display().to_string();
            let (answer, ()) = remote::send(
                &options.url,
                "api/v1/import/openmetrics",
                &parameters,
                "application/openmetrics-text",
                move |pieces| send_file(&file, &pieces),
            )
            .await
            .context(name)?;
            Ok(answer)
        }
    }
}

fn send_file(file: &Path, pieces: &Pieces) -> anyhow::Result<()> {
    let mut from = open(file)?;
    let mut progress = Progress::new();
    let mut sent = 0_u64;
    loop {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        let read = from.by_ref().take(PIECE_BYTES as u64).read_to_end(&mut piece);
        if read.with_context(|| format!("cannot read {}", file.display()))? == 0 {
            return Ok(());
        }
        sent += piece.len() as u64;
        // A server that wants no more says why in its answer.
        if pieces.send(piece).is_err() {
            return Ok(());
        }
        progress.tell(|| format!("{} MB sent", sent >> 20));
    }
}

fn open(file: &Path) -> anyhow::Result<Box<dyn Read>> {
    if file == Path::new("-") {
        return Ok(Box::new(std::io::stdin()));
    }
    let opened = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Box::new(opened))
}

impl Source {
    /// Gives what is wanted to `into`; gives back what was read, and what was said of metrics.
    fn read(
        &self,
        wanted: &Wanted,
        into: &mut dyn Backfill,
    ) -> anyhow::Result<(Reading, Vec<MetricMetadata>)> {
        let mut progress = Progress::new();
        let mut told = |reading: &Reading| {
            progress.tell(|| {
                format!(
                    "{} samples of {} series read",
                    reading.samples + reading.histograms,
                    reading.series
                )
            });
        };
        match self {
            Self::Prometheus(dir) => Ok((prometheus::import(dir, wanted, into, &mut told)?, Vec::new())),
            Self::OpenMetrics(file) => {
                let name = file.display().to_string();
                let (reading, described) = openmetrics::import(&name, open(file)?, wanted, into, &mut told)?;
                Ok((reading, described.metadata()))
            }
        }
    }
}
