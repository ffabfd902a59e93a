//! The server as its clients meet it: one real server for each test, asked over a socket.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test ends where its ground gives way, and says what it saw"
)]

mod alerts;
mod elastic;
mod explain;
mod federate;
mod grafana;
mod guard;
mod influx;
mod limits;
mod loki_grafana;
mod loki_push;
mod loki_tail;
mod otlp;
mod page;
mod remote_read;
mod routes;
mod stream;
mod support;
mod targets;
mod ui_logs;
mod ui_logs_tail;
mod ui_series;
