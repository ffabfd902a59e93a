//! The life of a target: it answers, loses a series, dies, comes back, and is shut down with the process.
#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

mod support;

use axum::http::StatusCode;
use ingest::Health;
use stdx::outlet::News;
use support::{Answer, FakeTarget, Rig, job};

#[tokio::test]
async fn a_target_lives_loses_a_series_dies_and_comes_back() {
    let target = FakeTarget::start(Answer::text(
        "# HELP a Help.\n# TYPE a gauge\na 1\nb{x=\"y\"} 2\n",
    ))
    .await;
    let mut rig = Rig::start(&job(&target.address, ""));

    rig.until("up", "1").await;
    check_first_scrape(&rig, &target.address);

    // One series vanishes: it ends, the other goes on.
    target.answer_with(Answer::text("a 3\n"));
    rig.until("b", "stale").await;
    rig.until("a", "3").await;
    assert_eq!(
        rig.values("b").iter().filter(|value| *value == "stale").count(),
        1
    );

    // The target dies: up is 0 and everything ends.
    target.answer_with(Answer {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        ..Answer::text("a 3\n")
    });
    rig.until("up", "0").await;
    assert_eq!(rig.last("a").as_deref(), Some("stale"));
    let status = rig.until_told(Health::Down).await;
    assert!(status.last_error.contains("500"), "{}", status.last_error);

    // It comes back.
    target.answer_with(Answer::text("a 4\n"));
    rig.until("up", "1").await;
    assert_eq!(rig.last("a").as_deref(), Some("4"));
    assert_eq!(rig.until_told(Health::Up).await.last_error, "");

    let mut told = Vec::new();
    while told.len() < 3 {
        if let Some(News::Item(news)) = rig.news.next().await {
            assert_eq!((&*news.job, &*news.instance), ("demo", target.address.as_str()));
            told.push(news.health);
        }
    }
    assert_eq!(told, [Health::Up, Health::Down, Health::Up]);

    // Shutting the process down ends no series: it is expected back.
    rig.stop.cancel();
    rig.task.await.unwrap();
    let last = rig
        .store
        .dump()
        .into_iter()
        .find(|(labels, _)| labels.metric_name() == "a")
        .unwrap()
        .1;
    assert!(last.last().is_some_and(|(_, value)| !model::is_stale(*value)));
}

/// Both series are there with the labels of their target, what the scrape cost beside them, and the metadata.
fn check_first_scrape(rig: &Rig, address: &str) {
    assert_eq!(
        (rig.last("a").as_deref(), rig.last("b").as_deref()),
        (Some("1"), Some("2"))
    );
    assert_eq!(rig.values("scrape_samples_scraped")[0], "2");
    assert_eq!(rig.values("scrape_samples_post_metric_relabeling")[0], "2");
    assert_eq!(rig.values("scrape_series_added")[0], "2");
    let labels = &rig
        .store
        .dump()
        .into_iter()
        .find(|(labels, _)| labels.metric_name() == "b")
        .unwrap()
        .0;
    let expected = format!("b{{instance={address:?}, job=\"demo\", x=\"y\"}}");
    assert_eq!(labels.to_string(), expected);
    let metadata = model::SeriesRead::metadata(&*rig.store, model::TenantId::DEFAULT, Some("a")).unwrap();
    assert_eq!(
        (&*metadata[0].help, metadata[0].kind.as_str()),
        ("Help.", "gauge")
    );
}

#[tokio::test]
async fn a_target_that_is_not_there_is_down() {
    let target = FakeTarget::start(Answer::text("a 1\n")).await;
    let address = target.address.clone();
    let rig = Rig::start(&job(&address, ""));
    rig.until("a", "1").await;
    target.die();
    rig.until("up", "0").await;
    rig.until("a", "stale").await;
    let back = FakeTarget::start_at(&address, Answer::text("a 2\n")).await;
    rig.until("a", "2").await;
    drop(back);
}

#[tokio::test]
async fn openmetrics_is_read_and_series_keep_their_own_time() {
    let body = "# TYPE a gauge\na 1 100.5\n# TYPE c counter\nc_total 5 # {id=\"x\"} 1\n# EOF\n";
    let target = FakeTarget::start(Answer {
        headers: vec![(
            "content-type",
            "application/openmetrics-text; version=1.0.0; charset=utf-8".to_owned(),
        )],
        ..Answer::text(body)
    })
    .await;
    let rig = Rig::start(&job(
        &target.address,
        ", extra_scrape_metrics: true, sample_limit: 10",
    ));
    rig.until("c_total", "5").await;
    let a = rig
        .store
        .dump()
        .into_iter()
        .find(|(labels, _)| labels.metric_name() == "a")
        .unwrap();
    assert_eq!(a.1, [(100_500, 1.0)]);
    assert_eq!(rig.last("scrape_sample_limit").as_deref(), Some("10"));
    assert_eq!(rig.last("scrape_timeout_seconds").as_deref(), Some("0.15"));
    assert_eq!(rig.last("scrape_body_size_bytes"), Some(body.len().to_string()));
    assert_eq!(rig.telemetry.exemplars_dropped.get(), 0);
}

#[tokio::test]
async fn a_steady_scrape_parses_each_series_once() {
    let target = FakeTarget::start(Answer::text("a 1\nb 2\n")).await;
    let rig = Rig::start(&job(&target.address, ""));
    rig.until_that("four scrapes", || rig.values("up").len() >= 4)
        .await;
    assert_eq!(rig.telemetry.series_parsed.get(), 2);
}

#[tokio::test]
async fn a_run_that_broke_off_is_taken_up_by_the_next() {
    let target = FakeTarget::start(Answer::text("a 1\n")).await;
    let rig = Rig::start(&job(&target.address, ""));
    rig.until("a", "1").await;
    rig.task.abort();
    let scraper = std::sync::Arc::clone(&rig.scraper);
    assert!(rig.task.await.unwrap_err().is_cancelled());

    target.answer_with(Answer::text("a 2\n"));
    let again = tokio::spawn(scraper.run(rig.stop.clone()));
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while target.requests().len() < 2 {
        assert!(std::time::Instant::now() < deadline, "nothing is scraped");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    rig.stop.cancel();
    again.await.unwrap();
}

#[tokio::test]
async fn failed_scrapes_are_written_to_the_file_that_is_named_for_them() {
    let target = FakeTarget::start(Answer::text("a 1\n")).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("failures.log");
    let more = format!(", scrape_failure_log_file: '{}'", path.display());
    let rig = Rig::start(&job(&target.address, &more));
    rig.until("up", "1").await;
    assert!(!path.exists(), "nothing failed yet");
    target.answer_with(Answer {
        status: StatusCode::BAD_GATEWAY,
        ..Answer::text("")
    });
    rig.until_that("two lines", || {
        std::fs::read_to_string(&path).is_ok_and(|text| text.lines().count() >= 2)
    })
    .await;
    let text = std::fs::read_to_string(&path).unwrap();
    let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(line["level"], "ERROR");
    assert_eq!(line["job_name"], "demo");
    assert_eq!(line["target"], format!("http://{}/metrics", target.address));
    assert!(line["msg"].as_str().unwrap().contains("502"), "{line}");
    assert!(line["time"].as_str().unwrap().starts_with("20"), "{line}");
}
