//! Rules and alerts of a real evaluation, and the page's pictures of them.

use serde_json::json;

use crate::support::{Server, until};

const RULES: &str = r#"
groups:
  - name: example
    interval: 1s
    rules:
      - record: answer
        expr: vector(42)
      - alert: Always
        expr: vector(1) > 0
        labels: { severity: critical, team: a }
        annotations: { summary: "value {{ $value }}" }
      - alert: Later
        expr: vector(1) > 0
        for: 1h
"#;

#[tokio::test]
async fn rules_and_alerts_are_shown_as_they_stand() {
    let server = Server::start_on_real_time().await;
    server.judge(RULES);
    let alerts = until(|| async {
        let alerts = server.json("/api/v1/alerts").await["data"]["alerts"]
            .as_array()
            .unwrap()
            .clone();
        (alerts.len() == 2 && alerts.iter().any(|alert| alert["state"] == "firing")).then_some(alerts)
    })
    .await;
    let always = alerts
        .iter()
        .find(|alert| alert["labels"]["alertname"] == "Always")
        .unwrap();
    assert_eq!(
        always["labels"],
        json!({"alertname": "Always", "severity": "critical", "team": "a"})
    );
    assert_eq!(
        (&always["annotations"]["summary"], &always["value"]),
        (&json!("value 1"), &json!("1e+00"))
    );
    check_rules(&server).await;
    check_page(&server).await;
    server.end().await;
}

async fn check_rules(server: &Server) {
    let groups = server.json("/api/v1/rules").await["data"]["groups"].clone();
    let group = &groups[0];
    assert_eq!(
        (&group["name"], &group["interval"], &group["limit"]),
        (&json!("example"), &json!(1.0), &json!(0))
    );
    let kinds: Vec<_> = group["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["type"].clone())
        .collect();
    assert_eq!(kinds, ["recording", "alerting", "alerting"]);
    let later = &group["rules"][2];
    assert_eq!(
        (&later["state"], &later["duration"], &later["health"]),
        (&json!("pending"), &json!(3600.0), &json!("ok"))
    );
    let only = |query: &str| {
        let path = format!("/api/v1/rules?{query}");
        async move {
            let groups = server.json(&path).await["data"]["groups"].clone();
            let rules = groups
                .as_array()
                .unwrap()
                .iter()
                .flat_map(|group| group["rules"].as_array().unwrap().clone());
            rules
                .map(|rule| rule["name"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(only("type=record").await, ["answer"]);
    assert_eq!(only("rule_name[]=Later").await, ["Later"]);
    assert_eq!(only("match[]={team=\"a\"}").await, ["Always"]);
    assert!(only("rule_group[]=other").await.is_empty());
    let bare = server.json("/api/v1/rules?exclude_alerts=true&type=alert").await;
    assert_eq!(bare["data"]["groups"][0]["rules"][0]["alerts"], json!([]));
}

async fn check_page(server: &Server) {
    let overview = server.json("/api/ui/overview").await;
    assert_eq!(overview["alerts"]["critical"], 1, "{overview}");
    assert_eq!(overview["alerts"]["pending"], 1);
    let names: Vec<_> = overview["alerts"]["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["name"].clone())
        .collect();
    assert_eq!(names, ["Always", "Later"]);
    assert_eq!(
        overview["targets"],
        json!({"up": 0, "down": 0, "unknown": 0, "rows": []})
    );
    assert_eq!(overview["host"]["name"], "web-1");
    assert!(overview["config"].get("yaml").is_none());
    let list = server.json("/api/ui/alerts").await;
    let row = &list["rows"][0];
    assert_eq!(
        (&row["state"], &row["severity"], &row["summary"]),
        (&json!("firing"), &json!("critical"), &json!("value 1"))
    );
    assert!(
        list["recent"]
            .as_array()
            .unwrap()
            .iter()
            .any(|change| change["to"] == "firing"),
        "{list}"
    );
    let first = server.get("/api/ui/catalog").send().await.unwrap();
    let etag = first.headers()["etag"].clone();
    let catalog: serde_json::Value = first.json().await.unwrap();
    assert_eq!(catalog["alerts"], json!(["Always", "Later"]));
    assert!(
        catalog["metrics"]
            .as_array()
            .unwrap()
            .iter()
            .any(|metric| metric["name"] == "ALERTS"),
        "{catalog}"
    );
    let again = server
        .get("/api/ui/catalog")
        .header("if-none-match", etag)
        .send()
        .await
        .unwrap();
    assert!([200, 304].contains(&again.status().as_u16()));
    let bootstrap = server.json("/api/ui/bootstrap").await;
    assert_eq!(
        (&bootstrap["version"], &bootstrap["has_config_file"]),
        (&json!("1.2.3"), &json!(true))
    );
    assert!(bootstrap["timezone"].is_string());
}
