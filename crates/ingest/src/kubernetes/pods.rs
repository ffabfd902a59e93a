//! Directories of pods: which pods there are, for whoever wants to know whose a log line is.
//!
//! In: the sections `cluster` of stages, and what they ask of pods; the answers of the API, or a file of pods.  Out: facts of a pod by
//! its id or its name.
//! Owns: a task for each directory that somebody uses; one for all users with the same `cluster`.
//! Invariants: nothing is started before somebody asks, and what nobody uses any more ends (`tests/kubernetes_pods.rs`); what is known
//! stays while the API is away, and while more is asked of it (`tests/kubernetes_pods.rs`); memory is bounded (`records::tests`).
//! Not here: how the API is talked to (`watch`); what lines are given (`pipeline::kubernetes`).
//! Start at: [`PodDirectories::open`].

mod directory;
pub(crate) mod facts;
mod file;
mod owner;
mod records;
mod telemetry;

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::PodsCluster;
use crate::error::IngestError;
use directory::Directory;
use facts::{NamespaceFacts, PodFacts, Wanted};
pub(crate) use records::PodName;
pub use telemetry::{ClusterLabel, LookLabels, PodsTelemetry};

/// All directories of the process; clones share them.
#[derive(Debug, Clone, Default)]
pub struct PodDirectories {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    all: Mutex<Vec<Arc<Directory>>>,
    /// Somebody has begun or ended to use one.
    changed: Arc<Notify>,
    /// What all clusters hold, where that is not asked for.
    given: Option<Arc<Directory>>,
    telemetry: PodsTelemetry,
}

/// A directory as one of its users has it. It is kept up while somebody has it.
#[derive(Debug)]
pub(crate) struct Pods {
    directory: Arc<Directory>,
    user: u64,
    changed: Arc<Notify>,
}

impl PodDirectories {
    /// None yet. Nothing is asked before [`run`](Self::run).
    pub fn new(telemetry: PodsTelemetry) -> Self {
        Self {
            inner: Arc::new(Inner {
                telemetry,
                ..Inner::default()
            }),
        }
    }

    /// Directories that know the pods of a file, as `kubectl get pods -A -o json` prints them, and ask nobody.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else.
    pub fn of_file(path: &Path) -> Result<Self, IngestError> {
        let telemetry = PodsTelemetry::default();
        let given = Arc::new(Directory::new(PodsCluster::default(), &telemetry));
        given.take(file::read_file(path)?);
        Ok(Self {
            inner: Arc::new(Inner {
                given: Some(given),
                telemetry,
                ..Inner::default()
            }),
        })
    }

    /// The directory of a cluster, which is to tell of this.
    pub(crate) fn open(&self, cluster: &PodsCluster, wanted: Wanted) -> Pods {
        // Held until it has its user: a directory without one may be ended.
        let mut all = self.inner.all.lock();
        let known = all.iter().find(|directory| directory.cluster == *cluster);
        let directory = match (&self.inner.given, known) {
            (Some(given), _) => Arc::clone(given),
            (None, Some(known)) => Arc::clone(known),
            (None, None) => {
                let directory = Arc::new(Directory::new(cluster.clone(), &self.inner.telemetry));
                all.push(Arc::clone(&directory));
                directory
            }
        };
        let user = directory.add_user(wanted);
        drop(all);
        self.inner.changed.notify_one();
        Pods {
            directory,
            user,
            changed: Arc::clone(&self.inner.changed),
        }
    }

    /// Keeps up the directories that somebody uses, until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut tasks = JoinSet::new();
        let mut running: Vec<(Arc<Directory>, CancellationToken)> = Vec::new();
        loop {
            self.start_and_end(&mut running, &mut tasks, &stop);
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.inner.changed.notified() => {}
                Some(ended) = tasks.join_next() => {
                    if let Err(failed) = ended && failed.is_panic() {
                        // All begin again, with what they know.
                        std::panic::resume_unwind(failed.into_panic());
                    }
                }
            }
        }
        tasks.shutdown().await;
    }

    /// Starts what is used and does not run, and ends what runs and is not used.
    fn start_and_end(
        &self,
        running: &mut Vec<(Arc<Directory>, CancellationToken)>,
        tasks: &mut JoinSet<()>,
        stop: &CancellationToken,
    ) {
        let mut all = self.inner.all.lock();
        all.retain(|directory| directory.has_users());
        running.retain(|(directory, token)| {
            let is_used = all.iter().any(|used| Arc::ptr_eq(used, directory));
            if !is_used {
                token.cancel();
            }
            is_used
        });
        for directory in all.iter() {
            if running.iter().any(|(known, _)| Arc::ptr_eq(known, directory)) {
                continue;
            }
            let token = stop.child_token();
            tasks.spawn(Arc::clone(directory).run(token.clone()));
            running.push((Arc::clone(directory), token));
        }
    }
}

/// How many pods and namespaces a text as of `kubectl get -o json` tells of, taken in as they would be.
///
/// # Errors
/// It is something else, and what.
pub fn parse_pods(bytes: &[u8]) -> Result<(usize, usize), String> {
    let directory = Directory::new(PodsCluster::default(), &PodsTelemetry::default());
    directory.take(file::read(bytes)?);
    Ok(directory.counts())
}

impl Pods {
    /// The pod that a line means.
    pub(crate) fn find(&self, name: PodName<'_>) -> Option<Arc<PodFacts>> {
        self.directory.find(name)
    }

    /// What is known of a namespace.
    pub(crate) fn namespace(&self, name: &str) -> Option<Arc<NamespaceFacts>> {
        self.directory.namespace(name)
    }

    /// Whether a pod that is not known may become so when one waits: where there is no cluster it will not.
    pub(crate) fn may_learn(&self) -> bool {
        self.directory.may_learn()
    }
}

impl Drop for Pods {
    fn drop(&mut self) {
        self.directory.remove_user(self.user);
        self.changed.notify_one();
    }
}
