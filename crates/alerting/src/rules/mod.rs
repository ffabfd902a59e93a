//! Rules: what they are, how their files are read, and how one evaluation of a group is judged.
//!
//! In: rule files in Prometheus' form; series through `SeriesRead`.  Out: [`RuleGroup`]s and the judgements on them.
//! Owns: nothing; state goes in and comes out.
//! Invariants: judging is pure (`judge::tests`); every fault of a file is named in one pass, a thousand at most
//! (`parse::tests`).
//! Not here: when a group is evaluated (`engine`), who is told (`notify`).
//! Start at: [`load_rule_files`].

pub mod evaluate;
mod grace;
pub mod judge;
mod load;
mod parse;
pub mod unit_test;

use model::Labels;
use promql::Expr;

use crate::template::Template;

pub use load::{load_rule_files, read_rule_file};
pub use parse::{NameScheme, parse_rule_file};

/// A file of rules, read and checked.
#[derive(Debug, Clone)]
pub struct RuleFile {
    /// The file's path as it is shown.
    pub path: String,
    /// Its groups, in order.
    pub groups: Vec<RuleGroup>,
}

/// Rules that are evaluated together, in order, at one moment.
#[derive(Debug, Clone)]
pub struct RuleGroup {
    /// The file it comes from.
    pub file: String,
    /// The group's name, unique in its file.
    pub name: String,
    /// How often it is evaluated, in milliseconds; `None` leaves that to the configuration.
    pub interval_ms: Option<i64>,
    /// The most alerts or series one rule may produce; 0 is no limit.
    pub limit: usize,
    /// How far back it looks, so that late samples can arrive, in milliseconds.
    pub query_offset_ms: Option<i64>,
    /// The rules.
    pub rules: Vec<Rule>,
    /// Changes whenever the group's text does; equal digests mean that nothing has to be done.
    pub digest: u128,
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Names the rule across restarts and reloads: file, group, name, and its place among rules of that name.
    pub key: String,
    /// What it makes.
    pub action: Action,
    /// The expression as written.
    pub text: String,
    /// The expression.
    pub expr: Expr,
    /// Labels to add: the group's and the rule's own.
    pub labels: Labels,
    /// Line of the rule in its file, from 1.
    pub line: usize,
}

/// What a rule makes.
#[derive(Debug, Clone)]
pub enum Action {
    /// A series of this name.
    Record {
        /// The metric's name.
        metric: String,
    },
    /// Alerts.
    Alert(Box<AlertRule>),
}

/// The part of a rule that only alerts have.
#[derive(Debug, Clone)]
pub struct AlertRule {
    /// The alert's name.
    pub name: String,
    /// How long the condition must hold, in milliseconds.
    pub for_ms: i64,
    /// How long it fires on after the condition is over, in milliseconds.
    pub keep_firing_for_ms: i64,
    /// Annotations as written.
    pub annotations: Labels,
    /// Templates of the labels, by name.
    pub label_templates: Vec<(String, Template)>,
    /// Templates of the annotations, by name.
    pub annotation_templates: Vec<(String, Template)>,
}

impl RuleFile {
    /// How many rules the file has.
    pub fn rule_count(&self) -> usize {
        self.groups.iter().map(|group| group.rules.len()).sum()
    }
}

impl Rule {
    /// The alert's or the recorded metric's name.
    pub fn name(&self) -> &str {
        match &self.action {
            Action::Record { metric } => metric,
            Action::Alert(alert) => &alert.name,
        }
    }
}

/// A fault in a rule file: where, what, and the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {key}: {message}; {mend}")]
pub struct RuleError {
    /// The file.
    pub file: String,
    /// The line, from 1; 0 where the fault is the file itself.
    pub line: usize,
    /// The path of the key, for example `groups[0].rules[2].expr`.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub mend: String,
}
