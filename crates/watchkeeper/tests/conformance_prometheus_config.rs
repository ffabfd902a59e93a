//! Prometheus' own examples of good and bad files, judged by the binary as its user would: `watchkeeper check-config`.

#![allow(
    clippy::unwrap_used,
    reason = "a test ends where its world is not as it should be"
)]
#![allow(clippy::print_stdout, reason = "the totals are read from the output")]

mod support;

use std::path::{Path, PathBuf};

/// Every case passes; this may only go up, with the data.
const PASSED_MIN: usize = 83;

/// What the refusal of a bad file says: a file that is refused for another reason than its own has not been understood.
const REASONS: [(&str, &str); 54] = [
    ("bearertoken.bad.yml", "bearer_token and bearer_token_file"),
    ("bearertoken_basicauth.bad.yml", "exclude each other"),
    ("dropequal.bad.yml", "requires 'target_label'"),
    ("empty_alert_relabel_config.bad.yml", "empty or null entry"),
    ("empty_alertmanager_relabel_config.bad.yml", "empty or null entry"),
    ("empty_rr_config.bad.yml", "empty or null entry"),
    ("empty_rw_config.bad.yml", "empty or null entry"),
    ("empty_rw_relabel_config.bad.yml", "empty or null entry"),
    ("empty_scrape_config_action.bad.yml", "action cannot be empty"),
    ("empty_static_config.bad.yml", "empty or null entry"),
    ("empty_target_relabel_config.bad.yml", "empty or null entry"),
    ("http_url_no_host.bad.yml", "http_sd_configs: url"),
    ("jobname_dup.bad.yml", "used by more than one job"),
    ("keepequal.bad.yml", "requires 'target_label'"),
    ("labeldrop3.bad.yml", "takes only 'regex'"),
    ("labelkeep2.bad.yml", "takes only 'regex'"),
    ("labelkeep3.bad.yml", "takes only 'regex'"),
    ("labelkeep4.bad.yml", "takes only 'regex'"),
    ("labelkeep5.bad.yml", "takes only 'regex'"),
    ("labelmap.bad.yml", "!!binary"),
    ("labelname.bad.yml", "UTF-8"),
    ("lowercase3.bad.yml", "does not take 'replacement'"),
    ("otlp_allow_utf8.bad.yml", "Invalid"),
    (
        "otlp_ignore_resource_attributes_without_promote_all.bad.yml",
        "needs promote_all_resource_attributes",
    ),
    (
        "otlp_promote_all_resource_attributes.bad.yml",
        "excludes promote_resource_attributes",
    ),
    ("otlp_sanitize_promote_resource_attributes.bad.yml", "twice"),
    ("remote_read_header.bad.yml", "which the client sets itself"),
    (
        "remote_write_authorization_header.bad.yml",
        "which the client sets itself",
    ),
    ("remote_write_dup.bad.yml", "\"queue1\""),
    ("remote_write_header.bad.yml", "which the client sets itself"),
    ("remote_write_queue_capacity_zero.bad.yml", "capacity is 0"),
    (
        "remote_write_queue_min_shards_greater_than_max.bad.yml",
        "min_shards is above max_shards",
    ),
    ("remote_write_queue_min_shards_zero.bad.yml", "min_shards is 0"),
    ("remote_write_url_missing.bad.yml", "url is missing"),
    (
        "remote_write_wrong_msg.bad.yml",
        "io.prometheus.writet.v2.Request",
    ),
    ("rules.bad.yml", "\"my/*/rule\""),
    ("scrape_body_size_limit.bad.yml", "not a valid size"),
    ("scrape_config_files.bad.yml", "is longer than scrape_interval"),
    ("scrape_config_files_duplicate.bad.yml", "job_name is used in"),
    (
        "scrape_config_files_fallback_scrape_protocol1.bad.yml",
        "unknown scrape protocol",
    ),
    (
        "scrape_config_files_fallback_scrape_protocol2.bad.yml",
        "expected string",
    ),
    ("scrape_config_files_glob.bad.yml", "\"scrape_configs/*/*\""),
    ("scrape_config_files_scrape_protocols2.bad.yml", "twice"),
    ("scrape_config_utf8_conflicting.bad.yml", "allow-utf-8"),
    ("target_label_hashmod_missing.bad.yml", "requires 'target_label'"),
    ("target_label_missing.bad.yml", "requires 'target_label'"),
    (
        "tracing_invalid_authorization_header.bad.yml",
        "\"authorization\"",
    ),
    ("tracing_invalid_compression.bad.yml", "compression is \"foo\""),
    ("tracing_invalid_header.bad.yml", "which the client sets itself"),
    ("tsdb_chunk_encoding_floats_wrong_case.bad.yml", "XOR"),
    ("tsdb_chunk_encoding_floats_wrong_case_xor2.bad.yml", "XOR2"),
    ("tsdb_retention_percentage_negative.bad.yml", "percentage"),
    ("tsdb_retention_size.bad.yml", "-1GB"),
    ("tsdb_retention_time.bad.yml", "-1h"),
];

fn folder() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let given = std::env::var_os("WATCHKEEPER_CONFORMANCE_DIR").map(PathBuf::from);
    let folder = given
        .unwrap_or_else(|| root.join("../shared/conformance"))
        .join("prometheus-config");
    if folder.is_dir() {
        return std::path::absolute(folder).ok();
    }
    println!(
        "conformance prometheus-config: skipped, there is no folder {}",
        folder.display()
    );
    None
}

/// Why the outcome is not the one that the file's name asks for, if it is not.
fn fault(path: &Path, elsewhere: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let (taken, printed) = support::run(elsewhere, &["check-config", path.to_str()?]);
    let wanted = name.contains(".good.");
    let reason = REASONS.iter().find(|(file, _)| *file == name);
    let understood = wanted || reason.is_none_or(|(_, reason)| printed.contains(reason));
    (taken != wanted || !understood).then(|| format!("{name}: {}", printed.trim()))
}

#[test]
fn prometheus_config() {
    let Some(folder) = folder() else { return };
    let elsewhere = tempfile::tempdir().unwrap();
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "yml"))
        .collect();
    files.sort();
    let failed: Vec<String> = files
        .iter()
        .filter_map(|path| fault(path, elsewhere.path()))
        .collect();
    let passed = files.len() - failed.len();
    println!("{}", failed.join("\n"));
    println!(
        "conformance prometheus-config: {} cases, {passed} passed, {} failed",
        files.len(),
        failed.len()
    );
    // Another folder of the same shape may hold fewer cases.
    assert!(passed >= PASSED_MIN.min(files.len()), "{failed:#?}");
}
