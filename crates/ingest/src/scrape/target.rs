//! From an address and its labels to something that can be scraped, by way of `relabel_configs`.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{Labels, LabelsBuilder};
use stdx::HumanDuration;
use url::Url;
use xxhash_rust::xxh3::xxh3_64;

use super::discovery::{ADDRESS, Group, LabelSet};
use crate::config::Job;
use crate::config::validate::address_fault;
use crate::relabel;

const SCHEME: &str = "__scheme__";
const METRICS_PATH: &str = "__metrics_path__";
const SCRAPE_INTERVAL: &str = "__scrape_interval__";
const SCRAPE_TIMEOUT: &str = "__scrape_timeout__";
const PARAM_PREFIX: &str = "__param_";
const META_PREFIX: &str = "__meta_";
const RESERVED_PREFIX: &str = "__";

/// Where to scrape, how often, and what the series shall carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TargetSpec {
    pub(super) labels: Labels,
    pub(super) discovered_labels: Labels,
    pub(super) url: Url,
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
}

/// What became of one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Discovered {
    Target(Box<TargetSpec>),
    /// Dropped by a rule.
    Dropped(Labels),
    /// Not usable; says why.
    Faulty(String),
}

/// Makes targets of a group. Labels of a target win over those of its group.
pub(super) fn discover(job: &Job, group: &Group) -> Vec<Discovered> {
    let one = |target: &LabelSet| {
        let mut labels = LabelsBuilder::default();
        for (name, value) in group.labels.iter().chain(target) {
            labels.set(name.as_str(), value.as_str());
        }
        populate(job, labels)
    };
    group.targets.iter().map(one).collect()
}

/// Source: prometheus/scrape, `PopulateLabels`.
fn populate(job: &Job, mut labels: LabelsBuilder) -> Discovered {
    let presets = [
        ("job", job.config.job_name.clone()),
        (SCRAPE_INTERVAL, job.interval.to_string()),
        (SCRAPE_TIMEOUT, job.timeout.to_string()),
        (METRICS_PATH, job.metrics_path.clone()),
        (SCHEME, job.scheme.clone()),
    ];
    let params = job.first_params();
    let params = params
        .iter()
        .map(|(name, value)| (format!("{PARAM_PREFIX}{name}"), (*value).to_owned()));
    for (name, value) in presets
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .chain(params)
    {
        if labels.get(&name).unwrap_or_default().is_empty() {
            labels.set(name, value);
        }
    }
    let discovered_labels = labels.clone().build();
    match relabel::apply(&job.config.relabel_configs, &mut labels) {
        Ok(true) => {}
        Ok(false) => return Discovered::Dropped(discovered_labels),
        Err(error) => {
            let address = discovered_labels.get(ADDRESS).unwrap_or_default();
            return Discovered::Faulty(format!("{address}: {error}"));
        }
    }
    match finish(job, labels.build(), discovered_labels) {
        Ok(spec) => Discovered::Target(Box::new(spec)),
        Err(fault) => Discovered::Faulty(fault),
    }
}

fn finish(job: &Job, labels: Labels, discovered_labels: Labels) -> Result<TargetSpec, String> {
    let address = labels
        .get(ADDRESS)
        .ok_or("no address is left after relabelling")?;
    if let Some(fault) = address_fault(address) {
        return Err(fault);
    }
    let interval = duration(&labels, SCRAPE_INTERVAL)?;
    let timeout = duration(&labels, SCRAPE_TIMEOUT)?;
    if interval.is_zero() || timeout.is_zero() || timeout > interval {
        return Err(format!(
            "interval {interval:?} and timeout {timeout:?} after relabelling: neither may be 0, and the timeout \
             must not be longer"
        ));
    }
    let url = url_of(job, &labels, address)?;
    let mut public = LabelsBuilder::default();
    public.set("instance", address);
    for (name, value) in labels
        .iter()
        .filter(|(name, _)| !name.starts_with(RESERVED_PREFIX))
    {
        public.set(name, value);
    }
    Ok(TargetSpec {
        url,
        interval,
        timeout,
        discovered_labels,
        labels: public.build(),
    })
}

fn duration(labels: &Labels, name: &str) -> Result<Duration, String> {
    let text = labels.get(name).unwrap_or_default();
    HumanDuration::parse(text)
        .map(|duration| duration.0)
        .map_err(|error| format!("label {name}: {error}"))
}

fn url_of(job: &Job, labels: &Labels, address: &str) -> Result<Url, String> {
    let scheme = labels.get(SCHEME).unwrap_or_default();
    if !matches!(scheme, "http" | "https") {
        return Err(format!(
            "scheme {scheme:?} after relabelling; only http and https can be scraped"
        ));
    }
    let mut url = Url::parse(&format!("{scheme}://{address}/"))
        .map_err(|error| format!("{address:?} is not a host and port: {error}"))?;
    url.set_path(labels.get(METRICS_PATH).unwrap_or_default());
    let params = params(job, labels);
    if params.values().any(|values| !values.is_empty()) {
        let mut query = url.query_pairs_mut();
        for (name, values) in &params {
            query.extend_pairs(values.iter().map(|value| (*name, *value)));
        }
    }
    Ok(url)
}

/// The parameters of the job; a `__param_` label takes the place of the first value.
fn params<'a>(job: &'a Job, labels: &'a Labels) -> BTreeMap<&'a str, Vec<&'a str>> {
    let own = job.config.params.iter();
    let mut params: BTreeMap<&str, Vec<&str>> = own
        .map(|(name, values)| (name.as_str(), values.iter().map(String::as_str).collect()))
        .collect();
    for (name, value) in labels {
        let Some(name) = name.strip_prefix(PARAM_PREFIX) else {
            continue;
        };
        let values = params.entry(name).or_default();
        match values.first_mut() {
            Some(first) => *first = value,
            None => values.push(value),
        }
    }
    params
}

impl TargetSpec {
    /// Tells targets of one job apart, and spreads their scrapes over the interval.
    pub(super) fn hash(&self) -> u64 {
        let text = format!("{}{}", self.labels.id().0, self.url);
        xxh3_64(text.as_bytes())
    }
}

/// Labels of `__meta_` are for relabelling only; named here because files of targets set one.
pub(super) fn meta_label(name: &str) -> String {
    format!("{META_PREFIX}{name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{GlobalConfig, ScrapeConfig};

    fn specs(yaml: &str) -> Vec<Discovered> {
        let config: ScrapeConfig = serde_saphyr::from_str(yaml).unwrap();
        let job = Job::resolve(&GlobalConfig::default(), config);
        let groups = job.config.static_configs.clone();
        groups
            .iter()
            .flat_map(|group| discover(&job, &Group::of(group, &[])))
            .collect()
    }

    fn target(yaml: &str) -> TargetSpec {
        match specs(yaml).remove(0) {
            Discovered::Target(spec) => *spec,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn job_and_instance_come_from_job_and_address() {
        let spec = target("{job_name: node, static_configs: [{targets: ['h:9100'], labels: {zone: a}}]}");
        assert_eq!(
            spec.labels.to_string(),
            r#"{instance="h:9100", job="node", zone="a"}"#
        );
        assert_eq!(spec.url.as_str(), "http://h:9100/metrics");
        assert_eq!((spec.interval.as_secs(), spec.timeout.as_secs()), (15, 10));
        assert_eq!(spec.discovered_labels.get("__metrics_path__"), Some("/metrics"));
    }

    #[test]
    fn relabelling_moves_the_target_as_the_blackbox_exporter_needs_it() {
        let spec = target(
            "job_name: probe\nmetrics_path: /probe\nscheme: https\nparams: {module: [http_2xx]}\n\
             static_configs: [{targets: ['example.org']}]\n\
             relabel_configs:\n\
             - {source_labels: [__address__], target_label: __param_target}\n\
             - {source_labels: [__param_target], target_label: instance}\n\
             - {target_label: __address__, replacement: 'prober:9115'}\n\
             - {target_label: __scrape_interval__, replacement: 1m}\n",
        );
        assert_eq!(
            spec.url.as_str(),
            "https://prober:9115/probe?module=http_2xx&target=example.org"
        );
        assert_eq!(spec.labels.get("instance"), Some("example.org"));
        assert_eq!(spec.interval.as_secs(), 60);
    }

    #[test]
    fn dropped_and_unusable_targets_are_told_apart() {
        let dropped = specs(
            "{job_name: a, static_configs: [{targets: [x]}], \
              relabel_configs: [{source_labels: [__address__], regex: x, action: drop}]}",
        );
        assert!(matches!(&dropped[..], [Discovered::Dropped(labels)] if labels.get("job") == Some("a")));
        let faulty = |rule: &str| {
            let yaml =
                format!("{{job_name: a, static_configs: [{{targets: [x]}}], relabel_configs: [{rule}]}}");
            assert!(matches!(&specs(&yaml)[..], [Discovered::Faulty(_)]), "{rule}");
        };
        faulty("{target_label: __address__, replacement: ''}");
        faulty("{target_label: __address__, replacement: 'a/b'}");
        faulty("{target_label: __scheme__, replacement: ftp}");
        faulty("{target_label: __scrape_timeout__, replacement: 1h}");
        faulty("{target_label: __scrape_interval__, replacement: soon}");
        let doubling = |number| format!("{{action: labelmap, regex: '(.+)', replacement: 'x{number}_$1'}}");
        faulty(&(0..14).map(doubling).collect::<Vec<_>>().join(", "));
    }
}
