//! The server as its clients meet it: one real server for each test, asked over a socket.

mod alerts;
mod guard;
mod limits;
mod page;
mod routes;
mod stream;
mod support;
mod targets;
mod ui_series;
