//! What a query cost, and how (`stats`); what of the language is let in.

use serde_json::Value;

use testkit::FakeClock;

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

#[tokio::test]
async fn what_is_experimental_can_be_kept_out() {
    let config = web::Config {
        query_experimental: false,
        ..web::Config::default()
    };
    for (config, status) in [(web::Config::default(), 200), (config, 400)] {
        let server = Server::start_with(config, FakeClock::new(NOW_MS)).await;
        let response = server
            .get("/api/v1/query?query=limitk(1,vector(1))")
            .send()
            .await
            .unwrap();
        let (found, body) = (response.status(), response.text().await.unwrap());
        assert_eq!(found, status, "{body}");
        let says_mend =
            body.contains("limitk() is experimental and not let in; set server.query_experimental: true");
        assert_eq!(says_mend, status == 400, "{body}");
        assert_eq!(
            server
                .get("/api/v1/query?query=sum(up)")
                .send()
                .await
                .unwrap()
                .status(),
            200
        );
        server.end().await;
    }
}
