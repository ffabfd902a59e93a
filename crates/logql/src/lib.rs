//! Parses and evaluates LogQL over any store of log lines.
//!
//! In: expressions as text, and a `model::LogRead`.  Out: answers, to the web's query API, rules and the UI.
//! Owns: nothing that outlives a query.
//! Invariants: a range query gives at every step what an instant query gives there (`tests/range_equals_instants.rs`); no text
//! makes the parser panic (`parser::tests::no_text_panics`), no line a stage (`pipeline::tests::no_line_panics`); no query
//! outlives its deadline or its limits (`tests/limits.rs`).
//! Not here: storage, which prunes by what a door tells it; the encoding of answers (`web`), rules (`alerting`).
//! Start at: [`parse`], [`instant`], [`range`] and [`lines`].

pub mod answer;
pub mod ast;
pub mod error;
mod eval;
mod go_regex;
mod label_set;
pub mod limits;
pub mod line_pattern;
mod meant;
pub mod options;
pub mod parser;
mod pipeline;
mod pretty;
mod print;
mod units;

pub use answer::{Answer, LogLine, LogStream, MatrixSeries, Statistics, Value, VectorSample};
pub use ast::Expr;
pub use error::{EvalError, ParseError};
pub use eval::{instant, lines, range};
pub use label_set::LabelSet;
pub use line_pattern::LinePattern;
pub use meant::line_filter;
pub use options::Options;
pub use parser::{parse, parse_browsing, parse_selector};
