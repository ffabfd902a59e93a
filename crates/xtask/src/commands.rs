//! What `cargo x` can do: one file a command.
//!
//! In: the parsed command line.  Out: an exit code, and lines for people.
//! Owns: the child processes a command starts, and ends.
//! Invariants: a command whose step failed never exits with 0 (`steps` is the only door to a green end; its tests);
//! nothing is left running (`bench::server::tests`).
//! Not here: what the checks of `tidy` look for.
//! Start at: [`check::run`].

pub mod bench;
pub mod check;
pub mod conformance;
pub mod differential;
pub mod fuzz;
pub mod rooms;
pub mod steps;
pub mod test;
pub mod tidy;
pub mod ui;
