//! Sections as people write them: what they mean, and what is said of those that are wrong.

use super::*;

fn configs(yaml: &str) -> Vec<ScrapeConfig> {
    serde_saphyr::from_str(yaml).unwrap()
}

fn parse_error(yaml: &str) -> String {
    serde_saphyr::from_str::<Vec<ScrapeConfig>>(yaml)
        .unwrap_err()
        .to_string()
}

#[test]
fn defaults_are_those_of_prometheus() {
    let global = GlobalConfig::default();
    let job = Job::resolve(&global, configs("[{job_name: node}]").remove(0));
    assert_eq!(
        (job.interval.to_string(), job.timeout.to_string()),
        ("15s".into(), "10s".into())
    );
    assert_eq!(
        (job.scheme.as_str(), job.metrics_path.as_str()),
        ("http", "/metrics")
    );
    assert_eq!(job.body_bytes_max, 256 * 1024 * 1024);
    assert!(!job.legacy_names && !job.extra_metrics);
    assert_eq!(job.protocols, ScrapeProtocol::DEFAULT);
}

#[test]
fn a_short_interval_shortens_the_timeout() {
    let global: GlobalConfig = serde_saphyr::from_str("{scrape_interval: 1m, scrape_timeout: 30s}").unwrap();
    let job = Job::resolve(&global, configs("[{job_name: a, scrape_interval: 5s}]").remove(0));
    assert_eq!(
        (job.interval.to_string(), job.timeout.to_string()),
        ("5s".into(), "5s".into())
    );
    let global: GlobalConfig = serde_saphyr::from_str("{scrape_interval: 5s}").unwrap();
    assert_eq!(global.timeout().to_string(), "5s");
    assert_eq!(validate(&global, &[]), Vec::<String>::new());
}

#[test]
fn a_whole_configuration_is_read() {
    let yaml = r#"
- job_name: prometheus
  honor_labels: true
  honor_timestamps: false
  scrape_interval: 50s
  scrape_timeout: 5s
  body_size_limit: 10MB
  sample_limit: 1000
  target_limit: 35
  label_limit: 35
  label_name_length_limit: 210
  label_value_length_limit: 210
  scrape_protocols: ["PrometheusText0.0.4"]
  fallback_scrape_protocol: "PrometheusText0.0.4"
  metrics_path: /my_path
  scheme: https
  params: {"match[]": ['{job="x"}', up]}
  http_headers: {foo: {values: [foobar], secrets: [bar]}}
  basic_auth: {username: admin_name, password: "multiline\nmysecret\ntest"}
  static_configs:
    - targets: ["localhost:9090", "localhost:9191"]
      labels: {my: label, your: label}
  file_sd_configs:
    - files: [foo/*.slow.json, bar/*.yaml]
      refresh_interval: 10m
  relabel_configs:
    - source_labels: [job, __meta_dns_name]
      regex: (.*)some-[regex]
      target_label: job
      replacement: foo-${1}
  tls_config: {insecure_skip_verify: true, min_version: TLS12}
"#;
    let configs = configs(yaml);
    assert_eq!(validate(&GlobalConfig::default(), &configs), Vec::<String>::new());
    let job = Job::resolve(&GlobalConfig::default(), configs[0].clone());
    assert_eq!((job.body_bytes_max, job.sample_limit), (10 * 1024 * 1024, 1000));
    assert_eq!(job.first_params().get("match[]"), Some(&"{job=\"x\"}"));
    assert_eq!(configs[0].file_sd_configs[0].refresh_interval.to_string(), "10m");
}

#[test]
fn errors_of_the_text_name_the_line() {
    let check = |yaml: &str, line: &str, expected: &str| {
        let error = parse_error(yaml);
        assert!(error.contains(line) && error.contains(expected), "{error}");
    };
    check(
        "- job_name: a\n  scrape_intervall: 5s\n",
        "line 2",
        "scrape_intervall",
    );
    check(
        "- job_name: a\n  scrape_interval: 5\n",
        "line 2",
        "not a valid duration",
    );
    check(
        "- job_name: a\n  body_size_limit: 100\n",
        "line 2",
        "not a valid size",
    );
    check(
        "- job_name: a\n  consul_sd_configs:\n    - server: x\n",
        "line",
        "does not have this kind",
    );
    check(
        "- job_name: a\n  static_configs:\n    -\n",
        "line",
        "empty or null entry",
    );
    check(
        "- job_name: a\n  relabel_configs:\n    -\n",
        "line",
        "empty or null entry",
    );
    check(
        "- job_name: a\n  relabel_configs:\n    - regex: abc\n",
        "line 3",
        "requires 'target_label'",
    );
    check(
        "- job_name: a\n  scrape_protocols: [Text]\n",
        "line 2",
        "unknown scrape protocol",
    );
    check(
        "- job_name: a\n  fallback_scrape_protocol: [PrometheusText0.0.4]\n",
        "line 2",
        "",
    );
    check(
        "- job_name: a\n  tls_config: {min_version: SSL3}\n",
        "line 2",
        "unknown TLS version",
    );
}

#[test]
fn all_faults_are_told_at_once_with_job_and_key() {
    let yaml = r"
- job_name: a
  scrape_interval: 10s
  scrape_timeout: 20s
  scheme: ftp
  bearer_token: 1234
  bearer_token_file: somefile
  basic_auth: {username: user, password: password}
  static_configs: [{targets: ['http://bad']}]
- job_name: a
  scrape_protocols: [OpenMetricsText1.0.0, PrometheusProto, OpenMetricsText1.0.0]
- scrape_interval: 10s
  tls_config: {cert_file: x}
  file_sd_configs: [{files: ['a/*/b.txt']}]
  http_headers: {Authorization: {values: [x]}}
";
    let faults = validate(&GlobalConfig::default(), &configs(yaml));
    let expected = [
        "job \"a\": scrape_timeout 20s is longer than scrape_interval 10s",
        "job \"a\": scheme is \"ftp\"",
        "job \"a\": bearer_token and bearer_token_file are both set",
        "job \"a\": basic_auth, authorization, oauth2 and bearer_token exclude each other",
        "job \"a\": static_configs has the target \"http://bad\"",
        "job \"a\": job_name is used by more than one job",
        "job \"a\": scrape_protocols lists OpenMetricsText1.0.0 twice",
        "scrape_configs entry 3: job_name is missing",
        "scrape_configs entry 3: tls_config has a client certificate without its key",
        "scrape_configs entry 3: file_sd_configs has the path \"a/*/b.txt\"",
        "scrape_configs entry 3: http_headers sets \"Authorization\"",
    ];
    for beginning in expected {
        assert!(
            faults.iter().any(|fault| fault.starts_with(beginning)),
            "{beginning}: {faults:#?}"
        );
    }
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
}

#[test]
fn legacy_names_exclude_utf8_escaping() {
    let yaml = "{metric_name_validation_scheme: legacy, metric_name_escaping_scheme: allow-utf-8}";
    let global: GlobalConfig = serde_saphyr::from_str(yaml).unwrap();
    assert_eq!(validate(&global, &[]).len(), 1);
}

#[test]
fn secrets_do_not_print() {
    let configs = configs("[{job_name: a, bearer_token: hunter2, http_headers: {x: {secrets: [hunter2]}}}]");
    assert!(!format!("{configs:?}").contains("hunter2"));
}

#[test]
fn entries_of_discovery_that_could_find_nothing_are_refused_with_their_line() {
    let check = |kind: &str, entry: &str, expected: &str| {
        let yaml = format!("- job_name: a\n  {kind}_sd_configs:\n    - {entry}\n");
        let error = parse_error(&yaml);
        assert!(error.contains("line 3") && error.contains(expected), "{error}");
    };
    check("http", "{url: 'http://'}", "url is \"http://\"");
    check("http", "{url: 'ftp://a/'}", "write an http or https address");
    check(
        "http",
        "{url: 'http://a/', refresh_interval: 0s}",
        "refresh_interval is 0",
    );
    check(
        "http",
        "{url: 'http://a/', basic_auth: {password: a, password_file: b}}",
        "keep one of them",
    );
    check("dns", "{type: A, port: 80}", "names is empty");
    check("dns", "{names: [a], type: A}", "port is missing");
    check("dns", "{names: [a], type: TXT}", "SRV, A, AAAA, MX or NS");
    check("docker", "{port: 80}", "unix:///var/run/docker.sock");
    check("docker", "{host: 'ssh://a'}", "host is \"ssh://a\"");
    check("kubernetes", "{api_server: 'http://a'}", "role is missing");
    check("kubernetes", "{role: pods}", "unknown variant");
    check(
        "kubernetes",
        "{role: pod, basic_auth: {username: a}}",
        "need api_server",
    );
    check(
        "kubernetes",
        "{role: pod, api_server: 'http://a', kubeconfig_file: b}",
        "exclude each other",
    );
    check(
        "kubernetes",
        "{role: pod, selectors: [{role: node}]}",
        "does not ask for",
    );
    check(
        "kubernetes",
        "{role: pod, selectors: [{role: pod}, {role: pod}]}",
        "twice",
    );
}
