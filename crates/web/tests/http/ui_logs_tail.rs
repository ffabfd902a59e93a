//! The page's live tail over a real WebSocket.

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::support::{NOW_MS, PATIENCE, Server};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const NOW_NS: i64 = NOW_MS * 1_000_000;

fn url(server: &Server, query: &str) -> String {
    let address = server.url.replace("http://", "ws://");
    let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
    format!("{address}/api/ui/logs/tail?query={query}")
}

async fn next(socket: &mut Socket) -> Value {
    loop {
        let message = tokio::time::timeout(PATIENCE, socket.next()).await.unwrap();
        if let Message::Text(text) = message.unwrap().unwrap() {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

async fn push(server: &Server, app: &str, lines: &[String]) {
    let values: Vec<Value> = lines
        .iter()
        .enumerate()
        .map(|(place, line)| json!([(NOW_NS + place as i64).to_string(), line]))
        .collect();
    let body = json!({"streams": [{"stream": {"app": app}, "values": values}]});
    let sent = server.post("/loki/api/v1/push").json(&body).send().await.unwrap();
    assert_eq!(sent.status(), 204);
}

#[tokio::test]
async fn what_is_stored_is_told_with_its_labels_apart() {
    let server = Server::start().await;
    push(&server, "shop", &["before".to_owned()]).await;
    let mut tail = tokio_tungstenite::connect_async(url(&server, "{app=\"shop\"} != \"quiet\""))
        .await
        .unwrap()
        .0;
    assert_eq!(next(&mut tail).await, json!({"open": true}));
    push(&server, "mail", &["of another".to_owned()]).await;
    push(&server, "shop", &["quiet".to_owned(), "an error".to_owned()]).await;
    let frame = next(&mut tail).await;
    assert_eq!(frame["line"], json!(["an error"]));
    assert_eq!(frame["streams"][0]["app"], "shop");
    assert_eq!(frame["sets"][0][1], json!({"detected_level": "error"}));
    assert_eq!(
        (&frame["left_out"], &frame["lost"], &frame["is_lost"]),
        (&json!(0), &json!(0), &json!(false))
    );
    tail.send(Message::Close(None)).await.unwrap();
    server.end().await;
}

#[tokio::test]
async fn every_line_is_shown_or_counted_as_left_out() {
    let server = Server::start().await;
    let mut tail = tokio_tungstenite::connect_async(url(&server, "{}"))
        .await
        .unwrap()
        .0;
    assert_eq!(next(&mut tail).await, json!({"open": true}));
    let lines: Vec<String> = (0..2000).map(|number| format!("line {number}")).collect();
    push(&server, "shop", &lines).await;
    let (mut shown, mut left_out) = (0, 0);
    while shown + left_out < 2000 {
        let frame = next(&mut tail).await;
        let lines = frame["line"].as_array().unwrap();
        assert!(lines.len() <= 500);
        shown += lines.len() as u64;
        left_out += frame["left_out"].as_u64().unwrap();
    }
    assert_eq!((shown + left_out, left_out >= 1500), (2000, true));
    server.end().await;
}

#[tokio::test]
async fn a_foreign_page_and_a_wrong_query_are_refused() {
    let server = Server::start().await;
    let mut request = url(&server, "{}").into_client_request().unwrap();
    request
        .headers_mut()
        .insert("Origin", "http://evil.example".parse().unwrap());
    match tokio_tungstenite::connect_async(request).await {
        Err(Error::Http(response)) => assert_eq!(response.status(), 403),
        other => panic!("{other:?}"),
    }
    match tokio_tungstenite::connect_async(url(&server, "{oops")).await {
        Err(Error::Http(response)) => assert_eq!(response.status(), 400),
        other => panic!("{other:?}"),
    }
    server.end().await;
}
