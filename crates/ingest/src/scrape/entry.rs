//! One target while it is scraped: what it is, what is known of it, and whether it shall go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use model::labels::METRIC_NAME;
use model::{Labels, Series};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::status::Health;
use super::target::TargetSpec;
use crate::client::HttpClient;
use crate::config::Job;
use crate::intake::SampleRules;
use crate::series_cache::{SeriesCache, SeriesRefused};

/// What all targets of one job share.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) job: Job,
    pub(super) client: HttpClient,
    /// How many targets the job has, for its limit.
    pub(super) target_count: AtomicUsize,
}

impl Pool {
    /// The number of targets, where it is above the job's limit.
    pub(super) fn over_limit(&self) -> Option<usize> {
        let count = self.target_count.load(Ordering::Relaxed);
        (self.job.target_limit > 0 && count as u64 > self.job.target_limit).then_some(count)
    }
}

/// One target.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) pool: Arc<Pool>,
    pub(super) spec: TargetSpec,
    pub(super) hash: u64,
    pub(super) rules: SampleRules,
    pub(super) report: Report,
    pub(super) status: Mutex<Status>,
    /// Shared with the entry that takes this one's place after a reload.
    pub(super) memory: Arc<Mutex<SeriesCache>>,
    /// Cancelled when the target is no longer scraped by this entry.
    pub(super) stop: CancellationToken,
    /// Whether another entry goes on with the same series, so that they must not be ended.
    pub(super) taken_over: AtomicBool,
    /// Whether a loop was started for it.
    pub(super) started: AtomicBool,
    pub(super) body_bytes_last: AtomicUsize,
}

/// How the last scrape went.
#[derive(Debug, Clone, Default)]
pub(super) struct Status {
    pub(super) health: Health,
    pub(super) last_error: String,
    pub(super) last_scrape_ms: Option<i64>,
    pub(super) last_duration: Duration,
    pub(super) series_refused: Option<SeriesRefused>,
}

impl Entry {
    pub(super) fn new(pool: Arc<Pool>, spec: TargetSpec, memory: Arc<Mutex<SeriesCache>>) -> Self {
        let job = &pool.job;
        let rules = SampleRules {
            target_labels: spec.labels.clone(),
            honor_labels: job.config.honor_labels,
            honor_timestamps: job.config.honor_timestamps.unwrap_or(true),
            track_timestamps_staleness: job.config.track_timestamps_staleness,
            relabel: job.config.metric_relabel_configs.clone(),
            sample_limit: job.sample_limit,
            series_limit: count(job.series_limit),
            label_limit: count(job.label_limit),
            label_name_length_limit: count(job.label_name_length_limit),
            label_value_length_limit: count(job.label_value_length_limit),
            legacy_names: job.legacy_names,
            histograms: job.histograms,
        };
        Self {
            hash: spec.hash(),
            rules,
            report: Report::new(&spec.labels),
            status: Mutex::default(),
            memory,
            stop: CancellationToken::new(),
            taken_over: AtomicBool::new(false),
            started: AtomicBool::new(false),
            body_bytes_last: AtomicUsize::new(0),
            pool,
            spec,
        }
    }
}

fn count(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// The series that tell how the scraping itself goes.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) up: Series,
    pub(super) duration_seconds: Series,
    pub(super) samples_scraped: Series,
    pub(super) samples_kept: Series,
    pub(super) series_added: Series,
    pub(super) timeout_seconds: Series,
    pub(super) sample_limit: Series,
    pub(super) body_bytes: Series,
}

impl Report {
    fn new(target_labels: &Labels) -> Self {
        let named = |name: &str| {
            let mut labels = target_labels.to_builder();
            labels.set(METRIC_NAME, name);
            Series::new(labels.build())
        };
        Self {
            up: named("up"),
            duration_seconds: named("scrape_duration_seconds"),
            samples_scraped: named("scrape_samples_scraped"),
            samples_kept: named("scrape_samples_post_metric_relabeling"),
            series_added: named("scrape_series_added"),
            timeout_seconds: named("scrape_timeout_seconds"),
            sample_limit: named("scrape_sample_limit"),
            body_bytes: named("scrape_body_size_bytes"),
        }
    }

    /// The series that every target has, and those that it has where the job asks for more.
    pub(super) fn all(&self, extra: bool) -> impl Iterator<Item = &Series> {
        let always = [
            &self.up,
            &self.duration_seconds,
            &self.samples_scraped,
            &self.samples_kept,
            &self.series_added,
        ];
        let more = [&self.timeout_seconds, &self.sample_limit, &self.body_bytes];
        always.into_iter().chain(more.into_iter().filter(move |_| extra))
    }
}
