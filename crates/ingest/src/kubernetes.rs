//! What a Kubernetes cluster tells: how its API is reached, objects that are listed and watched, and the pods that are known.
//!
//! In: the API's answers.  Out: objects to whoever keeps them ([`watch::Keeper`]); pods to the stage `kubernetes` of pipelines.
//! Owns: while [`PodDirectories::run`] lives, a task for each directory of pods that a stage asks for, and its watches.
//! Invariants: what is known stays while the API is away (`tests/kubernetes_pods.rs`); a pod that was deleted stays known for a while,
//! and not longer (`pods::records::tests`); nothing is asked for that no stage wants (`tests/kubernetes_pods.rs`).
//! Not here: what becomes a target (`scrape::discovery::kubernetes`); writing to the cluster, which nothing here does.
//! Start at: [`PodDirectories`].

pub(crate) mod access;
pub(crate) mod objects;
pub mod pods;
pub(crate) mod watch;

pub use pods::{PodDirectories, PodsTelemetry};
