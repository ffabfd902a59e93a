//! A cluster's API over real HTTP: lists page by page, and watches that a test tells of changes.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(
    clippy::unwrap_used,
    reason = "a test ends where its world is not as it should be"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// A cluster's API: lists by path, and the watches that are open.
#[derive(Debug, Default)]
pub(crate) struct Api {
    pub(crate) lists: BTreeMap<String, Vec<Value>>,
    pub(crate) watches: BTreeMap<String, Vec<mpsc::UnboundedSender<String>>>,
    pub(crate) requests: Vec<(String, BTreeMap<String, String>, HeaderMap)>,
    pub(crate) refuses: bool,
}

type Shared = Arc<Mutex<Api>>;

async fn answer(
    State(api): State<Shared>,
    uri: Uri,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let mut api = api.lock();
    let path = uri.path().to_owned();
    api.requests.push((path.clone(), query.clone(), headers));
    if api.refuses {
        let status = json!({"kind": "Status", "code": 403, "message": "pods is forbidden"});
        return (StatusCode::FORBIDDEN, status.to_string()).into_response();
    }
    if query.contains_key("watch") {
        let (sender, receiver) = mpsc::unbounded_channel::<String>();
        api.watches.entry(path).or_default().push(sender);
        let pieces = futures::stream::unfold(receiver, |mut receiver| async move {
            let piece = receiver.recv().await?;
            Some((Ok::<_, std::convert::Infallible>(piece), receiver))
        });
        return Body::from_stream(pieces).into_response();
    }
    let all = api.lists.get(&path).cloned().unwrap_or_default();
    // One object for each page, so that every list of two needs two.
    let start: usize = query.get("continue").map_or(0, |text| text.parse().unwrap());
    let rest = if start + 1 < all.len() {
        (start + 1).to_string()
    } else {
        String::new()
    };
    let page: Vec<Value> = all.into_iter().skip(start).take(1).collect();
    json!({"metadata": {"resourceVersion": "7", "continue": rest}, "items": page})
        .to_string()
        .into_response()
}

pub(crate) struct Cluster {
    pub(crate) api: Shared,
    pub(crate) address: String,
}

impl Cluster {
    pub(crate) async fn start(lists: &[(&str, Vec<Value>)]) -> Self {
        let api = Shared::default();
        api.lock().lists = lists
            .iter()
            .map(|(path, list)| ((*path).to_owned(), list.clone()))
            .collect();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let router = axum::Router::new().fallback(answer).with_state(Arc::clone(&api));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { api, address }
    }

    /// A job whose targets are told apart by container and path, as their owners do it.
    pub(crate) fn job(&self, role: &str, more: &str) -> String {
        format!(
            "[{{job_name: k, kubernetes_sd_configs: [{{api_server: 'http://{}', role: {role}{more}}}], relabel_configs: \
              [{{source_labels: [__meta_kubernetes_pod_container_name, __meta_kubernetes_ingress_path], target_label: part}}]}}]",
            self.address
        )
    }

    pub(crate) fn watches(&self, path: &str) -> usize {
        self.api.lock().watches.get(path).map_or(0, Vec::len)
    }

    /// Tells the newest watch of a path.
    pub(crate) fn tell(&self, path: &str, kind: &str, object: &Value) {
        let line = json!({"type": kind, "object": object}).to_string() + "\n";
        // In two pieces, as networks have it.
        let (one, two) = line.split_at(line.len() / 2);
        let api = self.api.lock();
        let watch = api.watches[path].last().unwrap();
        watch.send(one.to_owned()).unwrap();
        watch.send(two.to_owned()).unwrap();
    }

    /// Ends all watches of a path, as a restart of the API does.
    pub(crate) fn end_watches(&self, path: &str) {
        self.api.lock().watches.get_mut(path).unwrap().clear();
    }
}
