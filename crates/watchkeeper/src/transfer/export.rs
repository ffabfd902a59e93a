//! Giving out: from the store of a stopped server or the stream of a running one into a file that appears whole or not at all.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use ingest::import::{ImportError, Wanted, frames};
use model::{SampleColumns, SeriesRead, TenantId};
use stdx::Clock;
use web::{OpenMetricsWriter, each_series};

use super::parquet::ParquetFile;
use super::progress::{Progress, say};
use super::remote;
use crate::cli::{ExportArgs, ExportCommand};

/// Text is written in pieces of about this size.
const PIECE_BYTES: usize = 256 << 10;

/// Gives out what the command names.
pub(crate) async fn run(command: &ExportCommand, clock: &dyn Clock) -> anyhow::Result<()> {
    let (args, is_parquet) = match command {
        ExportCommand::Openmetrics(args) => (args, false),
        ExportCommand::Parquet(args) => (args, true),
    };
    let wanted = args.options.wanted()?;
    let line = match (&args.options.data_dir, is_parquet) {
        (Some(data_dir), true) => parquet_offline(args, &wanted, data_dir, clock.now_ms())?,
        (Some(data_dir), false) => text_offline(args, &wanted, data_dir, clock.now_ms())?,
        (None, true) => parquet_online(args, &wanted).await?,
        (None, false) => text_online(args, &wanted).await?,
    };
    // Standard output may be the file.
    say(&line);
    Ok(())
}

fn text_offline(args: &ExportArgs, wanted: &Wanted, data_dir: &Path, now_ms: i64) -> anyhow::Result<String> {
    let db = args.options.open_store(data_dir, true, now_ms)?;
    let mut target = Target::create(&args.out)?;
    let mut writer = OpenMetricsWriter::new(db.metadata(TenantId::DEFAULT, None)?);
    let mut progress = Progress::new();
    let mut text = String::new();
    each_series(&db, &wanted.any_of, wanted.range, |series| {
        let (mut samples, mut histograms) = (SampleColumns::default(), Vec::new());
        series.read(wanted.range, &mut samples)?;
        series.read_histograms(wanted.range, &mut histograms)?;
        writer.add(series.labels(), &samples, histograms.len(), &mut text);
        if text.len() >= PIECE_BYTES {
            target.write(text.as_bytes())?;
            text.clear();
        }
        progress.tell(|| format!("{} samples of {} series written", writer.samples, writer.series));
        Ok::<(), anyhow::Error>(())
    })?;
    writer.finish(&mut text);
    target.write(text.as_bytes())?;
    drop(progress);
    let damage = db.damage();
    db.close();
    target.finish()?;
    Ok(format!(
        "{} samples of {} series written{}{}",
        writer.samples,
        writer.series,
        left_out(
            writer.markers_left_out,
            "stale markers, which OpenMetrics does not have"
        ),
        left_out(
            writer.histograms_left_out,
            "native histograms, which its text form does not have"
        ),
    ) + &lacking(&damage))
}

async fn text_online(args: &ExportArgs, wanted: &Wanted) -> anyhow::Result<String> {
    let parameters = remote::parameters(&args.options, wanted);
    let mut response = remote::fetch(&args.options.url, "api/v1/export/openmetrics", &parameters).await?;
    let mut target = Target::create(&args.out)?;
    let mut progress = Progress::new();
    let mut bytes = 0_u64;
    let mut tail = Vec::new();
    while let Some(piece) = response.chunk().await.context("the server broke off")? {
        target.write(&piece)?;
        bytes += piece.len() as u64;
        tail.extend_from_slice(piece.get(piece.len().saturating_sub(6)..).unwrap_or_default());
        tail.drain(..tail.len().saturating_sub(6));
        progress.tell(|| format!("{} MB written", bytes >> 20));
    }
    drop(progress);
    if tail != b"# EOF\n" {
        bail!("the server's answer does not end with # EOF; see the server's log");
    }
    target.finish()?;
    Ok(format!("{bytes} bytes written"))
}

fn parquet_offline(
    args: &ExportArgs,
    wanted: &Wanted,
    data_dir: &Path,
    now_ms: i64,
) -> anyhow::Result<String> {
    let db = args.options.open_store(data_dir, true, now_ms)?;
    let target = Target::create(&args.out)?;
    let mut file = ParquetFile::new(target)?;
    let mut progress = Progress::new();
    each_series(&db, &wanted.any_of, wanted.range, |series| {
        let (mut samples, mut histograms) = (SampleColumns::default(), Vec::new());
        series.read(wanted.range, &mut samples)?;
        series.read_histograms(wanted.range, &mut histograms)?;
        file.add(series.labels(), samples, histograms.len())?;
        progress.tell(|| file.line());
        Ok::<(), anyhow::Error>(())
    })?;
    drop(progress);
    let damage = db.damage();
    db.close();
    Ok(finish(file)? + &lacking(&damage))
}

async fn parquet_online(args: &ExportArgs, wanted: &Wanted) -> anyhow::Result<String> {
    let parameters = remote::parameters(&args.options, wanted);
    let response = remote::fetch(&args.options.url, "api/v1/export/series", &parameters).await?;
    let (body, pump) = remote::body_of(response);
    let out = args.out.clone();
    let writing = tokio::task::spawn_blocking(move || write_frames(body, &out));
    pump.await;
    writing.await.context("writing panicked")?
}

fn write_frames(body: impl Read, out: &Path) -> anyhow::Result<String> {
    let mut file = ParquetFile::new(Target::create(out)?)?;
    let mut progress = Progress::new();
    let mut failed = None;
    let read = frames::read(body, &mut |labels, samples, histograms| {
        file.add(labels, samples.clone(), histograms.len())
            .map_err(|error| {
                let place = out.display().to_string();
                let reason = format!("{error:#}");
                failed = Some(error);
                ImportError::Malformed { place, reason }
            })?;
        progress.tell(|| file.line());
        Ok(())
    });
    drop(progress);
    if let Some(error) = failed {
        return Err(error);
    }
    read.context("the server broke off; see its log")?;
    finish(file)
}

fn finish(file: ParquetFile<Target>) -> anyhow::Result<String> {
    let (line, target) = file.finish()?;
    target.finish()?;
    Ok(line)
}

/// A part of the closing line.
pub(super) fn left_out(count: u64, what: &str) -> String {
    if count == 0 {
        String::new()
    } else {
        format!(", left out {count} {what}")
    }
}

/// The part of the closing line that says what could not be read.
fn lacking(damage: &[String]) -> String {
    let lost = damage
        .iter()
        .map(|damage| format!("\nmay lack samples: {damage}"));
    lost.collect()
}

/// The file that is written, under a temporary name until it is whole; or standard output.
#[derive(Debug)]
pub(super) enum Target {
    File {
        writer: BufWriter<File>,
        path: PathBuf,
        part: PathBuf,
        finished: bool,
    },
    StandardOutput,
}

impl Target {
    fn create(path: &Path) -> anyhow::Result<Self> {
        if path == Path::new("-") {
            return Ok(Self::StandardOutput);
        }
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let file = File::create(&part).with_context(|| format!("cannot write {}", part.display()))?;
        Ok(Self::File {
            writer: BufWriter::with_capacity(PIECE_BYTES, file),
            path: path.to_owned(),
            part,
            finished: false,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.write_all(bytes).context("cannot write the export")
    }

    fn finish(mut self) -> anyhow::Result<()> {
        self.flush().context("cannot write the export")?;
        if let Self::File {
            writer,
            path,
            part,
            finished,
        } = &mut self
        {
            writer.get_ref().sync_all().context("cannot write the export")?;
            std::fs::rename(part, &path).with_context(|| format!("cannot write {}", path.display()))?;
            *finished = true;
        }
        Ok(())
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::File { writer, .. } => writer.write(bytes),
            Self::StandardOutput => std::io::stdout().write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::File { writer, .. } => writer.flush(),
            Self::StandardOutput => std::io::stdout().flush(),
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Self::File {
            part,
            finished: false,
            ..
        } = self
        {
            let _ = std::fs::remove_file(part);
        }
    }
}
