//! Everything that is wrong with the sections together, each fault with job, key and mend.

use std::collections::HashSet;

use model::names::{is_label_name, is_legacy_label_name};

use super::{GlobalConfig, Job, NameEscaping, NameValidation, ScrapeConfig, ScrapeProtocol, TargetGroup};

/// Checks the sections together; an empty list says that they are valid.
pub fn validate(global: &GlobalConfig, configs: &[ScrapeConfig]) -> Vec<String> {
    let mut faults = validate_global(global);
    faults.extend(validate_jobs(global, configs));
    faults
}

/// Checks the global section alone.
pub fn validate_global(global: &GlobalConfig) -> Vec<String> {
    let mut faults = Faults::default();
    global.check(&mut faults);
    faults.messages
}

/// Checks jobs against the global section, and their names against each other.
pub fn validate_jobs(global: &GlobalConfig, configs: &[ScrapeConfig]) -> Vec<String> {
    let mut faults = Faults::default();
    let mut names = HashSet::new();
    for (place, config) in configs.iter().enumerate() {
        if config.job_name.is_empty() {
            faults.place = format!("scrape_configs entry {}", place + 1);
            faults.add("job_name", "is missing; give the job a unique name");
        } else {
            faults.place = format!("job {:?}", config.job_name);
            if !names.insert(config.job_name.as_str()) {
                faults.add("job_name", "is used by more than one job; give each its own name");
            }
        }
        config.check(global, &mut faults);
    }
    faults.messages
}

#[derive(Default)]
struct Faults {
    place: String,
    messages: Vec<String>,
}

impl Faults {
    fn add(&mut self, key: &str, what: impl AsRef<str>) {
        self.messages
            .push(format!("{}: {key} {}", self.place, what.as_ref()));
    }

    fn add_if(&mut self, wrong: bool, key: &str, what: &str) {
        if wrong {
            self.add(key, what);
        }
    }
}

impl GlobalConfig {
    fn check(&self, faults: &mut Faults) {
        "global".clone_into(&mut faults.place);
        faults.add_if(
            self.timeout() > self.scrape_interval && self.scrape_interval.0.as_millis() > 0,
            "scrape_timeout",
            "is longer than scrape_interval; make it at most as long",
        );
        faults.add_if(
            self.scrape_interval.0.is_zero(),
            "scrape_interval",
            "is 0; write a duration such as 15s",
        );
        check_protocols(self.scrape_protocols.as_deref(), faults);
        let legacy = self.metric_name_validation_scheme == Some(NameValidation::Legacy);
        for name in self.external_labels.keys() {
            let valid = if legacy {
                is_legacy_label_name(name)
            } else {
                is_label_name(name)
            };
            faults.add_if(
                !valid,
                "external_labels",
                &format!("has {name:?}, which is not a label name; rename it"),
            );
        }
        check_names(
            self.metric_name_validation_scheme,
            self.metric_name_escaping_scheme,
            faults,
        );
    }
}

fn check_names(validation: Option<NameValidation>, escaping: Option<NameEscaping>, faults: &mut Faults) {
    faults.add_if(
        validation == Some(NameValidation::Legacy) && escaping == Some(NameEscaping::AllowUtf8),
        "metric_name_escaping_scheme",
        "is allow-utf-8 while metric_name_validation_scheme is legacy; use underscores, dots or values",
    );
}

fn check_protocols(protocols: Option<&[ScrapeProtocol]>, faults: &mut Faults) {
    let Some(protocols) = protocols else { return };
    let mut seen = HashSet::new();
    for protocol in protocols {
        let repeated = !seen.insert(protocol);
        faults.add_if(
            repeated,
            "scrape_protocols",
            &format!("lists {protocol} twice; remove one"),
        );
    }
}

impl ScrapeConfig {
    fn check(&self, global: &GlobalConfig, faults: &mut Faults) {
        let job = Job::resolve(global, self.clone());
        faults.add_if(
            job.timeout > job.interval,
            "scrape_timeout",
            &format!(
                "{} is longer than scrape_interval {}; make it at most as long",
                job.timeout, job.interval
            ),
        );
        let scheme_known = matches!(job.scheme.as_str(), "http" | "https");
        faults.add_if(
            !scheme_known,
            "scheme",
            &format!("is {:?}; write http or https", job.scheme),
        );
        check_protocols(self.scrape_protocols.as_deref(), faults);
        let own_or_global = self
            .metric_name_validation_scheme
            .or(global.metric_name_validation_scheme);
        if self.metric_name_validation_scheme.is_some() || self.metric_name_escaping_scheme.is_some() {
            let escaping = self
                .metric_name_escaping_scheme
                .or(global.metric_name_escaping_scheme);
            check_names(own_or_global, escaping, faults);
        }
        if job.legacy_names {
            self.check_legacy_rules(faults);
        }
        for group in &self.static_configs {
            group.check(job.legacy_names, faults);
        }
        self.check_files(faults);
        for fault in self.http.faults() {
            faults.messages.push(format!("{}: {fault}", faults.place));
        }
    }

    fn check_legacy_rules(&self, faults: &mut Faults) {
        let keys = [
            ("relabel_configs", &self.relabel_configs),
            ("metric_relabel_configs", &self.metric_relabel_configs),
        ];
        for (key, rules) in keys {
            for (place, rule) in rules.iter().enumerate() {
                if let Some(fault) = rule.fault_under_legacy_names() {
                    faults.add(key, format!("rule {}: {fault}", place + 1));
                }
            }
        }
    }

    fn check_files(&self, faults: &mut Faults) {
        for files in &self.file_sd_configs {
            faults.add_if(
                files.files.is_empty(),
                "file_sd_configs",
                "has no files; name at least one",
            );
            faults.add_if(
                files.refresh_interval.0.is_zero(),
                "file_sd_configs",
                "has refresh_interval 0; write a duration such as 5m",
            );
            for path in &files.files {
                let name = path.rsplit('/').next().unwrap_or_default();
                let known_end = [".json", ".yml", ".yaml"].iter().any(|end| name.ends_with(end));
                let stars = name.matches('*').count();
                let star_in_folder = path.strip_suffix(name).unwrap_or_default().contains('*');
                faults.add_if(
                    !known_end || stars > 1 || star_in_folder,
                    "file_sd_configs",
                    &format!(
                        "has the path {path:?}; its last part must end in .json, .yml or .yaml and may hold one *"
                    ),
                );
            }
        }
    }
}

impl TargetGroup {
    fn check(&self, legacy_names: bool, faults: &mut Faults) {
        for target in &self.targets {
            if let Some(fault) = address_fault(target) {
                faults.add("static_configs", fault);
            }
        }
        for name in self.labels.keys() {
            let valid = if legacy_names {
                is_legacy_label_name(name)
            } else {
                is_label_name(name)
            };
            faults.add_if(
                !valid,
                "static_configs",
                &format!("has {name:?}, which is not a label name; rename it"),
            );
        }
    }
}

/// What is wrong with an address, if anything (prometheus/config, `CheckTargetAddress`).
pub(crate) fn address_fault(address: &str) -> Option<String> {
    address.contains('/').then(|| {
        format!("has the target {address:?}; write host:port, and put the path into metrics_path and https into scheme")
    })
}
