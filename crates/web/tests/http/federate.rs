//! `/federate` as another Prometheus asks it.

use crate::support::{NOW_MS, Server};

#[tokio::test]
async fn the_newest_samples_of_what_is_asked_for_are_told() {
    let server = Server::start().await;
    server.store.add(
        &[("__name__", "up"), ("job", "a"), ("instance", "x:1")],
        &[(NOW_MS - 9_000, 0.0), (NOW_MS - 1_000, 1.0)],
    );
    server
        .store
        .add(&[("__name__", "up"), ("job", "b")], &[(NOW_MS - 2_000, 1.0)]);
    server
        .store
        .add(&[("__name__", "old")], &[(NOW_MS - 301_000, 1.0)]);
    server.store.add(
        &[("__name__", "ended")],
        &[(NOW_MS - 2_000, 1.0), (NOW_MS - 1_000, model::STALE_NAN)],
    );
    server
        .store
        .add(&[("__name__", "other")], &[(NOW_MS - 1_000, 5.0)]);
    let ask = |query: &str| server.get(&format!("/federate?{query}"));
    let response = ask("match[]=up&match[]={job=%22a%22}&match[]=old&match[]=ended")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(
        response.headers()["content-type"],
        "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
    );
    let expected = format!(
        "# TYPE up untyped\nup{{instance=\"x:1\",job=\"a\",site=\"here\"}} 1 {}\nup{{job=\"b\",instance=\"\",site=\"here\"}} 1 {}\n",
        NOW_MS - 1_000,
        NOW_MS - 2_000
    );
    assert_eq!(response.text().await.unwrap(), expected);

    let accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2";
    let response = ask("match[]=other")
        .header("accept", accept)
        .send()
        .await
        .unwrap();
    let expected = "# TYPE other unknown\nother{instance=\"\",site=\"here\"} 5 1700010599\n# EOF\n";
    assert_eq!(response.text().await.unwrap(), expected);
    assert_eq!(ask("").send().await.unwrap().text().await.unwrap(), "");
    let bad = ask("match[]=up{").send().await.unwrap();
    assert_eq!(bad.status(), 400);
    assert!(bad.text().await.unwrap().contains("match[]"));
    server.end().await;
}
