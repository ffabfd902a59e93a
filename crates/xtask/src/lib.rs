//! The developer's one tool: what `cargo x` does, and the checks that hold the rules of this house.
//!
//! In: the repository's files, cargo, git, npm.  Out: findings and figures for people, exit codes for CI.
//! Owns: `crates/xtask/tidy-ratchet.toml`; nothing else of the repository is written.
//! Invariants: every check refuses a made-up tree that breaks its rule (the tests beside each check); the real tree
//! has no finding (`tests/tidy.rs`); the ratchet only shrinks (`tidy::ratchet::tests`).
//! Not here: product code. This crate depends on no room and no room depends on it.
//! Start at: [`tidy::all`].

pub mod commands;
pub mod shell;
pub mod source;
pub mod tidy;
pub mod totals;
pub mod tree;
