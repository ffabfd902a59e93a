//! Everything that is wrong with the sections together, each fault with job, key and mend.

use std::collections::HashSet;

use super::names::{is_label_name, is_legacy_label_name};
use super::{
    Authorization, GlobalConfig, Job, NameEscaping, NameValidation, ScrapeConfig, ScrapeProtocol, TargetGroup,
};

/// Checks the sections together; an empty list says that they are valid.
pub fn validate(global: &GlobalConfig, configs: &[ScrapeConfig]) -> Vec<String> {
    let mut faults = Faults::default();
    global.check(&mut faults);
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
    let readable = protocols.iter().any(|protocol| protocol.format().is_some());
    faults.add_if(
        !readable,
        "scrape_protocols",
        "names no format that this build reads; add PrometheusText0.0.4",
    );
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
        faults.add_if(
            self.fallback_scrape_protocol == Some(ScrapeProtocol::PrometheusProto),
            "fallback_scrape_protocol",
            "is PrometheusProto, which this build does not read; use PrometheusText0.0.4",
        );
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
        self.check_authentication(faults);
        self.check_tls(faults);
        self.check_proxy(faults);
        self.check_headers(faults);
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

    fn check_authentication(&self, faults: &mut Faults) {
        let bearer = [self.bearer_token.is_some(), self.bearer_token_file.is_some()];
        faults.add_if(
            bearer == [true, true],
            "bearer_token",
            "and bearer_token_file are both set; keep one of them",
        );
        let ways = usize::from(bearer != [false, false])
            + usize::from(self.basic_auth.is_some())
            + usize::from(self.authorization.is_some());
        faults.add_if(
            ways > 1,
            "basic_auth",
            "excludes authorization and bearer_token, and each of them the others; keep one",
        );
        if let Some(basic) = &self.basic_auth {
            faults.add_if(
                basic.password.is_some() && basic.password_file.is_some(),
                "basic_auth",
                "has both password and password_file; keep one of them",
            );
            faults.add_if(
                !basic.username.is_empty() && basic.username_file.is_some(),
                "basic_auth",
                "has both username and username_file; keep one of them",
            );
        }
        if let Some(authorization) = &self.authorization {
            authorization.check(faults);
        }
    }

    fn check_tls(&self, faults: &mut Faults) {
        let tls = &self.tls_config;
        let both = [
            (tls.ca.is_some() && tls.ca_file.is_some(), "ca"),
            (tls.cert.is_some() && tls.cert_file.is_some(), "cert"),
            (tls.key.is_some() && tls.key_file.is_some(), "key"),
        ];
        for (wrong, key) in both {
            faults.add_if(
                wrong,
                "tls_config",
                &format!("has both {key} and {key}_file; keep one of them"),
            );
        }
        let cert = tls.cert.is_some() || tls.cert_file.is_some();
        let key = tls.key.is_some() || tls.key_file.is_some();
        faults.add_if(
            cert != key,
            "tls_config",
            "has a client certificate without its key or a key without its certificate; give both or none",
        );
        faults.add_if(
            tls.min_version
                .zip(tls.max_version)
                .is_some_and(|(min, max)| min > max),
            "tls_config",
            "has a min_version above its max_version; swap them",
        );
        faults.add_if(
            tls.max_version
                .is_some_and(|max| max < super::http::TlsVersion::Tls12),
            "tls_config",
            "has a max_version below TLS12, the oldest version that this build speaks",
        );
    }

    fn check_proxy(&self, faults: &mut Faults) {
        let proxy = self.proxy_url.as_deref().filter(|url| !url.is_empty());
        if let Some(proxy) = proxy {
            let usable = url::Url::parse(proxy).is_ok_and(|url| url.has_host());
            faults.add_if(
                !usable,
                "proxy_url",
                "is not a URL with a host; write for example http://proxy:3128",
            );
        }
        faults.add_if(
            self.proxy_from_environment && (proxy.is_some() || self.no_proxy.is_some()),
            "proxy_from_environment",
            "excludes proxy_url and no_proxy; keep one way",
        );
        faults.add_if(
            !self.proxy_from_environment && self.no_proxy.is_some() && proxy.is_none(),
            "no_proxy",
            "needs proxy_url; set it or remove no_proxy",
        );
        faults.add_if(
            !self.proxy_from_environment && !self.proxy_connect_header.is_empty() && proxy.is_none(),
            "proxy_connect_header",
            "needs proxy_url or proxy_from_environment",
        );
    }

    fn check_headers(&self, faults: &mut Faults) {
        /// Headers that the scraper sets itself; prometheus/common refuses the same.
        const RESERVED: [&str; 14] = [
            "authorization",
            "host",
            "content-encoding",
            "content-length",
            "content-type",
            "user-agent",
            "connection",
            "keep-alive",
            "proxy-authenticate",
            "proxy-authorization",
            "www-authenticate",
            "accept-encoding",
            "x-prometheus-remote-write-version",
            "x-prometheus-scrape-timeout-seconds",
        ];
        for (name, header) in &self.http_headers {
            let lower = name.to_ascii_lowercase();
            let valid = http::HeaderName::from_bytes(name.as_bytes()).is_ok();
            faults.add_if(
                !valid,
                "http_headers",
                &format!("has {name:?}, which is not a header name"),
            );
            faults.add_if(
                RESERVED.contains(&lower.as_str()),
                "http_headers",
                &format!("sets {name:?}, which the scraper sets itself; remove it"),
            );
            let values = header
                .values
                .iter()
                .map(String::as_str)
                .chain(header.secrets.iter().map(|s| s.expose()));
            let bad_value = values
                .into_iter()
                .any(|value| http::HeaderValue::from_str(value).is_err());
            faults.add_if(
                bad_value,
                "http_headers",
                &format!("gives {name:?} a value with forbidden characters"),
            );
        }
    }
}

impl Authorization {
    fn check(&self, faults: &mut Faults) {
        faults.add_if(
            self.credentials.is_some() && self.credentials_file.is_some(),
            "authorization",
            "has both credentials and credentials_file; keep one of them",
        );
        let basic = self
            .scheme
            .as_ref()
            .is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("basic"));
        faults.add_if(
            basic,
            "authorization",
            "has type Basic; use the basic_auth section",
        );
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
