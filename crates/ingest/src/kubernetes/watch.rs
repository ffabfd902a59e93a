//! Lists one kind of object and follows its changes. Source: Kubernetes' API concepts, "Efficient detection of changes".
//!
//! What is kept of an object is for the [`Keeper`] to say: of a list, no more than one page is held whole.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use http::header::ACCEPT;
use reqwest::Response;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use stdx::Backoff;
use tokio::time::Instant;
use xxhash_rust::xxh3::xxh3_64;

use super::access::Access;
use super::objects::{Meta, Object};
use crate::client::{read_capped, request_error};
use crate::error::IngestError;
use crate::limits::{
    DISCOVERY_ANSWER_BYTES_MAX, KUBERNETES_OBJECTS_MAX, KUBERNETES_PAGE_OBJECTS, KUBERNETES_TIMEOUT,
    WATCH_EVENT_BYTES_MAX, WATCH_OPEN_MAX, WATCH_RETRY_MAX, WATCH_RETRY_MIN,
};

/// The waits before a list is asked for again.
const RETRY: Backoff = Backoff {
    first: WATCH_RETRY_MIN,
    ceiling: WATCH_RETRY_MAX,
};

/// Which objects, in Kubernetes' own terms.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selectors {
    pub(crate) label: String,
    pub(crate) field: String,
}

/// One kind of object in one namespace, or in all.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) access: Arc<Access>,
    pub(crate) namespace: Option<String>,
    pub(crate) selectors: Selectors,
}

/// Who keeps what a watch sees.
pub(crate) trait Keeper<T: Object>: Send + Sync + 'static {
    /// What is kept of an object.
    type Kept: Send;

    /// Takes out of an object what is kept.
    fn kept(&self, object: T) -> Self::Kept;

    /// Takes a whole list in place of what was known of the namespace (of all, where it is `None`). Gives back whether it
    /// fits into the limit.
    fn replace(&self, namespace: Option<&str>, list: Vec<Self::Kept>) -> bool;

    /// Takes a new or changed object. Gives back whether it fits into the limit.
    fn put(&self, object: Self::Kept) -> bool;

    /// An object was deleted.
    fn remove(&self, object: &T);

    /// A list was taken whole, for the first time or anew.
    fn listed(&self, is_first: bool);

    /// An event was taken in.
    fn changed(&self);

    /// Looking failed; what is known stays.
    fn failed(&self, fault: &str);
}

#[derive(Deserialize)]
struct List<T> {
    #[serde(default)]
    metadata: ListMeta,
    items: Option<Vec<T>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ListMeta {
    resource_version: String,
    #[serde(rename = "continue")]
    rest: String,
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    object: serde_json::Value,
}

/// An object of which only the version counts.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Versioned {
    metadata: Meta,
}

/// The API's own error.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    message: String,
    code: u16,
}

/// Why following ended.
enum Ended {
    /// The version is too old to go on from.
    TooOld,
    Failed(IngestError),
}

impl From<IngestError> for Ended {
    fn from(error: IngestError) -> Self {
        Self::Failed(error)
    }
}

impl Watch {
    /// Lists and follows for ever. What is known stays while the API does not answer.
    pub(crate) async fn run<T: Object>(self, keeper: impl Keeper<T>) {
        let mut listed_before = false;
        let mut attempt = 0;
        loop {
            let started = Instant::now();
            let ended = match self.list(&keeper).await {
                Ok(version) => {
                    keeper.listed(!std::mem::replace(&mut listed_before, true));
                    self.follow(&keeper, version).await
                }
                Err(error) => Ended::Failed(error),
            };
            if let Ended::Failed(error) = ended {
                keeper.failed(&format!("{}: {}", T::PLURAL, stdx::http_client::chain(&error)));
            }
            if started.elapsed() > WATCH_RETRY_MAX {
                attempt = 0;
            }
            tokio::time::sleep(RETRY.wait(attempt, xxh3_64(T::PLURAL.as_bytes()))).await;
            attempt = attempt.saturating_add(1);
        }
    }

    /// Takes everything that is there, page by page; gives back the version that it stands for.
    async fn list<T: Object>(&self, keeper: &impl Keeper<T>) -> Result<String, IngestError> {
        let mut all = Vec::new();
        let mut rest = String::new();
        loop {
            let mut query = vec![("limit", KUBERNETES_PAGE_OBJECTS.to_string())];
            if !rest.is_empty() {
                query.push(("continue", rest));
            }
            let page = async {
                let response = self.ask::<T>(query).await?;
                read_json::<List<T>>(response).await
            };
            let page = tokio::time::timeout(KUBERNETES_TIMEOUT, page).await;
            let page = page.unwrap_or(Err(IngestError::Timeout {
                timeout_seconds: KUBERNETES_TIMEOUT.as_secs_f64(),
            }))?;
            let items = page.items.into_iter().flatten();
            all.extend(items.map(|object| keeper.kept(object)));
            rest = page.metadata.rest;
            let fits = all.len() <= KUBERNETES_OBJECTS_MAX;
            if rest.is_empty() || !fits {
                let scope = self.namespace.as_deref().filter(|_| T::NAMESPACED);
                return if fits && keeper.replace(scope, all) {
                    Ok(page.metadata.resource_version)
                } else {
                    Err(too_many())
                };
            }
        }
    }

    /// Follows changes from a version on, over as many watches as it takes.
    async fn follow<T: Object>(&self, keeper: &impl Keeper<T>, mut version: String) -> Ended {
        loop {
            let query = vec![
                ("watch", "true".to_owned()),
                ("allowWatchBookmarks", "true".to_owned()),
                ("resourceVersion", version.clone()),
                ("timeoutSeconds", WATCH_OPEN_MAX.as_secs().to_string()),
            ];
            // The API ends the watch itself; a connection that died meanwhile is noticed a little later.
            let patience = WATCH_OPEN_MAX.saturating_add(Duration::from_secs(30));
            let watched = self.watch_once(keeper, query, &mut version);
            match tokio::time::timeout(patience, watched).await {
                // A watch that ends at once is not opened again at once.
                Ok(Ok(())) => tokio::time::sleep(WATCH_RETRY_MIN).await,
                Err(_) => {}
                Ok(Err(ended)) => return ended,
            }
        }
    }

    async fn watch_once<T: Object>(
        &self,
        keeper: &impl Keeper<T>,
        query: Vec<(&str, String)>,
        version: &mut String,
    ) -> Result<(), Ended> {
        let opened = tokio::time::timeout(KUBERNETES_TIMEOUT, self.ask::<T>(query)).await;
        let opened = opened.unwrap_or(Err(IngestError::Timeout {
            timeout_seconds: KUBERNETES_TIMEOUT.as_secs_f64(),
        }));
        let mut response = match opened {
            Err(IngestError::HttpStatus { status }) if status == StatusCode::GONE => {
                return Err(Ended::TooOld);
            }
            other => other?,
        };
        let mut buffer: Vec<u8> = Vec::new();
        loop {
            let piece = response.chunk().await.map_err(|error| request_error(&error))?;
            let Some(piece) = piece else {
                return Ok(());
            };
            buffer.extend_from_slice(&piece);
            while let Some(end) = memchr::memchr(b'\n', &buffer) {
                let line: Vec<u8> = buffer.drain(..=end).collect();
                take(keeper, &line, version)?;
            }
            if buffer.len() > WATCH_EVENT_BYTES_MAX {
                return Err(Ended::Failed(IngestError::Discovery(format!(
                    "an event is larger than {WATCH_EVENT_BYTES_MAX} bytes"
                ))));
            }
        }
    }

    /// Asks for this kind, and gives back an answer that is not a refusal.
    async fn ask<T: Object>(&self, mut query: Vec<(&str, String)>) -> Result<Response, IngestError> {
        for (name, selector) in [
            ("labelSelector", &self.selectors.label),
            ("fieldSelector", &self.selectors.field),
        ] {
            if !selector.is_empty() {
                query.push((name, selector.clone()));
            }
        }
        let path = match self.namespace.as_deref().filter(|_| T::NAMESPACED) {
            Some(namespace) => format!("{}/namespaces/{namespace}/{}", T::API, T::PLURAL),
            None => format!("{}/{}", T::API, T::PLURAL),
        };
        let url = self.access.url(&path, &query)?;
        let request = self.access.client.get(url).await?;
        let request = request.header(ACCEPT, "application/json");
        let response = request.send().await.map_err(|error| request_error(&error))?;
        let status = response.status();
        if status == StatusCode::OK {
            return Ok(response);
        }
        if status == StatusCode::GONE {
            return Err(IngestError::HttpStatus { status });
        }
        let told: Status = read_json(response).await.unwrap_or_default();
        Err(IngestError::Discovery(format!(
            "the API answered with status {status}: {}",
            told.message
        )))
    }
}

/// Takes one event in.
fn take<T: Object>(keeper: &impl Keeper<T>, line: &[u8], version: &mut String) -> Result<(), Ended> {
    if line.trim_ascii().is_empty() {
        return Ok(());
    }
    let event: Event = serde_json::from_slice(line).map_err(|error| bad_event(&error))?;
    if event.kind == "ERROR" {
        let status: Status = serde_json::from_value(event.object).unwrap_or_default();
        if status.code == StatusCode::GONE.as_u16() {
            return Err(Ended::TooOld);
        }
        return Err(Ended::Failed(IngestError::Discovery(status.message)));
    }
    if event.kind == "BOOKMARK" {
        let object: Versioned = serde_json::from_value(event.object).map_err(|error| bad_event(&error))?;
        *version = object.metadata.resource_version;
        return Ok(());
    }
    let object: T = serde_json::from_value(event.object).map_err(|error| bad_event(&error))?;
    version.clone_from(&object.meta().resource_version);
    if event.kind == "DELETED" {
        keeper.remove(&object);
    } else if !keeper.put(keeper.kept(object)) {
        return Err(Ended::Failed(too_many()));
    }
    keeper.changed();
    Ok(())
}

async fn read_json<T: DeserializeOwned>(response: Response) -> Result<T, IngestError> {
    let body = read_capped(response, DISCOVERY_ANSWER_BYTES_MAX, 0).await?;
    serde_json::from_slice(&body)
        .map_err(|error| IngestError::Discovery(format!("not the answer of a Kubernetes API: {error}")))
}

fn bad_event(error: &serde_json::Error) -> Ended {
    Ended::Failed(IngestError::Discovery(format!(
        "not the event of a Kubernetes API: {error}"
    )))
}

fn too_many() -> IngestError {
    IngestError::Discovery(format!(
        "more than {KUBERNETES_OBJECTS_MAX} objects; name namespaces or selectors"
    ))
}
