//! A real shop's access log, every line of which must come apart into its fields; and other programs' lines, which must not.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test ends at its first fault, and prints its totals"
)]

use std::io::Read;
use std::path::Path;

use ingest::{PipelineConfig, PipelineTelemetry, Pipelines, RedactConfig};
use model::{Labels, LogRows, TenantId};

const STAGES: &str = "
- name: web
  stages:
    - access_log: {}
    - timestamp: { source: time_local, formats: [common] }
    - metadata: { all_fields: true }
";

fn text(file: &Path) -> String {
    let mut text = String::new();
    let packed = std::fs::File::open(file).unwrap();
    flate2::read::GzDecoder::new(packed)
        .read_to_string(&mut text)
        .unwrap();
    text
}

/// The lines with their fields, and their times in seconds.
fn taken_apart(text: &str) -> Vec<(i64, Vec<(String, String)>)> {
    let configs: Vec<PipelineConfig> = serde_saphyr::from_str(STAGES).unwrap();
    let pipelines = Pipelines::new(&configs, &RedactConfig::off(), PipelineTelemetry::default()).unwrap();
    let mut rows = LogRows::new(TenantId::DEFAULT);
    rows.begin_stream(Labels::from_pairs([("app", "web")]));
    for line in text.lines() {
        rows.push(0, line, []);
    }
    let rows = pipelines.apply(rows, i64::MAX / 2);
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let streams = rows.streams().flat_map(|(_, rows)| {
        rows.map(|row| (row.at_ns() / 1_000_000_000, row.metadata().map(own).collect()))
            .collect::<Vec<_>>()
    });
    streams.collect()
}

#[test]
fn conformance_access_log() {
    let Some(file) = testkit::conformance("access-log", "logs/access/access-60k.log.gz") else {
        return;
    };
    let text = text(&file);
    let (mut cases, mut passed) = (0, 0);
    for (line, (seconds, fields)) in text.lines().zip(taken_apart(&text)) {
        cases += 1;
        let field = |name: &str| {
            fields
                .iter()
                .find(|(known, _)| known == name)
                .map_or("-", |(_, value)| value)
        };
        // Put together again from its fields, the line must be what it was; January 2019 in Tehran.
        let again = format!(
            "{} {} {} [{}] \"{} {} {}\" {} {} \"{}\" \"{}\" {}",
            field("remote_addr"),
            field("remote_ident"),
            field("remote_user"),
            field("time_local"),
            field("method"),
            field("request_uri"),
            field("protocol"),
            field("status"),
            field("body_bytes_sent"),
            field("http_referer"),
            field("http_user_agent"),
            field("rest"),
        );
        let is_whole = again == line
            || again.replace(
                &format!(
                    "{} {} {}",
                    field("method"),
                    field("request_uri"),
                    field("protocol")
                ),
                field("request"),
            ) == line;
        passed += usize::from(is_whole && (1_546_300_800..1_549_065_600).contains(&seconds));
        if !is_whole && passed + 5 > cases {
            println!("{line}\n{again}");
        }
    }
    println!(
        "conformance access-log: {cases} cases, {passed} passed, {} failed",
        cases - passed
    );
    assert_eq!((cases, passed), (60_000, 60_000));
}

#[test]
fn lines_of_other_programs_are_left_alone() {
    let Some(folder) = testkit::conformance("access-log", "logs/services") else {
        return;
    };
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "gz") {
            let taken = taken_apart(&text(&path));
            assert!(
                taken.iter().all(|(_, fields)| fields.is_empty()),
                "{}",
                path.display()
            );
        }
    }
}
