//! Live tails over real WebSockets.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::support::{NOW_MS, PATIENCE, Server};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const NOW_NS: i64 = NOW_MS * 1_000_000;

fn url(server: &Server, params: &str) -> String {
    let query = "query=%7Bapp%3D%22shop%22%7D%20%7C%3D%20%22cart%22";
    let address = server.url.replace("http://", "ws://");
    format!("{address}/loki/api/v1/tail?{query}{params}")
}

async fn open(server: &Server, params: &str) -> Socket {
    tokio_tungstenite::connect_async(url(server, params))
        .await
        .unwrap()
        .0
}

/// The next frame of text.
async fn next(socket: &mut Socket) -> Value {
    loop {
        let message = tokio::time::timeout(PATIENCE, socket.next()).await.unwrap();
        if let Message::Text(text) = message.unwrap().unwrap() {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

async fn push(server: &Server, app: &str, at_ns: i64, line: &str) {
    let body = json!({"streams": [{"stream": {"app": app}, "values": [[at_ns.to_string(), line]]}]});
    let sent = server.post("/loki/api/v1/push").json(&body).send().await.unwrap();
    assert_eq!(sent.status(), 204);
}

fn lines(frame: &Value) -> Vec<&str> {
    let streams = frame["streams"].as_array().unwrap();
    streams
        .iter()
        .flat_map(|stream| stream["values"].as_array().unwrap())
        .map(|value| value[1].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_tail_begins_with_what_there_is_and_goes_on_with_what_comes() {
    let server = Server::start().await;
    for (place, line) in ["old cart", "cart 1", "cart 2", "other"].iter().enumerate() {
        push(&server, "shop", NOW_NS - 10 + place as i64, line).await;
    }
    let mut tail = open(&server, "&limit=2").await;
    let first = next(&mut tail).await;
    let mut seen = lines(&first);
    seen.sort_unstable();
    assert_eq!(seen, ["cart 1", "cart 2"]);
    push(&server, "mail", NOW_NS, "cart of another").await;
    push(&server, "shop", NOW_NS + 1, "no match").await;
    push(&server, "shop", NOW_NS + 2, "cart 3").await;
    let frame = next(&mut tail).await;
    assert_eq!(lines(&frame), ["cart 3"]);
    assert_eq!(frame["streams"][0]["stream"]["app"], "shop");
    assert_eq!(frame["streams"][0]["values"][0][0], (NOW_NS + 2).to_string());
    assert!(frame["dropped_entries"].is_null());
    tail.send(Message::Close(None)).await.unwrap();
    server.end().await;
}

#[tokio::test]
async fn a_tail_can_be_held_back_and_tells_where_labels_come_from() {
    let server = Server::start().await;
    push(&server, "shop", NOW_NS - 1, "cart before").await;
    let mut request = url(&server, "&delay_for=1").into_client_request().unwrap();
    let flag = "categorize-labels".parse().unwrap();
    request
        .headers_mut()
        .insert("X-Loki-Response-Encoding-Flags", flag);
    let mut tail = tokio_tungstenite::connect_async(request).await.unwrap().0;
    // What there was comes at once, and what comes then is held back.
    assert_eq!(lines(&next(&mut tail).await), ["cart before"]);
    let sent = std::time::Instant::now();
    push(&server, "shop", NOW_NS, "cart info").await;
    let frame = next(&mut tail).await;
    assert!(
        sent.elapsed() >= Duration::from_millis(900),
        "{:?}",
        sent.elapsed()
    );
    assert_eq!(frame["encodingFlags"], json!(["categorize-labels"]));
    assert_eq!(
        frame["streams"][0]["values"][0][2],
        json!({"structuredMetadata": {"detected_level": "info"}})
    );
    server.end().await;
}

#[tokio::test]
async fn a_slow_tail_is_told_that_lines_were_dropped() {
    let server = Server::start().await;
    let mut tail = open(&server, "").await;
    // Far more than the sockets between hold, and than tails may hold together.
    let line = format!("cart {}", "x".repeat(200_000));
    let values: Vec<Value> = (0..20)
        .map(|place| json!([(NOW_NS + place).to_string(), line]))
        .collect();
    for round in 0..24 {
        let stream = json!({"app": "shop", "round": round.to_string()});
        let body = json!({"streams": [{"stream": stream, "values": values}]});
        let sent = server.post("/loki/api/v1/push").json(&body).send().await.unwrap();
        assert_eq!(sent.status(), 204);
    }
    let mut shown = 0;
    loop {
        let frame = next(&mut tail).await;
        shown += lines(&frame).len();
        if frame["dropped_entries"].is_array() {
            break;
        }
    }
    assert!(shown < 480, "{shown} lines were shown");
    server.end().await;
}

#[tokio::test]
async fn a_foreign_page_cannot_listen_and_a_stop_ends_tails() {
    let server = Server::start().await;
    let mut request = url(&server, "").into_client_request().unwrap();
    request
        .headers_mut()
        .insert("Origin", "http://evil.example".parse().unwrap());
    match tokio_tungstenite::connect_async(request).await {
        Err(Error::Http(response)) => assert_eq!(response.status(), 403),
        other => panic!("{other:?}"),
    }
    for (params, part) in [("&delay_for=9", "delay_for"), ("&limit=x", "limit")] {
        match tokio_tungstenite::connect_async(url(&server, params)).await {
            Err(Error::Http(response)) => {
                assert_eq!(response.status(), 400);
                let text = String::from_utf8(response.into_body().unwrap_or_default()).unwrap();
                assert!(text.contains(part), "{text}");
            }
            other => panic!("{other:?}"),
        }
    }
    let mut tail = open(&server, "").await;
    server.end().await;
    let closed = async {
        while let Some(Ok(message)) = tail.next().await {
            if message.is_close() {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, closed).await.unwrap();
}
