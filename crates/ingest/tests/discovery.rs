//! Targets that are found over the network: by an HTTP server's list, and as containers of a Docker daemon.

#![allow(
    clippy::unwrap_used,
    reason = "a test ends where its world is not as it should be"
)]

mod support;

use axum::http::StatusCode;
use support::{Answer, FakeTarget, Rig};

fn json(body: impl Into<String>) -> Answer {
    Answer {
        headers: vec![("content-type", "application/json".to_owned())],
        ..Answer::text(&body.into())
    }
}

/// The labels of all active targets before relabelling, without those that every target has.
fn discovered(rig: &Rig) -> Vec<String> {
    let own = [
        "__metrics_path__",
        "__scheme__",
        "__scrape_interval__",
        "__scrape_timeout__",
        "job",
    ];
    let active = rig.scraper.targets().active;
    let mut all: Vec<String> = active
        .iter()
        .map(|target| {
            let labels = target
                .discovered_labels
                .iter()
                .filter(|(name, _)| !own.contains(name));
            labels
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    all.sort();
    all
}

#[tokio::test]
async fn an_http_server_lists_targets_and_they_stay_while_it_fails() {
    let target = FakeTarget::start(Answer::text("a 1\n")).await;
    let list = |addresses: &[&str]| {
        let quoted: Vec<String> = addresses.iter().map(|address| format!("{address:?}")).collect();
        json(format!(
            r#"[{{"targets": [{}], "labels": {{"zone": "x"}}}}]"#,
            quoted.join(",")
        ))
    };
    let lister = FakeTarget::start(list(&[&target.address])).await;
    let jobs = format!(
        "[{{job_name: found, http_sd_configs: [{{url: 'http://{}/list', refresh_interval: 100ms, \
          basic_auth: {{username: u, password: p}}}}]}}]",
        lister.address
    );
    let rig = Rig::start(&jobs);
    rig.until("a", "1").await;
    let expected = format!(
        "__address__={} __meta_url=http://{}/list zone=x",
        target.address, lister.address
    );
    assert_eq!(discovered(&rig), std::slice::from_ref(&expected));
    let (uri, headers) = lister.last_request();
    assert_eq!(uri.path(), "/list");
    assert_eq!(headers["x-prometheus-refresh-interval-seconds"], "0.1");
    assert_eq!(headers["authorization"], "Basic dTpw");

    for broken in [
        Answer {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            ..json("")
        },
        Answer::text("[]"),
        json("[{\"targets\": [\"a:1\"], \"lables\": {}}]"),
        json("[null]"),
    ] {
        lister.answer_with(broken.clone());
        let asked = lister.requests().len();
        rig.until_that("the list to be asked for again", || {
            lister.requests().len() > asked + 2
        })
        .await;
        assert_eq!(discovered(&rig), std::slice::from_ref(&expected), "{broken:?}");
        let status = rig.scraper.targets().discovery;
        assert!(
            matches!(&status[..], [one] if one.kind == "http" && one.targets == 1 && !one.last_error.is_empty()),
            "{status:?}"
        );
    }

    lister.answer_with(list(&[]));
    rig.until_that("no target", || rig.scraper.targets().active.is_empty())
        .await;
    rig.until("a", "stale").await;
    assert_eq!(rig.scraper.targets().discovery[0].last_error, "");
}

#[tokio::test]
async fn a_reload_that_leaves_the_list_alone_does_not_disturb_it() {
    let target = FakeTarget::start(Answer::text("a 1\n")).await;
    let lister = FakeTarget::start(json(format!(r#"[{{"targets": [{:?}]}}]"#, target.address))).await;
    let jobs = |more: &str| {
        format!(
            "[{{job_name: found, http_sd_configs: [{{url: 'http://{}/', refresh_interval: 1h}}]{more}}}]",
            lister.address
        )
    };
    let rig = Rig::start(&jobs(""));
    rig.until("a", "1").await;
    rig.apply(&jobs(", sample_limit: 7, extra_scrape_metrics: true"));
    assert_eq!(
        rig.scraper.targets().active.len(),
        1,
        "what was found is known at once"
    );
    rig.until("scrape_sample_limit", "7").await;
    assert_eq!(lister.requests().len(), 1, "nobody asked again");

    rig.apply(&jobs(
        ", relabel_configs: [{source_labels: [__address__], action: drop}]",
    ));
    let targets = rig.scraper.targets();
    assert_eq!((targets.active.len(), targets.dropped.len()), (0, 1));
    assert_eq!(targets.dropped_counts.get("found"), Some(&1));
    rig.apply("[]");
    assert!(rig.scraper.targets().discovery.is_empty());
}

/// Two containers of one daemon: one with two networks and three ports, one that shares the first's networks.
const CONTAINERS: &str = r#"[
  {"Id": "c1", "Names": ["/shop"], "Labels": {"com.example.team": "a"}, "HostConfig": {"NetworkMode": "front"},
   "Ports": [{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
             {"PrivatePort": 9100, "Type": "tcp"}, {"PrivatePort": 53, "Type": "udp"}],
   "NetworkSettings": {"Networks": {"front": {"NetworkID": "n1", "IPAddress": "172.20.0.2"},
                                    "later": {"NetworkID": "n2", "IPAddress": "172.21.0.2"}}}},
  {"Id": "c2", "Names": ["/sidecar"], "Labels": {}, "HostConfig": {"NetworkMode": "container:c1"}, "Ports": [],
   "NetworkSettings": {"Networks": {}}},
  {"Id": "c3", "Names": ["/agent"], "Labels": null, "HostConfig": {"NetworkMode": "host"}, "Ports": [],
   "NetworkSettings": {"Networks": {"host": {"NetworkID": "n3", "IPAddress": ""}}}}
]"#;

const NETWORKS: &str = r#"[
  {"Id": "n1", "Name": "front", "Scope": "local", "Internal": false, "Ingress": false, "Labels": {"a.b": "c"}},
  {"Id": "n3", "Name": "host", "Scope": "local", "Internal": false, "Ingress": false, "Labels": null}
]"#;

fn docker_labels(container: &str, name: &str, mode: &str, network: &str) -> String {
    format!(
        "__meta_docker_container_id={container} {name} __meta_docker_container_network_mode={mode} \
         __meta_docker_network_id={network}"
    )
}

/// Serves the two lists of a daemon on whatever accepts connections.
fn daemon() -> axum::Router {
    let answer = |body: &'static str| move || async move { ([("content-type", "application/json")], body) };
    axum::Router::new()
        .route("/containers/json", axum::routing::get(answer(CONTAINERS)))
        .route("/networks", axum::routing::get(answer(NETWORKS)))
}

fn expect_containers(rig: &Rig) {
    let found = discovered(rig);
    let shop = docker_labels(
        "c1",
        "__meta_docker_container_label_com_example_team=a __meta_docker_container_name=/shop",
        "front",
        "n1",
    );
    let front = "__meta_docker_network_ingress=false __meta_docker_network_internal=false \
                 __meta_docker_network_ip=172.20.0.2 __meta_docker_network_label_a_b=c \
                 __meta_docker_network_name=front __meta_docker_network_scope=local";
    let sidecar = docker_labels(
        "c2",
        "__meta_docker_container_name=/sidecar",
        "container:c1",
        "n1",
    );
    let agent = docker_labels("c3", "__meta_docker_container_name=/agent", "host", "n3");
    let expected = [
        format!(
            "__address__=172.20.0.2:80 {shop} {front} __meta_docker_port_private=80 __meta_docker_port_public=8080 __meta_docker_port_public_ip=0.0.0.0"
        ),
        format!("__address__=172.20.0.2:8000 {sidecar} {front}"),
        format!("__address__=172.20.0.2:9100 {shop} {front} __meta_docker_port_private=9100"),
        format!(
            "__address__=the.host {agent} __meta_docker_network_ingress=false __meta_docker_network_internal=false __meta_docker_network_name=host __meta_docker_network_scope=local"
        ),
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn containers_are_found_over_the_daemons_socket_and_over_tcp() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let unix = tokio::net::UnixListener::bind(&socket).unwrap();
    tokio::spawn(async move { axum::serve(unix, daemon()).await.unwrap() });
    let tcp = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(tcp, daemon()).await.unwrap() });
    for host in [format!("unix://{}", socket.display()), format!("tcp://{address}")] {
        let rig = Rig::start(&format!(
            "[{{job_name: docker, docker_sd_configs: [{{host: '{host}', port: 8000, host_networking_host: the.host}}]}}]"
        ));
        rig.until_that("containers", || rig.scraper.targets().active.len() == 4)
            .await;
        expect_containers(&rig);
    }
}

#[tokio::test]
async fn filters_go_to_the_daemon_and_all_networks_count_where_asked() {
    let daemon = FakeTarget::start(json("[]")).await;
    let rig = Rig::start(&format!(
        "[{{job_name: docker, docker_sd_configs: [{{host: 'http://{}', match_first_network: false, \
          filters: [{{name: label, values: [a=b, c]}}]}}]}}]",
        daemon.address
    ));
    rig.until_that("both lists to be asked for", || daemon.requests().len() == 2)
        .await;
    let (uri, _) = daemon.requests().remove(0);
    assert_eq!(uri.path(), "/containers/json");
    assert_eq!(
        uri.query(),
        Some("filters=%7B%22label%22%3A%5B%22a%3Db%22%2C%22c%22%5D%7D")
    );
    assert!(rig.scraper.targets().active.is_empty());
}
