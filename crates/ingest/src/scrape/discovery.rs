//! Targets that are found: in files, by DNS, from HTTP servers, on a Docker host, in a Kubernetes cluster.
//!
//! In: the `…_sd_configs` of a job.  Out: groups of targets, in [`Findings`], to the pools.
//! Owns: one task per entry of those lists, inside `Scraper::run`.
//! Invariants: what was found last stays while looking fails (`tests/discovery.rs`); an entry that a reload leaves as it
//! was is not disturbed (`tests/discovery.rs`); labels are those that Prometheus documents (`tests/discovery.rs`,
//! `tests/kubernetes.rs`).
//! Not here: relabelling and what a target becomes (`target`).
//! Start at: [`all`]; a further kind is one file here, one in `config::discovery` and one line in that table.

mod dns;
mod docker;
pub(super) mod file;
mod findings;
mod http;
mod kubernetes;
mod refresh;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

use crate::client::host_port;
use crate::config::{ScrapeConfig, TargetGroup};
use crate::error::IngestError;
pub(super) use findings::{Findings, News};

/// Labels by name.
pub(super) type LabelSet = BTreeMap<String, String>;

/// The label that says where a target is.
pub(super) const ADDRESS: &str = "__address__";

/// Targets that were found together: labels of each, and labels of all that a target has none of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) targets: Vec<LabelSet>,
    pub(super) labels: LabelSet,
}

/// One way to find targets.
pub(super) struct Kind {
    /// Its name in metrics, as in `NAME_sd_configs`.
    pub(super) name: &'static str,
    /// Whether two jobs look in the same places in this way.
    pub(super) same: fn(&ScrapeConfig, &ScrapeConfig) -> bool,
    /// What looks, one for each entry of the job's list.
    pub(super) sources: fn(&ScrapeConfig) -> Sources,
}

/// What looks for a job's targets in one way, or why it cannot.
type Sources = Result<Vec<Arc<dyn Source>>, IngestError>;

/// What looks for targets.
pub(super) trait Source: Debug + Send + Sync {
    /// Looks for ever, and tells what is found.
    fn look(self: Arc<Self>, findings: Arc<Findings>) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// Every kind that looks over the network. Files are looked at by the pools themselves, at once when a configuration is
/// taken, and targets in the configuration need no looking.
pub(super) fn all() -> [Kind; 4] {
    [
        Kind {
            name: "dns",
            same: |one, other| one.dns_sd_configs == other.dns_sd_configs,
            sources: dns::sources,
        },
        Kind {
            name: "docker",
            same: |one, other| one.docker_sd_configs == other.docker_sd_configs,
            sources: docker::sources,
        },
        Kind {
            name: "http",
            same: |one, other| one.http_sd_configs == other.http_sd_configs,
            sources: http::sources,
        },
        Kind {
            name: "kubernetes",
            same: |one, other| one.kubernetes_sd_configs == other.kubernetes_sd_configs,
            sources: kubernetes::sources,
        },
    ]
}

/// One entry of a job's lists, while it is looked at.
#[derive(Debug)]
pub(super) struct Search {
    source: Arc<dyn Source>,
    pub(super) findings: Arc<Findings>,
    /// Cancelled when no job asks for it any more.
    pub(super) stop: CancellationToken,
    /// Whether a task was started for it.
    pub(super) started: AtomicBool,
}

impl Search {
    pub(super) fn new(source: Arc<dyn Source>, findings: Findings) -> Arc<Self> {
        Arc::new(Self {
            source,
            findings: Arc::new(findings),
            stop: CancellationToken::new(),
            started: AtomicBool::new(false),
        })
    }

    /// Looks until nobody asks for it or the process shuts down.
    pub(super) async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        let look = Arc::clone(&self.source).look(Arc::clone(&self.findings));
        tokio::select! {
            biased;
            () = shutdown.cancelled() => {}
            () = self.stop.cancelled() => {}
            () = look => {}
        }
    }

    pub(super) fn is_started(&self) -> bool {
        self.started.load(Ordering::SeqCst)
    }
}

impl Group {
    /// A group as configurations and files write it, with labels that tell where it was found.
    pub(super) fn of(group: &TargetGroup, meta: &[(&str, &str)]) -> Self {
        let address = |address: &String| LabelSet::from([(ADDRESS.to_owned(), address.clone())]);
        let mut labels = group.labels.clone();
        labels.extend(
            meta.iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        Self {
            targets: group.targets.iter().map(address).collect(),
            labels,
        }
    }
}
