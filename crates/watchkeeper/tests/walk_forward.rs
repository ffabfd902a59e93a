//! The forwarding walk: statsd packets and line protocol become series here, and through remote write and federation in a
//! second server; a crash on the way loses nothing.
//!
//! Read this first to see how `ingest::statsd`, `ingest::push`, `ingest::forward` and `/federate` stand in the real binary.

mod support;

use std::net::UdpSocket;

use support::Server;

#[tokio::test]
async fn what_is_pushed_here_arrives_there() {
    // 1. Somewhere else there is a server that takes remote write.
    let (there_folder, here_folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let there = Server::start(there_folder.path(), "collect: {host: false, self: false}\n");

    // 2. This one hears statsd and sends everything on, under a label of its own.
    let free = UdpSocket::bind("127.0.0.1:0").unwrap();
    let statsd = free.local_addr().unwrap();
    drop(free);
    let config = format!(
        "collect: {{host: false, self: false}}\n\
         global: {{external_labels: {{site: here}}}}\n\
         statsd: {{listen_udp: '{statsd}', flush_interval: 1s, idle_after: 1h}}\n\
         remote_write: [{{url: '{}/api/v1/write', queue_config: {{batch_send_deadline: 100ms}}}}]\n",
        there.url
    );
    let here = Server::start(here_folder.path(), &config);

    // 3. A program counts something, and another writes lines.
    let program = UdpSocket::bind("127.0.0.1:0").unwrap();
    program
        .send_to(b"jobs:3|c|#queue:mail\njobs:4|c|#queue:mail", statsd)
        .unwrap();
    let lines = support::client()
        .post(format!("{}/write?db=plant", here.url))
        .body("valve,hall=2 open=true,value=17i");
    assert_eq!(lines.send().await.unwrap().status(), 204);

    // 4. Both are series here, and there with the label of the sender.
    here.until("jobs{queue=\"mail\"} == 7", |rows| rows.len() == 1)
        .await;
    there
        .until("jobs{queue=\"mail\",site=\"here\"} == 7", |rows| rows.len() == 1)
        .await;
    there
        .until("valve{hall=\"2\",db=\"plant\",site=\"here\"} == 17", |rows| {
            rows.len() == 1
        })
        .await;
    there.until("valve_open == 1", |rows| rows.len() == 1).await;

    // 5. What was acknowledged before a crash arrives after it.
    let before = support::client()
        .post(format!("{}/write", here.url))
        .body("last value=1");
    assert_eq!(before.send().await.unwrap().status(), 204);
    here.kill();
    let here = Server::start_again(here_folder.path());
    there.until("last{site=\"here\"}", |rows| rows.len() == 1).await;

    // 6. Whoever scrapes the federation sees the same.
    let federated = support::client().get(format!("{}/federate?match[]=last", here.url));
    let text = federated.send().await.unwrap().text().await.unwrap();
    assert!(
        text.contains("# TYPE last untyped\nlast{instance=\"\",site=\"here\"} 1 "),
        "{text}"
    );
}
