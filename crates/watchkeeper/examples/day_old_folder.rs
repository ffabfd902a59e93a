//! Fills a data folder as a day of one machine's vitals would, for measuring starts and reads.
//!
//! `cargo run --release -p watchkeeper --example day_old_folder -- DIR [SERIES] [HOURS]`: by default 800 series, one
//! sample a second each, 24 hours up to now, maintained on the way as the server does.
#![expect(clippy::print_stdout, reason = "a tool for the terminal")]

use std::path::PathBuf;

use anyhow::Context;
use model::{Labels, Sample, Series, SeriesBatch, SeriesWrite, TenantId};
use stdx::{Clock, SystemClock};

/// Seconds in one batch.
const BATCH_SECONDS: i64 = 10;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().context("name the data folder to fill")?);
    let series_count: usize = arguments.next().map_or(Ok(800), |text| text.parse())?;
    let hours: i64 = arguments.next().map_or(Ok(24), |text| text.parse())?;
    let now_s = SystemClock::new().now_ms() / 1000;
    let start_s = now_s - hours * 3600;

    std::fs::create_dir_all(&folder)?;
    let (db, _) = tsdb::Db::open(tsdb::Config::in_dir(folder.join("series")), start_s * 1000)?;
    let series: Vec<Series> = (0..series_count).map(series).collect();
    let mut samples = Vec::with_capacity(BATCH_SECONDS as usize);
    for at_s in (start_s..now_s).step_by(BATCH_SECONDS as usize) {
        let mut batch = SeriesBatch::new(TenantId::DEFAULT);
        for (number, series) in series.iter().enumerate() {
            samples.clear();
            samples.extend((at_s..at_s + BATCH_SECONDS).map(|s| Sample {
                at_ms: s * 1000,
                value: value(number, s),
            }));
            batch.push(series.clone(), &samples);
        }
        let now_ms = (at_s + BATCH_SECONDS) * 1000;
        db.append(&batch, now_ms)?;
        if at_s % 60 < BATCH_SECONDS {
            db.maintain(now_ms)?;
        }
    }
    db.close();
    println!(
        "{}: {series_count} series, {hours} h, {} samples",
        folder.display(),
        series_count as i64 * hours * 3600
    );
    Ok(())
}

fn series(number: usize) -> Series {
    Series::new(Labels::from_pairs([
        ("__name__".to_owned(), format!("vital_{}", number % 40)),
        ("instance".to_owned(), "web-1".to_owned()),
        ("job".to_owned(), "host".to_owned()),
        ("part".to_owned(), format!("{}", number / 40)),
    ]))
}

/// Half counters that grow unevenly, a quarter gauges with two decimals, a quarter that hardly ever change.
fn value(number: usize, at_s: i64) -> f64 {
    let noise = ((at_s as u64 ^ (number as u64) << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as f64;
    match number % 4 {
        0 | 1 => (at_s - 1_600_000_000) as f64 * 40.0 + noise.rem_euclid(40.0).round(),
        2 => (noise / 6.5536).round() / 100.0,
        _ => (at_s / 3600) as f64,
    }
}
