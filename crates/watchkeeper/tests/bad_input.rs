//! Whatever is wrong with what the binary is given, one clear message names the place and the mend.
#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

mod support;

use std::path::Path;

use stdx::{Clock, SystemClock};
use support::{Server, client, run};

/// Serves with this configuration, expects a refusal, and gives back what was printed.
fn refused(folder: &Path, config: &str) -> String {
    std::fs::write(folder.join("watchkeeper.yaml"), config).unwrap();
    let (ok, printed) = run(
        folder,
        &["serve", "--listen", "127.0.0.1:0", "--data-dir", "data"],
    );
    assert!(!ok, "the server took it: {printed}");
    printed
}

#[track_caller]
fn says(printed: &str, parts: &[&str]) {
    for part in parts {
        assert!(printed.contains(part), "{part:?} is missing in: {printed}");
    }
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest_one() {
    let folder = tempfile::tempdir().unwrap();
    let printed = refused(folder.path(), "global:\n  scrape_intervall: 15s\n");
    says(
        &printed,
        &[
            "watchkeeper.yaml:2:",
            "scrape_intervall",
            "did you mean \"scrape_interval\"?",
        ],
    );
    let printed = refused(folder.path(), "colect: {host: true}\n");
    says(&printed, &["watchkeeper.yaml:1:", "did you mean \"collect\"?"]);
}

#[test]
fn a_bad_regular_expression_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let printed = refused(
        folder.path(),
        "scrape_configs:\n- job_name: a\n  relabel_configs:\n  - source_labels: [x]\n    regex: '(open'\n    action: keep\n",
    );
    says(&printed, &["watchkeeper.yaml:5:", "(open", "unclosed group"]);
}

#[test]
fn a_missing_rule_file_is_named_with_the_line_that_asks_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let config = "rule_files:\n- rules/first.yaml\nscrape_config_files: [jobs.yaml]\n";
    std::fs::write(folder.path().join("watchkeeper.yaml"), config).unwrap();
    let (ok, printed) = run(folder.path(), &["check-config"]);
    assert!(ok, "as with Prometheus, the file may come later: {printed}");
    says(
        &printed,
        &[
            "warning: watchkeeper.yaml:2:",
            "rules/first.yaml",
            "create it",
            "watchkeeper.yaml:3:",
            "jobs.yaml",
        ],
    );
}

#[test]
fn a_pattern_of_folders_is_refused_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let printed = refused(
        folder.path(),
        "rule_files:\n- my/*/rules.yml\nscrape_config_files:\n- '*/jobs.yml'\n",
    );
    says(
        &printed,
        &[
            "watchkeeper.yaml:2: rule_files",
            "watchkeeper.yaml:4: scrape_config_files",
        ],
    );
}

#[test]
fn jobs_in_files_of_their_own_are_read_and_judged_with_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("jobs")).unwrap();
    write(
        "watchkeeper.yaml",
        "scrape_config_files: [jobs/*.yml, ./jobs/a.yml]\nscrape_configs: [{job_name: main}]\n",
    );
    write(
        "jobs/a.yml",
        "scrape_configs:\n- job_name: a\n  bearer_token_file: token\n",
    );
    write("jobs/b.yml", "scrape_configs: [{job_name: b1}, {job_name: b2}]\n");
    let (ok, printed) = run(folder.path(), &["check-config"]);
    assert!(ok, "{printed}");
    says(&printed, &["4 scrape jobs"]);

    write(
        "jobs/b.yml",
        "scrape_configs:\n- job_name: main\n- job_name: a\n- job_name: c\n  scheme: ftp\n",
    );
    let (ok, printed) = run(folder.path(), &["check-config"]);
    assert!(!ok, "{printed}");
    says(
        &printed,
        &[
            "jobs/b.yml: job \"main\": job_name is used in watchkeeper.yaml too",
            "job \"a\": job_name is used in jobs/a.yml too",
            "job \"c\": scheme is \"ftp\"",
        ],
    );
    write("jobs/b.yml", "scrape_configs:\n- job_nam: d\n");
    let (_, printed) = run(folder.path(), &["check-config"]);
    says(&printed, &["jobs/b.yml:2: unknown key \"job_nam\""]);
}

#[test]
fn a_bad_rule_is_named_with_its_own_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("rules.yaml"),
        "groups:\n- name: a\n  rules:\n  - alert: X\n    expr: sum(up\n  - alert: Y\n    exp: up\n",
    )
    .unwrap();
    let printed = refused(folder.path(), "rule_files: [rules.yaml]\n");
    says(
        &printed,
        &["rules.yaml:5:", "rules.yaml:7:", "did you mean \"expr\"?"],
    );
}

#[test]
fn experimental_rules_are_named_where_they_are_not_let_in() {
    let folder = tempfile::tempdir().unwrap();
    let rules = "groups:\n- name: a\n  rules:\n  - record: x\n    expr: sum(up)\n  - record: y\n    expr: limitk(2, up)\n";
    std::fs::write(folder.path().join("rules.yaml"), rules).unwrap();
    let config = "server: {query_experimental: false}\nrule_files: [rules.yaml]\n";
    says(
        &refused(folder.path(), config),
        &[
            "rules.yaml:6:",
            "limitk() is experimental",
            "server.query_experimental: true",
        ],
    );
}

#[test]
fn check_config_says_everything_at_once_and_ends_with_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("w.yaml"),
        "globl: {}\nrule_files: ['no/*/x.yaml']\ncollect: {hots: true}\n",
    )
    .unwrap();
    let (ok, printed) = run(folder.path(), &["check-config", "w.yaml"]);
    assert!(!ok);
    says(&printed, &["w.yaml:1:", "w.yaml:2:", "no/*/x.yaml", "w.yaml:3:"]);
    std::fs::write(folder.path().join("w.yaml"), "collect: {host: true}\n").unwrap();
    let (ok, printed) = run(folder.path(), &["check-config", "w.yaml"]);
    assert!(ok, "{printed}");
}

#[tokio::test]
async fn a_port_in_use_is_named_with_the_mend() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let (ok, printed) = run(
        folder.path(),
        &["serve", "--listen", &address, "--data-dir", "data"],
    );
    assert!(!ok);
    says(&printed, &[&address, "in use", "--listen"]);
}

#[test]
fn an_unusable_data_folder_is_named_with_the_mend() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("data"), "a file, not a folder").unwrap();
    let (ok, printed) = run(
        folder.path(),
        &["serve", "--listen", "127.0.0.1:0", "--data-dir", "data"],
    );
    assert!(!ok);
    says(&printed, &["data", "--data-dir"]);
}

#[tokio::test]
async fn a_data_folder_in_use_is_not_opened_twice() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), "collect: {host: false, self: false}\n");
    let (ok, printed) = run(
        folder.path(),
        &["serve", "--listen", "127.0.0.1:0", "--data-dir", "data"],
    );
    assert!(!ok);
    says(&printed, &["data", "another", "--data-dir"]);
    assert!(server.stop());
}

#[tokio::test]
async fn a_reload_of_a_bad_file_keeps_the_old_configuration_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let good = "collect: {host: false, self: false}\nscrape_configs:\n- job_name: first\n  static_configs: [{targets: ['127.0.0.1:9']}]\n";
    let server = Server::start(folder.path(), good);
    std::fs::write(
        folder.path().join("watchkeeper.yaml"),
        good.replace("job_name: first", "job_nam: second"),
    )
    .unwrap();

    let (status, text) = server.post("/-/reload").await;
    assert_eq!(status, 500);
    says(&text, &["watchkeeper.yaml:3:", "job_nam"]);
    let targets = server.get("/api/v1/targets").await;
    assert_eq!(targets["data"]["activeTargets"][0]["labels"]["job"], "first");
    let overview = server.get("/api/ui/overview").await;
    assert_eq!(overview["config"]["ok"], false);
    says(
        overview["config"]["error"].as_str().unwrap(),
        &["watchkeeper.yaml:3:", "job_nam"],
    );

    // Mended, the same file is taken, by signal as well.
    std::fs::write(
        folder.path().join("watchkeeper.yaml"),
        good.replace("first", "second"),
    )
    .unwrap();
    server.hang_up();
    server
        .until_shown("/api/v1/targets", "/data/activeTargets/0/labels/job", "second")
        .await;
    server.until_shown("/api/ui/overview", "/config/ok", true).await;
    assert!(server.stop());
}

#[tokio::test]
async fn a_damaged_log_record_is_named_and_the_rest_is_readable() {
    let folder = tempfile::tempdir().unwrap();
    let config = "collect: {host: true, self: false}\n";
    let server = Server::start(folder.path(), config);
    server
        .until("count_over_time(system_uptime_seconds[1m]) >= 4", |rows| {
            rows.len() == 1
        })
        .await;
    let before = server.query("count_over_time(system_uptime_seconds[1m])").await[0].1;
    server.kill();

    let segment = newest_segment(folder.path());
    let mut bytes = std::fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(&segment, bytes).unwrap();

    let (_, printed) = run(folder.path(), &["query", "1", "--data-dir", "data"]);
    let name = segment.file_name().unwrap().to_str().unwrap();
    says(&printed, &[name, "record"]);
    let server = Server::start_again(folder.path());
    let after = server.query("count_over_time(system_uptime_seconds[1m])").await;
    assert!(
        after[0].1 >= before - 2.0,
        "{before} samples before, {after:?} after one damaged record"
    );
    let status = client()
        .get(format!("{}/-/ready", server.url))
        .send()
        .await
        .unwrap()
        .status();
    assert_eq!(status, 200);
    assert!(server.stop());
}

#[tokio::test]
async fn an_answer_says_which_damaged_file_it_lacks_samples_of() {
    let folder = tempfile::tempdir().unwrap();
    let at_s = SystemClock::new().now_ms() / 1000 - 3600;
    let text =
        format!("# TYPE watts gauge\nwatts{{room=\"a\"}} 1 {at_s}\nwatts{{room=\"b\"}} 2 {at_s}\n# EOF\n");
    std::fs::write(folder.path().join("in.txt"), text).unwrap();
    let import = ["import", "openmetrics", "in.txt", "--data-dir", "data"];
    let (ended_well, printed) = run(folder.path(), &import);
    assert!(ended_well, "{printed}");
    let blocks = std::fs::read_dir(folder.path().join("data/series/blocks")).unwrap();
    let block = blocks.map(|entry| entry.unwrap().path()).next().unwrap();
    // The chunk of the first series lies behind the header of 16 bytes.
    let mut bytes = std::fs::read(&block).unwrap();
    bytes[18] ^= 1;
    std::fs::write(&block, bytes).unwrap();

    let server = Server::start(folder.path(), "collect: {host: false, self: false}\n");
    for (room, values, warnings) in [("a", 0, 1), ("b", 1, 0)] {
        let path = format!("/api/v1/query?query=last_over_time(watts{{room=%22{room}%22}}[2h])");
        let answer = server.get(&path).await;
        assert_eq!(answer["status"], "success");
        assert_eq!(
            answer["data"]["result"].as_array().unwrap().len(),
            values,
            "{answer}"
        );
        let told = answer["warnings"].as_array().cloned().unwrap_or_default();
        assert_eq!(told.len(), warnings, "{answer}");
        for warning in told {
            let name = block.file_name().unwrap().to_str().unwrap();
            says(
                warning.as_str().unwrap(),
                &[name, "damaged", "may be missing from this answer"],
            );
        }
    }
    let name = block.file_name().unwrap().to_str().unwrap();
    let statement = "SELECT count(*) FROM promql('last_over_time(watts[2h])')";
    let asked = client().post(format!("{}/api/sql", server.url)).body(statement);
    let answer: serde_json::Value = asked.send().await.unwrap().json().await.unwrap();
    says(&answer["notes"].to_string(), &["promql(): ", name, "damaged"]);
    assert!(server.stop());

    let export = ["export", "openmetrics", "--data-dir", "data", "--out", "out.txt"];
    let (ended_well, printed) = run(folder.path(), &export);
    assert!(ended_well, "{printed}");
    says(&printed, &["1 samples of", "may lack samples: ", name]);
}

/// The log segment of the series store that was written last.
fn newest_segment(folder: &Path) -> std::path::PathBuf {
    let mut segments: Vec<_> = std::fs::read_dir(folder.join("data/series/log"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.metadata().unwrap().len() > 1000)
        .collect();
    segments.sort();
    segments.pop().unwrap()
}
