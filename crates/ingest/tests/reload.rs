//! Changes of configuration while targets are scraped.

mod support;

use ingest::IngestError;
use support::{Answer, FakeTarget, Rig, configs, global, job};

#[tokio::test]
async fn an_unchanged_target_goes_on_and_a_removed_one_ends() {
    let stays = FakeTarget::start(Answer::text("stays 1\n")).await;
    let goes = FakeTarget::start(Answer::text("goes 1\n")).await;
    let both = format!(
        "[{{job_name: s, static_configs: [{{targets: ['{}']}}]}}, {{job_name: g, static_configs: [{{targets: ['{}']}}]}}]",
        stays.address, goes.address
    );
    let rig = Rig::start(&both);
    rig.until("stays", "1").await;
    rig.until("goes", "1").await;

    let one = format!(
        "[{{job_name: s, static_configs: [{{targets: ['{}']}}]}}]",
        stays.address
    );
    rig.apply(&one);
    assert_eq!(rig.scraper.targets().active.len(), 1);
    rig.until("goes", "stale").await;
    let ended = rig
        .store
        .dump()
        .into_iter()
        .filter(|(_, samples)| samples.last().is_some_and(|(_, v)| model::is_stale(*v)));
    let ended: Vec<String> = ended.map(|(labels, _)| labels.metric_name().to_owned()).collect();
    assert_eq!(
        ended,
        [
            "goes",
            "scrape_duration_seconds",
            "scrape_samples_post_metric_relabeling",
            "scrape_samples_scraped",
            "scrape_series_added",
            "up"
        ]
    );
    let requests = goes.requests().len();
    rig.apply(&one);
    rig.until_that("further scrapes", || rig.values("stays").len() >= 6)
        .await;
    assert_eq!(goes.requests().len(), requests, "a removed target is left alone");
    assert!(!rig.values("stays").contains(&"stale".to_owned()));
    assert_eq!(
        rig.telemetry.series_parsed.get(),
        2,
        "an unchanged target parses nothing anew"
    );
}

#[tokio::test]
async fn a_changed_job_goes_on_with_the_same_series() {
    let target = FakeTarget::start(Answer::text("a 1\nb 1\n")).await;
    let rig = Rig::start(&job(&target.address, ""));
    rig.until("a", "1").await;
    rig.apply(&job(
        &target.address,
        ", metric_relabel_configs: [{source_labels: [__name__], regex: b, action: drop}]",
    ));
    rig.until("b", "stale").await;
    rig.until_that("further scrapes", || rig.values("a").len() >= 6)
        .await;
    assert!(
        !rig.values("a").contains(&"stale".to_owned()),
        "{:?}",
        rig.values("a")
    );
    assert!(!rig.values("up").contains(&"stale".to_owned()));
}

#[tokio::test]
async fn a_target_that_is_removed_and_comes_back_at_once_does_not_end() {
    let target = FakeTarget::start(Answer::text("a 1\n")).await;
    let rig = Rig::start(&job(&target.address, ""));
    rig.until("a", "1").await;
    rig.apply("[]");
    rig.apply(&job(&target.address, ""));
    rig.until_that("further scrapes", || rig.values("a").len() >= 6)
        .await;
    assert!(!rig.values("a").contains(&"stale".to_owned()));
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used_changes_nothing() {
    let target = FakeTarget::start(Answer::text("a 1\n")).await;
    let rig = Rig::start(&job(&target.address, ""));
    rig.until("a", "1").await;
    let bad = job("other:1", ", tls_config: {ca_file: /does/not/exist.pem}");
    let error = rig.scraper.apply(&global(), configs(&bad)).unwrap_err();
    assert_eq!(error.to_string(), "cannot read /does/not/exist.pem");
    let error = rig
        .scraper
        .apply(&global(), configs("[{job_name: a, scrape_timeout: 1h}]"))
        .unwrap_err();
    assert!(
        matches!(&error, IngestError::InvalidConfig { messages } if messages.len() == 1),
        "{error}"
    );
    let active = rig.scraper.targets().active;
    assert!(active[0].scrape_url.contains(&target.address));
}

#[tokio::test]
async fn dropped_targets_are_listed_and_files_of_targets_are_read() {
    let target = FakeTarget::start(Answer::text("a 1\n")).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("targets.json");
    let text = format!(
        r#"[{{"targets": ["{}", "drop:1"], "labels": {{"zone": "z"}}}}]"#,
        target.address
    );
    std::fs::write(&file, text).unwrap();
    let rig = Rig::start(&format!(
        "[{{job_name: demo, file_sd_configs: [{{files: ['{}']}}], \
          relabel_configs: [{{source_labels: [__address__], regex: 'drop.*', action: drop}}, \
                            {{source_labels: [__meta_filepath], regex: '.*/(.*)', target_label: file}}]}}]",
        file.display()
    ));
    rig.until("a", "1").await;
    let targets = rig.scraper.targets();
    assert_eq!(targets.dropped.len(), 1);
    assert_eq!(
        targets.dropped[0].discovered_labels.get("__address__"),
        Some("drop:1")
    );
    assert_eq!(targets.active[0].labels.get("file"), Some("targets.json"));
    assert_eq!(targets.active[0].labels.get("zone"), Some("z"));
}
