//! A scrape configuration with every default filled in.

use std::collections::BTreeMap;
use std::time::Duration;

use stdx::HumanDuration;

use super::{GlobalConfig, NameEscaping, NameValidation, ScrapeConfig, ScrapeProtocol};
use crate::histograms::{HistogramRules, schema_of_factor};
use crate::limits::{BODY_BYTES_MAX, DROPPED_TARGETS_LISTED_MAX, TARGET_SERIES_MAX};

/// What the loops of one job work by.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// The configuration as written.
    pub config: ScrapeConfig,
    /// Time between scrapes, before relabelling.
    pub interval: HumanDuration,
    /// The most a scrape may take, before relabelling.
    pub timeout: HumanDuration,
    /// Formats to ask for, best first.
    pub protocols: Vec<ScrapeProtocol>,
    /// The path of the URL, before relabelling.
    pub metrics_path: String,
    /// The scheme of the URL, before relabelling.
    pub scheme: String,
    /// Uncompressed bytes of a body.
    pub body_bytes_max: u64,
    /// Samples after relabelling; 0 is no limit.
    pub sample_limit: u64,
    /// Series of a target, those that it gave up lately among them.
    pub series_limit: u64,
    /// Targets of the job; 0 is no limit.
    pub target_limit: u64,
    /// Labels of a series; 0 is no limit.
    pub label_limit: u64,
    /// Bytes of a label name; 0 is no limit.
    pub label_name_length_limit: u64,
    /// Bytes of a label value; 0 is no limit.
    pub label_value_length_limit: u64,
    /// Dropped targets that are listed.
    pub dropped_listed_max: usize,
    /// Whether only legacy names are allowed.
    pub legacy_names: bool,
    /// How names are asked for.
    pub escaping: NameEscaping,
    /// The file that failed scrapes are written to.
    pub failure_log_file: Option<String>,
    /// Whether the targets get the three further `scrape_*` series.
    pub extra_metrics: bool,
    /// Which forms of histograms are kept.
    pub histograms: HistogramRules,
}

impl Job {
    /// Fills in the defaults of the global section.
    pub fn resolve(global: &GlobalConfig, config: ScrapeConfig) -> Self {
        let interval = given(config.scrape_interval).unwrap_or(global.scrape_interval);
        let timeout = given(config.scrape_timeout).unwrap_or_else(|| global.timeout().min(interval));
        let validation = config
            .metric_name_validation_scheme
            .or(global.metric_name_validation_scheme)
            .unwrap_or(NameValidation::Utf8);
        let legacy_names = validation == NameValidation::Legacy;
        let escaping = config
            .metric_name_escaping_scheme
            .or(global.metric_name_escaping_scheme);
        let escaping = escaping.unwrap_or(if legacy_names {
            NameEscaping::Underscores
        } else {
            NameEscaping::AllowUtf8
        });
        let protocols = config
            .scrape_protocols
            .as_ref()
            .or(global.scrape_protocols.as_ref());
        let body_size = config
            .body_size_limit
            .filter(|size| size.0 > 0)
            .unwrap_or(global.body_size_limit);
        let histograms = histograms(global, &config);
        let default_protocols: &[ScrapeProtocol] = if histograms.scrape_native {
            &ScrapeProtocol::PROTOBUF_FIRST
        } else {
            &ScrapeProtocol::DEFAULT
        };
        let dropped_listed = config.keep_dropped_targets.unwrap_or(global.keep_dropped_targets);
        Self {
            interval,
            timeout,
            protocols: protocols.cloned().unwrap_or_else(|| default_protocols.to_vec()),
            metrics_path: filled(config.metrics_path.as_ref(), "/metrics"),
            scheme: filled(config.scheme.as_ref(), "http"),
            body_bytes_max: if body_size.0 > 0 {
                body_size.0
            } else {
                BODY_BYTES_MAX
            },
            sample_limit: limit(config.sample_limit, global.sample_limit),
            series_limit: match limit(config.series_limit, global.series_limit) {
                0 => TARGET_SERIES_MAX,
                limit => limit,
            },
            target_limit: limit(config.target_limit, global.target_limit),
            label_limit: limit(config.label_limit, global.label_limit),
            label_name_length_limit: limit(config.label_name_length_limit, global.label_name_length_limit),
            label_value_length_limit: limit(config.label_value_length_limit, global.label_value_length_limit),
            dropped_listed_max: match dropped_listed {
                0 => DROPPED_TARGETS_LISTED_MAX,
                count => usize::try_from(count).unwrap_or(usize::MAX),
            },
            legacy_names,
            failure_log_file: config
                .scrape_failure_log_file
                .clone()
                .or_else(|| global.scrape_failure_log_file.clone())
                .filter(|path| !path.is_empty()),
            escaping,
            histograms,
            extra_metrics: config.extra_scrape_metrics.unwrap_or(global.extra_scrape_metrics),
            config,
        }
    }

    /// The value of the first of each query parameter, as `__param_` labels show it.
    pub fn first_params(&self) -> BTreeMap<&str, &str> {
        let params = self.config.params.iter();
        params
            .filter_map(|(name, values)| Some((name.as_str(), values.first()?.as_str())))
            .collect()
    }
}

impl GlobalConfig {
    /// The timeout in force: as written, or 10 s, or the interval where that is shorter.
    pub fn timeout(&self) -> HumanDuration {
        given(self.scrape_timeout).unwrap_or_else(|| Self::SCRAPE_TIMEOUT_DEFAULT.min(self.scrape_interval))
    }
}

fn histograms(global: &GlobalConfig, config: &ScrapeConfig) -> HistogramRules {
    let bucket_limit = config.native_histogram_bucket_limit.unwrap_or_default();
    HistogramRules {
        scrape_native: config
            .scrape_native_histograms
            .or(global.scrape_native_histograms)
            .unwrap_or(false),
        keep_classic: config
            .always_scrape_classic_histograms
            .unwrap_or(global.always_scrape_classic_histograms),
        convert_classic: config
            .convert_classic_histograms_to_nhcb
            .unwrap_or(global.convert_classic_histograms_to_nhcb),
        bucket_limit: usize::try_from(bucket_limit).unwrap_or(usize::MAX),
        schema_max: schema_of_factor(config.native_histogram_min_bucket_factor.unwrap_or_default()),
    }
}

/// `0` counts as absent, as in Prometheus.
fn given(duration: Option<HumanDuration>) -> Option<HumanDuration> {
    duration.filter(|duration| duration.0 > Duration::ZERO)
}

fn limit(own: Option<u64>, global: u64) -> u64 {
    own.filter(|limit| *limit > 0).unwrap_or(global)
}

fn filled(text: Option<&String>, default: &str) -> String {
    text.filter(|text| !text.is_empty())
        .map_or(default, |text| text)
        .to_owned()
}
