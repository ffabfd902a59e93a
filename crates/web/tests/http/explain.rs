//! What a query cost, and how: `stats`.

use serde_json::Value;

use crate::support::{NOW_MS, Server};

async fn stats(server: &Server, parameters: &str) -> Value {
    let start = (NOW_MS - 600_000) / 1000;
    let end = NOW_MS / 1000;
    let path = format!("/api/v1/query_range?start={start}&end={end}&step=60&{parameters}");
    let body: Value = server.get(&path).send().await.unwrap().json().await.unwrap();
    assert_eq!(body["status"], "success", "{body}");
    body["data"]["stats"].clone()
}

#[tokio::test]
async fn all_statistics_say_what_became_of_every_part() {
    let server = Server::start().await;
    let samples: Vec<(i64, f64)> = (0..60)
        .map(|turn| (NOW_MS - 10_000 * turn, 600.0 - turn as f64))
        .rev()
        .collect();
    for job in ["a", "b"] {
        server
            .store
            .add(&[("__name__", "requests_total"), ("job", job)], &samples);
    }
    let query = "query=sum(rate(requests_total%5B1m%5D))";
    let all = stats(&server, &format!("{query}&stats=all")).await;
    assert!(
        all["samples"]["totalQueryableSamples"].as_u64().unwrap() > 100,
        "{all}"
    );
    let plan = &all["plan"];
    assert_eq!(plan["part"], "sum(rate(requests_total[1m]))");
    assert_eq!(plan["series"], 1);
    let rate = &plan["parts"][0];
    assert_eq!(rate["part"], "rate(requests_total[1m])");
    assert_eq!(
        (&rate["read"]["series"], &rate["read"]["tier"]),
        (&2.into(), &"raw".into())
    );
    assert!(rate["seconds"].as_f64().unwrap() <= plan["seconds"].as_f64().unwrap());

    let some = stats(&server, &format!("{query}&stats=true")).await;
    assert!(
        some["timings"]["execTotalTime"].is_f64() && some["plan"].is_null(),
        "{some}"
    );
    assert!(stats(&server, query).await.is_null());
    server.end().await;
}
