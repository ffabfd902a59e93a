//! Feeds arbitrary lines to every stage of the pipelines; none may panic, and what is hidden must not be found again.

#![no_main]

use std::sync::OnceLock;

use ingest::{PipelineConfig, PipelineTelemetry, Pipelines, RedactConfig};
use libfuzzer_sys::fuzz_target;
use model::{Labels, LogRows, TenantId};

const STAGES: &str = r#"
- name: all
  stages:
    - json: {}
    - logfmt: { prefix: l_ }
    - syslog: {}
    - access_log: {}
    - cri: {}
    - docker: {}
    - regex: { expression: '(?P<r>\w+)=(?P<s>\S*)' }
    - grok: { patterns: ['%{COMBINEDAPACHELOG}', '%{SYSLOGLINE}', '%{TIMESTAMP_ISO8601:timestamp} %{LOGLEVEL:level}'] }
    - pattern: { expression: '<p> - <_> [<q>]' }
    - timestamp: { source: timestamp, formats: [rfc3339, rfc2822, rfc3164, common, unix, unix_ms, '%Y/%m/%d %H:%M:%S'] }
    - level: { label: level }
    - trace: {}
    - labels: { from: { r: , s: }, values_max: 2 }
    - metadata: { all_fields: true }
    - line: { format: '{line} {p}' }
    - sample: { rate: 0.9, by: r }
    - drop: { source: s, expression: '^x' }
    - limit: { rate: 1000 }
"#;

fn pipelines() -> &'static Pipelines {
    static READ: OnceLock<Pipelines> = OnceLock::new();
    READ.get_or_init(|| {
        let configs: Vec<PipelineConfig> = serde_saphyr::from_str(STAGES).expect("stages");
        let redaction = RedactConfig {
            detectors: vec!["secrets".to_owned(), "personal".to_owned()],
            ..RedactConfig::default()
        };
        Pipelines::new(&configs, &redaction, PipelineTelemetry::default()).expect("pipelines")
    })
}

fuzz_target!(|text: &str| {
    let labels = Labels::from_pairs([("app", "a")]);
    let mut rows = LogRows::new(TenantId::DEFAULT);
    rows.begin_stream(labels.clone());
    for line in text.lines() {
        rows.push(1, line, [("password", line)]);
    }
    let count = rows.line_count();
    assert!(pipelines().apply(rows, 1_767_225_600_000_000_000).line_count() <= count);
    pipelines().explain(&labels, text, 0);
});
