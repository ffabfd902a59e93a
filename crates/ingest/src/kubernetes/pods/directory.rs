//! The pods of one cluster, kept up by lists and watches while somebody asks for them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::facts::{NamespaceFacts, PodFacts, Wanted};
use super::file::Listed;
use super::records::{PodName, Records};
use super::telemetry::{ClusterLabel, LookLabels, PodsTelemetry};
use crate::config::PodsCluster;
use crate::error::IngestError;
use crate::kubernetes::access::{Access, Named};
use crate::kubernetes::objects::{Namespace, Object, Pod};
use crate::kubernetes::watch::{Keeper, Selectors, Watch};
use crate::limits::{KUBERNETES_OBJECTS_MAX, PODS_PRUNE_EVERY, WATCH_RETRY_MAX};

/// What was looked for where it is not known yet whom to ask.
const CLUSTER: &str = "cluster";

/// The pods of one cluster.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) cluster: PodsCluster,
    /// What it is called in metrics and messages.
    name: String,
    users: Mutex<Users>,
    /// More is asked for than the watches keep.
    more_wanted: Notify,
    records: RwLock<Records>,
    namespaces: RwLock<HashMap<String, Arc<NamespaceFacts>>>,
    /// There is no cluster to be asked.
    is_outside: AtomicBool,
    /// What failed last, by what was looked for.
    faults: Mutex<BTreeMap<&'static str, String>>,
    telemetry: PodsTelemetry,
}

#[derive(Debug, Default)]
struct Users {
    next: u64,
    wanted: BTreeMap<u64, Wanted>,
    /// What the watches keep now.
    kept: Wanted,
}

impl Directory {
    pub(super) fn new(cluster: PodsCluster, telemetry: &PodsTelemetry) -> Self {
        Self {
            name: cluster.name(),
            cluster,
            users: Mutex::default(),
            more_wanted: Notify::new(),
            records: RwLock::default(),
            namespaces: RwLock::default(),
            is_outside: AtomicBool::new(false),
            faults: Mutex::default(),
            telemetry: telemetry.clone(),
        }
    }

    /// Somebody uses it from now on; gives back who.
    pub(super) fn add_user(&self, wanted: Wanted) -> u64 {
        let mut users = self.users.lock();
        if !users.kept.covers(&wanted) {
            self.more_wanted.notify_one();
        }
        users.next += 1;
        let user = users.next;
        users.wanted.insert(user, wanted);
        user
    }

    pub(super) fn remove_user(&self, user: u64) {
        self.users.lock().wanted.remove(&user);
    }

    pub(super) fn has_users(&self) -> bool {
        !self.users.lock().wanted.is_empty()
    }

    pub(super) fn find(&self, name: PodName<'_>) -> Option<Arc<PodFacts>> {
        self.records.read().find(name)
    }

    pub(super) fn namespace(&self, name: &str) -> Option<Arc<NamespaceFacts>> {
        self.namespaces.read().get(name).cloned()
    }

    pub(super) fn may_learn(&self) -> bool {
        !self.is_outside.load(Ordering::Relaxed)
    }

    /// How many pods and namespaces are known.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.records.read().len(), self.namespaces.read().len())
    }

    /// Takes everything that a file told.
    pub(super) fn take(&self, listed: Listed) {
        let wanted = Wanted::everything();
        let pods = listed.pods.into_iter().map(|pod| PodFacts::new(pod, &wanted));
        self.records.write().replace(None, pods.collect(), Instant::now());
        let namespaces = listed.namespaces.into_iter();
        self.replace_namespaces(
            namespaces
                .map(|namespace| NamespaceFacts::new(namespace, &wanted))
                .collect(),
        );
        // What is not in the file will not come.
        self.is_outside.store(true, Ordering::Relaxed);
    }

    /// Looks for what its users want until told to stop. What is known stays meanwhile.
    pub(super) async fn run(self: Arc<Self>, stop: CancellationToken) {
        loop {
            let wanted = Arc::new(self.what_is_wanted());
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.more_wanted.notified() => {}
                () = Arc::clone(&self).look(wanted) => {}
            }
        }
        let cluster = ClusterLabel {
            cluster: self.name.clone(),
        };
        self.telemetry.pods.remove(&cluster);
    }

    fn what_is_wanted(&self) -> Wanted {
        let mut users = self.users.lock();
        let mut all = Wanted::default();
        for wanted in users.wanted.values() {
            all.extend(wanted);
        }
        users.kept = all.clone();
        all
    }

    /// Lists and watches; comes back where the cluster could not be reached at all, after a while.
    async fn look(self: Arc<Self>, wanted: Arc<Wanted>) {
        let of = Arc::clone(&self);
        // Reads files.
        let access = tokio::task::spawn_blocking(move || of.access()).await;
        let access = match access {
            Ok(Ok(Ok(access))) => Arc::new(access),
            Ok(Ok(Err(outside))) => {
                self.is_outside.store(true, Ordering::Relaxed);
                self.failed(CLUSTER, &outside);
                tokio::time::sleep(WATCH_RETRY_MAX).await;
                return;
            }
            Ok(Err(error)) => {
                self.failed(CLUSTER, &stdx::http_client::chain(&error));
                tokio::time::sleep(WATCH_RETRY_MAX).await;
                return;
            }
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        self.is_outside.store(false, Ordering::Relaxed);
        // They end with this future.
        let mut watches = self.start(&access, &wanted);
        let mut ticks = tokio::time::interval(PODS_PRUNE_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => self.changed(|records| records.prune(Instant::now())),
                Some(ended) = watches.join_next() => {
                    if let Err(failed) = ended && failed.is_panic() {
                        std::panic::resume_unwind(failed.into_panic());
                    }
                }
            }
        }
    }

    fn access(&self) -> Result<Result<Access, String>, IngestError> {
        let named = Named {
            api_server: self.cluster.api_server.as_deref(),
            kubeconfig_file: self.cluster.kubeconfig_file.as_deref(),
            http: &self.cluster.http,
        };
        Access::of(&named, "pipelines: kubernetes: cluster")
    }

    fn start(self: &Arc<Self>, access: &Arc<Access>, wanted: &Arc<Wanted>) -> JoinSet<()> {
        let node = self.cluster.node_name(|name| std::env::var(name).ok());
        let field = node
            .map(|node| format!("spec.nodeName={node}"))
            .unwrap_or_default();
        let watch = |namespace: Option<&String>, field: &str| Watch {
            access: Arc::clone(access),
            namespace: namespace.cloned(),
            selectors: Selectors {
                label: String::new(),
                field: field.to_owned(),
            },
        };
        let keeper = || IntoDirectory {
            directory: Arc::clone(self),
            wanted: Arc::clone(wanted),
        };
        let mut watches = JoinSet::new();
        if self.cluster.namespaces.is_empty() {
            watches.spawn(watch(None, &field).run::<Pod>(keeper()));
        }
        for namespace in &self.cluster.namespaces {
            watches.spawn(watch(Some(namespace), &field).run::<Pod>(keeper()));
        }
        if wanted.wants_namespaces() {
            watches.spawn(watch(None, "").run::<Namespace>(keeper()));
        }
        watches
    }

    /// Changes what is known of pods, and shows how many there are.
    fn changed<R>(&self, change: impl FnOnce(&mut Records) -> R) -> R {
        let (changed, count) = {
            let mut records = self.records.write();
            (change(&mut records), records.len())
        };
        let cluster = ClusterLabel {
            cluster: self.name.clone(),
        };
        let pods = self.telemetry.pods.get_or_create(&cluster);
        pods.set(i64::try_from(count).unwrap_or(i64::MAX));
        changed
    }

    fn replace_namespaces(&self, list: Vec<NamespaceFacts>) {
        let list = list.into_iter();
        *self.namespaces.write() = list.map(|facts| (facts.name.clone(), Arc::new(facts))).collect();
    }

    fn count_look(&self, outcome: &'static str) {
        let labels = LookLabels {
            cluster: self.name.clone(),
            outcome,
        };
        self.telemetry.looks.get_or_create(&labels).inc();
    }

    fn succeeded(&self, kind: &'static str) {
        self.count_look("ok");
        let mut faults = self.faults.lock();
        faults.remove(CLUSTER);
        if faults.remove(kind).is_some() {
            let cluster = &self.name;
            debug!(cluster, kind, "the cluster tells of pods again");
        }
    }

    fn failed(&self, kind: &'static str, fault: &str) {
        self.count_look("failed");
        let mut faults = self.faults.lock();
        if faults.get(kind).is_none_or(|known| known != fault) {
            let cluster = &self.name;
            warn!(
                cluster,
                error = fault,
                "pods of log lines cannot be asked for, those that are known stay so"
            );
            faults.insert(kind, fault.to_owned());
        }
    }

    /// Pods for which there is no room are unknown.
    fn refused(&self, count: u64) {
        if count == 0 {
            return;
        }
        let cluster = ClusterLabel {
            cluster: self.name.clone(),
        };
        if self.telemetry.refused.get_or_create(&cluster).inc_by(count) == 0 {
            let cluster = &self.name;
            warn!(
                cluster,
                count,
                "too many pods, or too much is asked of them; name a node or namespaces, or ask for less"
            );
        }
    }
}

/// Takes what a watch sees into a directory.
#[derive(Debug)]
struct IntoDirectory {
    directory: Arc<Directory>,
    wanted: Arc<Wanted>,
}

impl Keeper<Pod> for IntoDirectory {
    type Kept = PodFacts;

    fn kept(&self, pod: Pod) -> PodFacts {
        PodFacts::new(pod, &self.wanted)
    }

    fn replace(&self, namespace: Option<&str>, list: Vec<PodFacts>) -> bool {
        let refused = self
            .directory
            .changed(|records| records.replace(namespace, list, Instant::now()));
        self.directory.refused(refused);
        true
    }

    fn put(&self, pod: PodFacts) -> bool {
        let is_taken = self.directory.changed(|records| records.put(pod));
        self.directory.refused(u64::from(!is_taken));
        true
    }

    fn remove(&self, pod: &Pod) {
        // As it is kept, so that one without an id is found.
        let uid = PodFacts::new(pod.clone(), &Wanted::default()).uid;
        self.directory
            .changed(|records| records.remove(&uid, Instant::now()));
    }

    fn listed(&self, _is_first: bool) {
        self.directory.succeeded(Pod::PLURAL);
    }

    fn changed(&self) {}

    fn failed(&self, fault: &str) {
        self.directory.failed(Pod::PLURAL, fault);
    }
}

impl Keeper<Namespace> for IntoDirectory {
    type Kept = NamespaceFacts;

    fn kept(&self, namespace: Namespace) -> NamespaceFacts {
        NamespaceFacts::new(namespace, &self.wanted)
    }

    fn replace(&self, _namespace: Option<&str>, list: Vec<NamespaceFacts>) -> bool {
        self.directory.replace_namespaces(list);
        true
    }

    fn put(&self, namespace: NamespaceFacts) -> bool {
        let mut namespaces = self.directory.namespaces.write();
        let has_place = namespaces.len() < KUBERNETES_OBJECTS_MAX || namespaces.contains_key(&namespace.name);
        if has_place {
            namespaces.insert(namespace.name.clone(), Arc::new(namespace));
        }
        has_place
    }

    fn remove(&self, _namespace: &Namespace) {
        // Its last lines come late; the next list is without it.
    }

    fn listed(&self, _is_first: bool) {
        self.directory.succeeded(Namespace::PLURAL);
    }

    fn changed(&self) {}

    fn failed(&self, fault: &str) {
        self.directory.failed(Namespace::PLURAL, fault);
    }
}
