//! The door to people and programs: everything that Watchkeeper says over HTTP.
//!
//! In: requests; the rooms of the services' floor and the [`model::SeriesRead`] door, handed in as [`Deps`].
//! Out: answers of the Prometheus HTTP API, of the embedded page and its own API, and the operators' endpoints.
//! Owns: the listening socket, its connections, the bounded workers that evaluate queries, the stream of events.
//! Invariants: what a client asks for never runs on the async runtime and never without a deadline
//! (`workers::tests`); a client that leaves cancels its query (`tests/http/limits.rs`); nothing under `/api` is ever
//! answered with the page (`tests/http/page.rs`); a foreign page can neither read nor change anything (`tests/http/guard.rs`).
//! Not here: decisions about what is true. Rooms decide, this one translates; PromQL lives in `promql`, the
//! configuration file in the binary.
//! Start at: [`serve`].

mod answer_cache;
mod app;
mod config;
mod deps;
mod error;
mod guard;
mod json;
mod limits;
mod loki;
mod operators;
mod page;
mod params;
mod pieces;
mod prometheus;
mod push;
mod router;
mod server;
mod sql;
mod telemetry;
mod tenancy;
mod text_exposition;
mod transfer;
mod ui_api;
mod workers;

pub use config::{Config, OtlpListen, QueryStarts, QueryWindows};
pub use deps::{
    About, ConfigView, Control, Deps, LogStores, ReplayProgress, Sql, SqlAnswer, SqlFailure, SqlForm,
    SqlQuestion, StoreView,
};
pub use error::Error;
pub use prometheus::answer_json;
pub use server::{Listener, bind, serve};
pub use telemetry::Telemetry;
pub use transfer::{ImportAnswer, OpenMetricsWriter, each_series};
