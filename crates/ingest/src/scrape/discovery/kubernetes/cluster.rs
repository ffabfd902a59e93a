//! What is known of a cluster: objects by kind, as listed and then changed by events.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::kubernetes::objects::{EndpointSlice, Endpoints, Ingress, Namespace, Node, Object, Pod, Service};
use crate::kubernetes::watch::Keeper;
use crate::limits::KUBERNETES_OBJECTS_MAX;
use crate::scrape::discovery::{Findings, Group};

/// All kinds of objects that one search needs.
#[derive(Debug, Default)]
pub(super) struct Cluster {
    pub(super) nodes: Objects<Node>,
    pub(super) pods: Objects<Pod>,
    pub(super) services: Objects<Service>,
    pub(super) endpoints: Objects<Endpoints>,
    pub(super) slices: Objects<EndpointSlice>,
    pub(super) ingresses: Objects<Ingress>,
    pub(super) namespaces: Objects<Namespace>,
    /// Told whenever objects change.
    pub(super) changed: Notify,
    unlisted: AtomicUsize,
}

/// Objects of one kind, by namespace and name.
#[derive(Debug)]
pub(super) struct Objects<T>(Mutex<BTreeMap<(String, String), Arc<T>>>);

impl<T> Default for Objects<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// Takes what a watch sees into a cluster, and tells of it.
#[derive(Debug)]
pub(super) struct IntoCluster<T: 'static> {
    pub(super) cluster: Arc<Cluster>,
    pub(super) findings: Arc<Findings>,
    pub(super) objects: fn(&Cluster) -> &Objects<T>,
}

impl<T: Object> Keeper<T> for IntoCluster<T> {
    type Kept = T;

    fn kept(&self, object: T) -> T {
        object
    }

    fn replace(&self, namespace: Option<&str>, list: Vec<T>) -> bool {
        (self.objects)(&self.cluster).replace(namespace, list)
    }

    fn put(&self, object: T) -> bool {
        (self.objects)(&self.cluster).put(object)
    }

    fn remove(&self, object: &T) {
        (self.objects)(&self.cluster).remove(object);
    }

    fn listed(&self, is_first: bool) {
        if is_first {
            self.cluster.one_is_listed();
        }
        self.findings.succeeded();
        self.cluster.changed.notify_one();
    }

    fn changed(&self) {
        self.cluster.changed.notify_one();
    }

    fn failed(&self, fault: &str) {
        self.findings.failed(fault);
    }
}

impl Cluster {
    /// A further list must be complete before anything is told.
    pub(super) fn expect_one_more(&self) {
        self.unlisted.fetch_add(1, Ordering::SeqCst);
    }

    /// One list is complete.
    pub(super) fn one_is_listed(&self) {
        self.unlisted.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether every list is.
    pub(super) fn is_complete(&self) -> bool {
        self.unlisted.load(Ordering::SeqCst) == 0
    }
}

impl<T: Object> Objects<T> {
    /// Takes a whole list in place of what was known of the namespace (of all, where it is `None`). Gives back whether it
    /// fits into the limit.
    pub(super) fn replace(&self, namespace: Option<&str>, list: Vec<T>) -> bool {
        let mut objects = self.0.lock();
        objects.retain(|(place, _), _| namespace.is_some_and(|namespace| place != namespace));
        if objects.len().saturating_add(list.len()) > KUBERNETES_OBJECTS_MAX {
            return false;
        }
        objects.extend(list.into_iter().map(|object| (key(&object), Arc::new(object))));
        true
    }

    /// Takes a new or changed object. Gives back whether it fits into the limit.
    pub(super) fn put(&self, object: T) -> bool {
        let mut objects = self.0.lock();
        let key = key(&object);
        if objects.len() >= KUBERNETES_OBJECTS_MAX && !objects.contains_key(&key) {
            return false;
        }
        objects.insert(key, Arc::new(object));
        true
    }

    /// Forgets an object.
    pub(super) fn remove(&self, object: &T) {
        self.0.lock().remove(&key(object));
    }

    /// One object.
    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<Arc<T>> {
        self.0
            .lock()
            .get(&(namespace.to_owned(), name.to_owned()))
            .cloned()
    }

    /// A group for each object, by its place.
    pub(super) fn map(&self, group: impl Fn(&T) -> Group) -> BTreeMap<String, Group> {
        let objects = self.0.lock().clone();
        objects
            .into_iter()
            .map(|((namespace, name), object)| (format!("{namespace}/{name}"), group(&object)))
            .collect()
    }
}

fn key<T: Object>(object: &T) -> (String, String) {
    let meta = object.meta();
    (meta.namespace.clone(), meta.name.clone())
}
