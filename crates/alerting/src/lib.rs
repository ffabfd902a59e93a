//! Judges and tells: evaluates rules over series, walks every alert through one life cycle, and tells receivers.
//!
//! In: rule files and the `alerting` section; series through `SeriesRead`; nudges that a metric changed.
//! Out: series through `SeriesWrite` (`ALERTS`, recorded series), notifications through the outbox in `state`, news.
//! Owns: the alert tables of `state` while it runs, one task per rule group and one per channel of a receiver.
//! Invariants: deciders are pure and read no clock (`lifecycle`, `rules::judge`, `notify::plan`); an episode of an
//! alert is told once (`lifecycle::tests::episodes_begin_and_end_once`, `notify::plan::tests`); a crash neither loses nor repeats (`tests/crash.rs`);
//! a stuck receiver delays no other (`tests/delivery.rs`).
//! Not here: PromQL (`promql`), storage (`tsdb`), the rows behind it (`state`), incidents and on-call.
//! Start at: [`Alerting::run`].

pub mod builtin;
pub mod channels;
pub mod config;
pub mod error;
pub mod lifecycle;
pub mod limits;
pub mod notify;
pub mod rules;
pub mod telemetry;
pub mod template;
pub mod view;

mod engine;
mod yaml;

pub use config::Config;
pub use engine::{Alerting, Deps, Nudge, Prepared, Setup};
pub use error::{ConfigError, Error};
pub use rules::{RuleError, RuleFile, load_rule_files};
pub use telemetry::Telemetry;
pub use view::{AlertChange, AlertNews, AlertView, GroupView, Health, NotificationView, RuleKind, RuleView};
