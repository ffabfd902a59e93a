//! Old samples through the real binary: a coarse question is answered by the tier that fits, what is deleted is gone, and a
//! snapshot is a data folder by itself.
#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

mod support;

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;
use stdx::{Clock, SystemClock};
use support::{Server, run};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
const CONFIG: &str = "collect: {host: false, self: false}\nserver: {admin_api: true}\n";

fn text(start_s: i64) -> String {
    let mut text = "# TYPE power_watts gauge\n".to_owned();
    for step in 0..4 * 24 * 60 {
        let at_s = start_s + step * 60;
        for room in ["a", "b"] {
            writeln!(text, "power_watts{{room=\"{room}\"}} {} {at_s}", step % 100).unwrap();
        }
    }
    text.push_str("# EOF\n");
    text
}

/// The values of the first series, and the tier they came from.
async fn ask(server: &Server, expr: &str, (from_s, to_s): (i64, i64)) -> (Vec<f64>, String) {
    let path = format!("/api/v1/query_range?query={expr}&start={from_s}&end={to_s}&step=1h&stats=all");
    let data = server.get(&path).await["data"].clone();
    let values = data["result"][0]["values"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let number = |point: &Value| point[1].as_str().unwrap().parse().unwrap();
    let tier = data["stats"]["tier"].as_str().unwrap().to_owned();
    (values.iter().map(number).collect(), tier)
}

#[tokio::test(flavor = "multi_thread")]
async fn old_samples_are_rolled_up_deleted_and_copied() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    let start_s = SystemClock::new().now_ms() / 1000 / DAY * DAY - 6 * DAY;
    std::fs::write(folder.join("in.txt"), text(start_s)).unwrap();
    let (ended_well, printed) = run(folder, &["import", "openmetrics", "in.txt", "--data-dir", "data"]);
    assert!(ended_well, "{printed}");
    let server = Server::start(folder, CONFIG);
    assert_eq!(server.post("/-/flush").await.0, 200);

    // Windows that are whole hours come from the tier of an hour, with the same answer.
    let range = (start_s + HOUR, start_s + 3 * DAY);
    let room = "{room=%22a%22}";
    let (counts, tier) = ask(&server, &format!("count_over_time(power_watts{room}[1h])"), range).await;
    assert_eq!((counts, tier), (vec![60.0; 72], "1h".to_owned()));
    let (sums, tier) = ask(&server, &format!("sum_over_time(power_watts{room}[2h])"), range).await;
    let odd = format!("sum_over_time(power_watts{room}[119m59s999ms])");
    let (of_samples, raw) = ask(&server, &odd, range).await;
    assert_eq!((tier.as_str(), raw.as_str()), ("1h", "raw"));
    assert_eq!(sums, of_samples);

    // What is deleted is gone from both, at once and after cleaning up; the rest stays.
    let (from_s, to_s) = (start_s + DAY, start_s + 2 * DAY);
    let delete =
        format!("/api/v1/admin/tsdb/delete_series?match[]=power_watts{room}&start={from_s}&end={to_s}");
    assert_eq!(server.post(&delete).await, (204, String::new()));
    let all = (start_s, start_s + 4 * DAY);
    let of_other = "count_over_time(power_watts{room=%22b%22}[4d])";
    for _ in 0..2 {
        let (minutes, _) = ask(
            &server,
            &format!("count_over_time(power_watts{room}[1m])"),
            (from_s, to_s),
        )
        .await;
        assert_eq!(minutes.len(), 0);
        let (hours, tier) = ask(
            &server,
            &format!("count_over_time(power_watts{room}[1h])"),
            (from_s + HOUR, to_s - HOUR),
        )
        .await;
        assert_eq!((hours.len(), tier.as_str()), (0, "1h"));
        let (others, _) = ask(&server, of_other, (all.1, all.1)).await;
        assert_eq!(others, [4.0 * 24.0 * 60.0 - 1.0]);
        assert_eq!(server.post("/api/v1/admin/tsdb/clean_tombstones").await.0, 204);
    }

    // A snapshot is a data folder.
    let (status, body) = server.post("/api/v1/admin/tsdb/snapshot").await;
    assert_eq!(status, 200, "{body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    let name = body["data"]["name"].as_str().unwrap().to_owned();
    assert!(server.stop());
    let copy = folder.join("data/snapshots").join(name);
    let other = tempfile::tempdir().unwrap();
    std::fs::rename(&copy, other.path().join("data")).unwrap();
    let server = Server::start(other.path(), CONFIG);
    let (others, _) = ask(&server, of_other, (all.1, all.1)).await;
    assert_eq!(others, [4.0 * 24.0 * 60.0 - 1.0]);
    assert!(server.stop());
    what_a_tier_lacks_is_told(other.path(), range).await;
}

async fn what_a_tier_lacks_is_told(folder: &Path, (from_s, to_s): (i64, i64)) {
    for entry in std::fs::read_dir(folder.join("data/series/blocks")).unwrap() {
        let block = entry.unwrap().path();
        let mut bytes = std::fs::read(&block).unwrap();
        // The first chunk lies behind the header of 16 bytes.
        bytes[18] ^= 1;
        std::fs::write(&block, bytes).unwrap();
    }
    let server = Server::start(folder, CONFIG);
    let of_hours =
        format!("query=count_over_time(power_watts[1h])&start={from_s}&end={to_s}&step=1h&stats=all");
    let answer = server.get(&format!("/api/v1/query_range?{of_hours}")).await;
    assert_eq!(answer["data"]["stats"]["tier"], "1h");
    let warnings = answer["warnings"].as_array().unwrap();
    let told = |warning: &Value| warning.as_str().unwrap().contains("is damaged");
    assert!(!warnings.is_empty() && warnings.iter().all(told), "{warnings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_is_off_unless_the_configuration_says_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), "collect: {host: false, self: false}\n");
    for path in ["delete_series?match[]=up", "clean_tombstones", "snapshot"] {
        let (status, body) = server.post(&format!("/api/v1/admin/tsdb/{path}")).await;
        assert_eq!(status, 503);
        assert!(body.contains("server.admin_api"), "{body}");
    }
}
