//! A real target, which is the server itself: shown by the API, the page and the stream.

use serde_json::json;

use crate::support::{Server, until};

#[tokio::test]
async fn a_target_that_is_scraped_is_shown_everywhere() {
    let server = Server::start_on_real_time().await;
    let stream = server.get("/api/ui/stream?topics=targets").send().await.unwrap();
    let address = server.url.trim_start_matches("http://").to_owned();
    let job = serde_json::from_value(json!({
        "job_name": "self", "scrape_interval": "1s", "scrape_timeout": "1s",
        "static_configs": [{"targets": [address], "labels": {"zone": "a"}}]
    }))
    .unwrap();
    server
        .scraper
        .apply(&ingest::GlobalConfig::default(), vec![job])
        .unwrap();
    tokio::spawn(std::sync::Arc::clone(&server.scraper).run(server.stop.clone()));
    let target = until(|| async {
        let target = server.json("/api/v1/targets").await["data"]["activeTargets"][0].clone();
        (target["health"] == "up").then_some(target)
    })
    .await;
    assert_eq!(
        target["labels"],
        json!({"instance": address, "job": "self", "zone": "a"})
    );
    assert_eq!(
        (&target["scrapePool"], &target["scrapeInterval"]),
        (&json!("self"), &json!("1s"))
    );
    assert_eq!(target["scrapeUrl"], format!("http://{address}/metrics"));
    assert!(target["lastScrapeDuration"].as_f64().unwrap() > 0.0, "{target}");
    let dropped = server.json("/api/v1/targets?state=dropped").await;
    assert_eq!(dropped["data"]["activeTargets"], json!([]));
    let overview = server.json("/api/ui/overview").await;
    assert_eq!(
        (
            &overview["targets"]["up"],
            &overview["targets"]["rows"][0]["instance"]
        ),
        (&json!(1), &json!(address))
    );
    check_metadata(&server).await;
    let event = crate::stream::events(stream, 1).await;
    assert!(
        event[0].contains(&r#"data: {"up":1,"down":0,"unknown":0}"#.to_owned()),
        "{event:?}"
    );
    server.end().await;
}

async fn check_metadata(server: &Server) {
    let all = until(|| async {
        let response = server.get("/api/v1/targets/metadata").send().await.unwrap();
        response.status().is_success().then_some(response)
    })
    .await;
    let all: serde_json::Value = all.json().await.unwrap();
    let entries = all["data"].as_array().unwrap();
    let requests = entries.iter().find(|entry| {
        entry["metric"]
            .as_str()
            .unwrap()
            .starts_with("watchkeeper_web_requests")
    });
    assert_eq!(requests.unwrap()["type"], "counter", "{all}");
    let none = server
        .get("/api/v1/targets/metadata?match_target={job=\"other\"}")
        .send()
        .await
        .unwrap();
    assert_eq!(none.status(), 404);
}
