//! What pipelines promise, over batches of lines.

use model::{Labels, LogRows, TenantId};

use super::telemetry::{PipelineLabels, StageLabels};
use super::*;

const NOW_NS: i64 = 1_767_225_600_000_000_000; // 2026-01-01T00:00:00Z

fn pipelines(text: &str) -> Pipelines {
    let configs: Vec<PipelineConfig> = serde_saphyr::from_str(text).unwrap();
    Pipelines::new(&configs, &RedactConfig::default(), PipelineTelemetry::default()).unwrap()
}

fn fault(text: &str) -> String {
    let configs: Result<Vec<PipelineConfig>, _> = serde_saphyr::from_str(text);
    match configs {
        Ok(configs) => Pipelines::new(&configs, &RedactConfig::default(), PipelineTelemetry::default())
            .unwrap_err()
            .to_string(),
        Err(error) => error.to_string(),
    }
}

/// Labels, and lines.
type Stream<'t> = (&'t [(&'t str, &'t str)], &'t [&'t str]);

fn batch(streams: &[Stream<'_>]) -> LogRows {
    let mut rows = LogRows::new(TenantId::DEFAULT);
    rows.key = Some(7);
    for (labels, lines) in streams {
        rows.begin_stream(Labels::from_pairs(labels.iter().copied()));
        for line in *lines {
            rows.push(NOW_NS, line, [("pod", "p1")]);
        }
    }
    rows
}

fn told(rows: &LogRows) -> Vec<String> {
    let streams = rows.streams().flat_map(|(labels, rows)| {
        let rows: Vec<String> = rows
            .map(|row| {
                let metadata: Vec<String> = row
                    .metadata()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                format!(
                    "{labels} {} {} [{}]",
                    row.at_ns() - NOW_NS,
                    row.line(),
                    metadata.join(" ")
                )
            })
            .collect();
        rows
    });
    streams.collect()
}

#[test]
fn nothing_configured_changes_nothing() {
    let rows = batch(&[
        (&[("app", "a")], &["password=hunter2", "two"]),
        (&[("app", "b")], &["three"]),
    ]);
    let before = rows.clone();
    assert_eq!(Pipelines::default().apply(rows, NOW_NS), before);
    let nothing_to_hide = batch(&[(&[("app", "a")], &["one", "two"])]);
    assert_eq!(
        pipelines("[]").apply(nothing_to_hide.clone(), NOW_NS),
        nothing_to_hide
    );
}

#[test]
fn secrets_are_hidden_by_default() {
    let rows = batch(&[(&[("app", "a")], &["password=hunter2", "a@example.org"])]);
    let rows = pipelines("[]").apply(rows, NOW_NS);
    let expected = [
        r#"{app="a"} 0 password=[REDACTED:key_value] [pod=p1]"#,
        r#"{app="a"} 0 a@example.org [pod=p1]"#,
    ];
    assert_eq!(told(&rows), expected);
    assert_eq!(rows.key, Some(7));
}

const SHOP: &str = r#"
- name: shop
  selector: '{app="shop"}'
  stages:
    - json: {}
    - timestamp: { source: ts, formats: [rfc3339], past_max: 1d }
    - level: { label: level }
    - trace: {}
    - labels: { from: { tenant: , path: url } , values_max: 2 }
    - metadata: { from: { user: user_id } }
    - service: { name_from: [logger], environment: prod }
    - drop: { source: url, values: [/healthz] }
    - line: { source: msg }
- name: web
  selector: '{app=~"nginx.*"}'
  stages:
    - access_log: {}
    - timestamp: { source: time_local, formats: [common], fallback: now }
    - metadata: { from: { status: , path: } }
    - static_labels: { set: { source: edge }, remove: [instance] }
"#;

#[test]
fn a_line_is_made_sense_of() {
    let rows = batch(&[
        (
            &[("app", "shop")],
            &[
                r#"{"ts":"2025-12-31T23:59:59.5Z","lvl":"WARN","tenant":"t1","url":"/a","user_id":5,"logger":"cart","msg":"slow","traceId":"4bf92f3577b34da6a3ce929d0e0e4736"}"#,
                r#"{"ts":"2025-12-31T23:59:59.6Z","tenant":"t2","url":"/b","msg":"no level"}"#,
                r#"{"ts":"never","tenant":"t3","url":"/c","msg":"error: password=hunter2"}"#,
                r#"{"url":"/healthz","msg":"fine"}"#,
                "not JSON at all",
            ],
        ),
        (
            &[("app", "nginx-1"), ("instance", "i")],
            &[
                r#"1.2.3.4 - - [01/Jan/2026:00:00:01 +0000] "GET /x?token=abcdef12 HTTP/1.1" 200 5 "-" "curl""#,
            ],
        ),
        (&[("app", "other")], &["as it is"]),
    ]);
    let expected = [
        r#"{app="shop", deployment_environment="prod", level="warn", path="/a", service_name="cart", tenant="t1"} -500000000 slow [pod=p1 detected_level=warn trace_id=4bf92f3577b34da6a3ce929d0e0e4736 user=5]"#,
        r#"{app="shop", deployment_environment="prod", path="/b", tenant="t2"} -400000000 no level [pod=p1]"#,
        r#"{app="shop", deployment_environment="prod", level="error"} 0 error: password=[REDACTED:key_value] [pod=p1 detected_level=error path=/c tenant=t3]"#,
        r#"{app="shop", deployment_environment="prod"} 0 not JSON at all [pod=p1]"#,
        r#"{app="nginx-1", source="edge"} 1000000000 1.2.3.4 - - [01/Jan/2026:00:00:01 +0000] "GET /x?token=[REDACTED:key_value] HTTP/1.1" 200 5 "-" "curl" [pod=p1 path=/x status=200]"#,
        r#"{app="other"} 0 as it is [pod=p1]"#,
    ];
    let mut read = told(&pipelines(SHOP).apply(rows, NOW_NS));
    let mut expected = expected.map(str::to_owned);
    read.sort();
    expected.sort();
    assert_eq!(read, expected);
}

#[test]
fn a_replay_gives_the_same_lines() {
    let text = r"
- name: p
  stages:
    - logfmt: {}
    - labels: { from: { u: }, values_max: 3 }
    - sample: { rate: 0.5, by: id }
    - limit: { rate: 1, burst: 5 }
";
    let lines: Vec<String> = (0..50).map(|n| format!("id={} u={}", n / 2, n % 7)).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let once = || told(&pipelines(text).apply(batch(&[(&[("app", "a")], &lines)]), NOW_NS));
    let first = once();
    assert_eq!(first.len(), 5);
    assert_eq!(first, once());
}

#[test]
fn a_share_is_kept_with_all_that_belongs_together() {
    let text = "[{name: p, stages: [{logfmt: {}}, {sample: {rate: 0.25, by: id}}]}]";
    let lines: Vec<String> = (0..4000).map(|n| format!("id={} n={n}", n / 4)).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let kept = told(&pipelines(text).apply(batch(&[(&[("app", "a")], &lines)]), NOW_NS));
    assert_eq!(kept.len() % 4, 0);
    assert!((800..1200).contains(&kept.len()), "{}", kept.len());
}

#[test]
fn what_a_stage_cannot_read_is_counted() {
    let telemetry = PipelineTelemetry::default();
    let configs: Vec<PipelineConfig> =
        serde_saphyr::from_str("[{name: p, stages: [{json: {}}, {drop: {expression: '^x'}}]}]").unwrap();
    let pipelines = Pipelines::new(&configs, &RedactConfig::off(), telemetry.clone()).unwrap();
    let kept = pipelines.apply(batch(&[(&[("app", "a")], &["{}", "no", "{\"a\":", "x"])]), NOW_NS);
    assert_eq!(kept.line_count(), 3);
    let of_stage = |stage, reason| StageLabels {
        pipeline: "p".to_owned(),
        stage,
        reason,
    };
    let lines = PipelineLabels {
        pipeline: "p".to_owned(),
    };
    assert_eq!(telemetry.lines.get_or_create(&lines).get(), 4);
    let missed = |reason| telemetry.missed.get_or_create(&of_stage("json", reason)).get();
    assert_eq!((missed("no JSON object"), missed("bad JSON")), (2, 1));
    assert_eq!(
        telemetry.dropped.get_or_create(&of_stage("drop", "rule")).get(),
        1
    );
}

#[test]
fn containers_logs_are_unpacked() {
    let cri =
        "[{name: p, stages: [{cri: {}}, {labels: {from: {stream: }}}, {metadata: {from: {partial: }}}]}]";
    let rows = batch(&[(
        &[("a", "b")],
        &[
            "2026-01-01T00:00:01.5Z stderr F the line",
            "2026-01-01T00:00:02Z stdout P half",
            "else",
        ],
    )]);
    assert_eq!(
        told(&pipelines(cri).apply(rows, NOW_NS)),
        [
            r#"{a="b", stream="stderr"} 1500000000 the line [pod=p1 partial=false]"#,
            r#"{a="b", stream="stdout"} 2000000000 half [pod=p1 partial=true]"#,
            r#"{a="b"} 0 else [pod=p1]"#,
        ]
    );
    let docker = "[{name: p, stages: [{docker: {}}]}]";
    let rows = batch(&[(
        &[("a", "b")],
        &[r#"{"log":"the line\r\n","stream":"stdout","time":"2026-01-01T00:00:01Z","attrs":{}}"#],
    )]);
    assert_eq!(
        told(&pipelines(docker).apply(rows, NOW_NS)),
        [r#"{a="b"} 1000000000 the line [pod=p1]"#]
    );
}

#[test]
fn a_stage_gives_a_line_no_more_fields_than_it_may_have() {
    let stream = Labels::default();
    let mut entry = Entry::new(&stream, NOW_NS, "", []);
    let again = (0..1000).map(|place| ("a", place.to_string()));
    assert!(matches!(entry.set_fields(again), Flow::Missed("too many fields")));
    assert_eq!(entry.field("a"), Some("255"));
}

#[test]
fn captures_become_fields() {
    let text = r"
- name: p
  stages:
    - regex: { expression: 'took (?P<took>\d+) ms' }
    - grok: { patterns: ['from %{IP:client.ip}', 'at %{WORD:place}'] }
    - pattern: { expression: '<first> <_>' }
    - metadata: { all_fields: true }
    - line: { format: '{first}/{took} {{{line}}}' }
";
    let rows = batch(&[(&[("a", "b")], &["GET took 5 ms from 1.2.3.4", "x at home"])]);
    assert_eq!(
        told(&pipelines(text).apply(rows, NOW_NS)),
        [
            r#"{a="b"} 0 GET/5 {GET took 5 ms from 1.2.3.4} [pod=p1 took=5 client_ip=1.2.3.4 first=GET]"#,
            r#"{a="b"} 0 x/ {x at home} [pod=p1 place=home first=x]"#,
        ]
    );
}

#[test]
fn limits_are_by_value_and_fill_up_again() {
    let text = "[{name: p, stages: [{logfmt: {}}, {limit: {rate: 2, burst: 2, by: u}}]}]";
    let pipelines = pipelines(text);
    let rows = || batch(&[(&[("a", "b")], &["u=1", "u=1", "u=1", "u=2"])]);
    assert_eq!(pipelines.apply(rows(), NOW_NS).line_count(), 3);
    assert_eq!(pipelines.apply(rows(), NOW_NS).line_count(), 1);
    assert_eq!(pipelines.apply(rows(), NOW_NS + 500_000_000).line_count(), 2);
}

#[test]
fn faults_of_the_configuration_name_the_mend() {
    for (text, expected) in [
        ("[{name: a, stages: []}]", "0 stages"),
        ("[{name: a, stages: [{jsom: {}}]}]", "unknown"),
        ("[{name: a, stages: [{json: {sorce: x}}]}]", "sorce"),
        (
            "[{name: a, selector: 'app=1', stages: [{json: {}}]}]",
            "write a stream selector",
        ),
        (
            "[{name: a, stages: [{regex: {expression: '('}}]}]",
            "no regular expression",
        ),
        (
            "[{name: a, stages: [{regex: {expression: 'x'}}]}]",
            "captures nothing by name",
        ),
        (
            "[{name: a, stages: [{grok: {patterns: ['%{NOPE}']}}]}]",
            "no grok pattern",
        ),
        (
            "[{name: a, stages: [{pattern: {expression: 'x'}}]}]",
            "at least one capture",
        ),
        (
            "[{name: a, stages: [{timestamp: {source: t, formats: [iso]}}]}]",
            "unknown time format",
        ),
        (
            "[{name: a, stages: [{timestamp: {source: t, timezone: Moon/Base}}]}]",
            "no zone",
        ),
        (
            "[{name: a, stages: [{labels: {from: {'a b': }}}]}]",
            "not a label name",
        ),
        (
            "[{name: a, stages: [{labels: {from: {a: }, values_max: 0}}]}]",
            "values_max",
        ),
        (
            "[{name: a, stages: [{sample: {rate: 2}}]}]",
            "a share from 0 to 1",
        ),
        ("[{name: a, stages: [{drop: {}}]}]", "would drop every line"),
        ("[{name: a, stages: [{limit: {rate: 0}}]}]", "more than 0"),
        ("[{name: a, stages: [{line: {}}]}]", "one of source and format"),
        (
            "[{name: a, stages: [{geo: {source: ip, database: /nowhere.mmdb}}]}]",
            "cannot read /nowhere.mmdb",
        ),
        (
            "[{name: a, stages: [{json: {}}]}, {name: a, stages: [{json: {}}]}]",
            "a name of its own",
        ),
    ] {
        let told = fault(text);
        assert!(told.contains(expected), "{text}: {told}");
    }
}

#[test]
fn every_stage_is_in_the_table_and_documented() {
    // Lines are wrapped in the page.
    let documentation = include_str!("../../../../docs/pipelines.md");
    for kind in stages::all() {
        assert!(
            documentation.contains(&format!("### {}\n", kind.name)),
            "{}",
            kind.name
        );
        assert!(documentation.contains(kind.summary), "{}", kind.summary);
    }
    for detector in redact::all() {
        assert!(
            documentation.contains(&format!("`{}`", detector.name)),
            "{}",
            detector.name
        );
    }
    let one_each = "
- json: {}
- logfmt: {}
- syslog: {}
- access_log: {}
- cri: {}
- docker: {}
- regex: {expression: '(?P<a>x)'}
- grok: {patterns: ['%{WORD:a}']}
- pattern: {expression: '<a>'}
- timestamp: {source: t}
- level: {}
- trace: {}
- labels: {from: {a: }}
- metadata: {}
- static_labels: {}
- service: {}
- geo: {source: a, database: b}
- kubernetes: {}
- line: {source: a}
- redact: {}
- sample: {rate: 1}
- drop: {values: [a]}
- limit: {rate: 1}
";
    let configs: Vec<StageConfig> = serde_saphyr::from_str(one_each).unwrap();
    let names: Vec<&str> = configs.iter().map(|config| config.kind().name).collect();
    let all: Vec<&str> = stages::all().iter().map(|kind| kind.name).collect();
    assert_eq!(names, all);
}

const ALL_THAT_READ: &str = r"
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
    - timestamp: { source: timestamp, formats: [rfc3339, rfc2822, rfc3164, common, unix, unix_ms] }
    - level: { label: level }
    - trace: {}
    - labels: { from: { r: , s: }, values_max: 2 }
    - metadata: { all_fields: true }
    - line: { format: '{line} {p}' }
    - limit: { rate: 1000000 }
";

proptest::proptest! {
    #[test]
    fn any_line_goes_through(
        lines in proptest::collection::vec(
            "[ -~]{0,60}|\\PC{0,30}|<[0-9]{1,3}>1? ?[A-Z][a-z]{2} [ 0-9:]{0,16}[ -~]{0,20}|\\{\"[a-z]{1,3}\":[ -~]{0,20}\\}|[0-9.]{1,12} - - \\[[ -~]{0,30}\\] \"[ -~]{0,20}\" [0-9]{3} -",
            1..20,
        ),
    ) {
        let pipelines = pipelines(ALL_THAT_READ);
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let kept = pipelines.apply(batch(&[(&[("a", "b")], &lines)]), NOW_NS);
        proptest::prop_assert_eq!(kept.line_count(), lines.len());
    }
}
