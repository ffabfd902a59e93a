//! Hears: scrapes Prometheus targets, takes what is pushed, and writes it through the doors to the series and the log lines.
//!
//! In: `scrape_configs` from the roof, exposition text from targets, bodies and packets of senders.  Out: samples, staleness markers and metadata to
//! [`model::SeriesWrite`], lines to [`model::LogWrite`]; [`TargetNews`] and [`logs::Stored`] to whoever listens.
//! Owns: one task per target while [`Scraper::run`] lives, and nothing on disk.
//! Invariants: an unchanged target is not disturbed by a reload and a removed one ends stale (`tests/reload.rs`);
//! a series that vanishes from a target ends stale, all of them when the scrape fails (`tests/scrape_life.rs`);
//! no body can make the process hold more than its limit (`tests/scrape_limits.rs`).
//! Not here: storing (`tsdb`), this machine's own vitals (`collect`), HTTP pages about targets (`web`).
//! Start at: [`Scraper::apply`], [`Push`] and [`Logs`].

pub mod client;
pub mod config;
pub mod error;
pub mod exposition;
pub mod forward;
pub mod histograms;
pub mod import;
pub mod intake;
pub mod kubernetes;
pub mod limits;
pub mod logs;
pub mod pipeline;
pub mod push;
pub mod relabel;
pub mod remote_read;
pub mod scrape;
pub mod self_scrape;
pub mod series_cache;
pub mod statsd;
pub mod syslog;
pub mod telemetry;

pub use config::{GlobalConfig, ScrapeConfig};
pub use error::IngestError;
pub use forward::{ForwardTelemetry, Forwarder};
pub use kubernetes::{PodDirectories, PodsTelemetry};
pub use logs::{LogOutcome, Logs, LogsTelemetry};
pub use pipeline::{PipelineConfig, PipelineTelemetry, Pipelines, RedactConfig};
pub use push::{Push, PushError};
pub use scrape::status::{DiscoveryStatus, DroppedTarget, Health, TargetNews, TargetStatus, Targets};
pub use scrape::{Scraper, ScraperDeps};
pub use self_scrape::SelfScrape;
pub use series_cache::SeriesRefused;
pub use statsd::{Statsd, StatsdTelemetry};
pub use syslog::{Syslog, SyslogTelemetry};
pub use telemetry::{PushTelemetry, Telemetry};
