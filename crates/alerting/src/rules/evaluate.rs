//! One evaluation of a rule group: asks, judges, writes; the same for the live engine, for tests and for replays.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::labels::METRIC_NAME;
use model::{
    AlertEvent, Histogram, HistogramSample, Labels, ResetHint, STALE_NAN, Series, SeriesBatch, SeriesRead,
    SeriesWrite, TenantId,
};
use promql::{Point, Value};

use crate::lifecycle::{self, Timing};
use crate::limits;
use crate::rules::judge::{Alert, Candidate, alert_series, judge};
use crate::rules::{Action, AlertRule, Rule, RuleGroup, grace};
use crate::template::{Context, Query, Template};
use crate::view::Health;

/// What an evaluation works with.
#[derive(Debug, Clone, Copy)]
pub struct Environment<'a> {
    /// Where answers come from.
    pub reader: &'a dyn SeriesRead,
    /// Where series go.
    pub writer: &'a dyn SeriesWrite,
    /// `$externalLabels` of templates.
    pub external_labels: &'a Labels,
    /// `$externalURL` of templates.
    pub external_url: &'a str,
    /// When this process began to judge, milliseconds since the Unix epoch.
    pub started_ms: i64,
    /// How often the group is evaluated, in milliseconds.
    pub interval_ms: i64,
    /// The step of a subquery that names none, in milliseconds.
    pub subquery_step_ms: i64,
}

/// What is remembered of a group from one evaluation to the next.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GroupState {
    /// One for each rule, in order.
    pub rules: Vec<RuleState>,
    /// When it was last evaluated.
    pub last_evaluation_ms: Option<i64>,
    /// How long that took, in seconds.
    pub evaluation_seconds: f64,
}

/// What is remembered of a rule.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RuleState {
    /// Its alerts that are not inactive, by fingerprint.
    pub alerts: BTreeMap<u64, Alert>,
    /// The series it wrote last; those that it writes no more are ended.
    pub written: BTreeSet<Labels>,
    /// How its last evaluation went.
    pub health: Health,
    /// Why it failed.
    pub last_error: Option<String>,
    /// How long it took, in seconds.
    pub evaluation_seconds: f64,
}

/// What an evaluation leads to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// The group from now on.
    pub state: GroupState,
    /// The steps of its alerts, with the index of their rule.
    pub events: Vec<(usize, AlertEvent)>,
    /// Rules that failed.
    pub failures: u64,
    /// Templates that could not be expanded.
    pub template_failures: u64,
    /// Samples that the store refused.
    pub samples_refused: u64,
}

/// Evaluates the rules of a group in order at the moment `at_ms`; later rules see what earlier ones wrote.
pub fn evaluate_group(group: &RuleGroup, state: &GroupState, env: &Environment<'_>, at_ms: i64) -> Outcome {
    let began = Instant::now();
    let mut outcome = Outcome::default();
    let group_name: Arc<str> = group.name.as_str().into();
    for (index, rule) in group.rules.iter().enumerate() {
        let rule_began = Instant::now();
        let known = state.rules.get(index).cloned().unwrap_or_default();
        let mut next = match evaluate_rule(group, &group_name, rule, &known, env, at_ms, &mut outcome) {
            Ok((mut next, events)) => {
                outcome
                    .events
                    .extend(events.into_iter().map(|event| (index, event)));
                next.health = Health::Ok;
                if next.last_error.is_some() {
                    outcome.failures += 1;
                    next.health = Health::Err;
                }
                next
            }
            Err(error) => {
                outcome.failures += 1;
                RuleState {
                    health: Health::Err,
                    last_error: Some(error),
                    ..known
                }
            }
        };
        next.evaluation_seconds = rule_began.elapsed().as_secs_f64();
        outcome.state.rules.push(next);
    }
    outcome.state.last_evaluation_ms = Some(at_ms);
    outcome.state.evaluation_seconds = began.elapsed().as_secs_f64();
    outcome
}

/// When the group may change by the passing of time alone, milliseconds since the Unix epoch.
pub fn next_due_ms(group: &RuleGroup, state: &GroupState) -> Option<i64> {
    let rules = group.rules.iter().zip(&state.rules);
    rules
        .filter_map(|(rule, known)| match &rule.action {
            Action::Alert(alert) => Some((timing(alert, 0), known)),
            Action::Record { .. } => None,
        })
        .flat_map(|(timing, known)| {
            known
                .alerts
                .values()
                .filter_map(move |alert| lifecycle::next_due_ms(&alert.life, &timing))
        })
        .min()
}

fn timing(alert: &AlertRule, grace_until_ms: i64) -> Timing {
    Timing {
        for_ms: alert.for_ms,
        keep_firing_for_ms: alert.keep_firing_for_ms,
        grace_until_ms,
        resolved_retention_ms: limits::RESOLVED_RETENTION_MS,
    }
}

fn evaluate_rule(
    group: &RuleGroup,
    group_name: &Arc<str>,
    rule: &Rule,
    known: &RuleState,
    env: &Environment<'_>,
    at_ms: i64,
    outcome: &mut Outcome,
) -> Result<(RuleState, Vec<AlertEvent>), String> {
    let query_ms = at_ms.saturating_sub(group.query_offset_ms.unwrap_or_default());
    let samples = ask(&rule.expr, env, query_ms)?;
    let (alerts, events, series) = match &rule.action {
        Action::Record { metric } => (BTreeMap::new(), Vec::new(), record(metric, rule, samples)?),
        Action::Alert(alert) => {
            let candidates = candidates(alert, samples, env, query_ms, outcome)?;
            let graces = grace::until_ms(rule, alert, &known.alerts, &candidates, env, at_ms);
            let timing = |id| timing(alert, graces.get(&id).copied().unwrap_or_default());
            let name: Arc<str> = alert.name.as_str().into();
            let judged = judge(group_name, &name, &known.alerts, candidates, timing, at_ms);
            let series = alert_series(&judged.alerts);
            let series = series.into_iter();
            let series = series
                .map(|(labels, value)| (labels, Point::Float(value)))
                .collect();
            (judged.alerts, judged.events, series)
        }
    };
    let count = if alerts.is_empty() {
        series.len()
    } else {
        series.len() / 2
    };
    let most = if group.limit == 0 {
        limits::RULE_OUTPUT_MAX
    } else {
        group.limit
    };
    if count > most {
        let what = if alerts.is_empty() { "series" } else { "alerts" };
        return Err(format!("exceeded limit of {most} with {count} {what}"));
    }
    let (written, last_error) = match write(&known.written, series, env.writer, query_ms, outcome) {
        Ok(written) => (written, None),
        // A store that takes nothing must not keep alerts from being told.
        Err(error) if matches!(rule.action, Action::Alert(_)) => (known.written.clone(), Some(error)),
        Err(error) => return Err(error),
    };
    let next = RuleState {
        alerts,
        written,
        last_error,
        ..RuleState::default()
    };
    Ok((next, events))
}

fn ask(expr: &promql::Expr, env: &Environment<'_>, at_ms: i64) -> Result<Vec<(Labels, Point)>, String> {
    let options = promql::Options {
        subquery_step_ms: env.subquery_step_ms,
        deadline: Some(Instant::now() + Duration::from_millis(limits::QUERY_MS_MAX)),
        ..promql::Options::default()
    };
    let answer = promql::instant(expr, env.reader, at_ms, &options).map_err(|error| describe(&error))?;
    match answer.value {
        Value::Vector(samples) => Ok(samples
            .into_iter()
            .map(|sample| (sample.labels, sample.value))
            .collect()),
        Value::Scalar { value, .. } => Ok(vec![(Labels::empty(), Point::Float(value))]),
        Value::String { .. } | Value::Matrix(_) => Err("rule result is not a vector or scalar".to_owned()),
    }
}

fn describe(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn record(metric: &str, rule: &Rule, samples: Vec<(Labels, Point)>) -> Result<Vec<(Labels, Point)>, String> {
    let mut seen = BTreeSet::new();
    let mut series = Vec::with_capacity(samples.len());
    for (labels, value) in samples {
        let mut builder = labels.to_builder();
        builder.set(METRIC_NAME, metric);
        for (name, value) in &rule.labels {
            builder.set(name, value);
        }
        let labels = builder.build();
        if !seen.insert(labels.clone()) {
            return Err(
                "vector contains metrics with the same labelset after applying rule labels".to_owned(),
            );
        }
        series.push((labels, value));
    }
    Ok(series)
}

fn candidates(
    rule: &AlertRule,
    samples: Vec<(Labels, Point)>,
    env: &Environment<'_>,
    query_ms: i64,
    outcome: &mut Outcome,
) -> Result<Vec<Candidate>, String> {
    let query = QueryAt {
        env: *env,
        at_ms: query_ms,
    };
    let mut seen = BTreeSet::new();
    let mut candidates = Vec::with_capacity(samples.len());
    for (labels, value) in samples {
        // A histogram has no value of its own; templates see 0, as in Prometheus.
        let value = value.as_float().unwrap_or(0.0);
        let context = Context {
            labels: &labels,
            value,
            external_labels: env.external_labels,
            external_url: env.external_url,
            query: &query,
            now_ms: query_ms,
        };
        let mut expand = |template: &Template| match template.expand(&context) {
            Ok(text) => text,
            Err(error) => {
                outcome.template_failures += 1;
                format!("<error expanding template: {error}>")
            }
        };
        let mut builder = labels.without_metric_name().to_builder();
        for (name, template) in &rule.label_templates {
            builder.set(name.as_str(), expand(template));
        }
        builder.set("alertname", rule.name.as_str());
        let annotations = Labels::from_pairs(
            rule.annotation_templates
                .iter()
                .map(|(name, template)| (name.clone(), expand(template))),
        );
        let labels = builder.build();
        if !seen.insert(labels.clone()) {
            return Err(
                "vector contains metrics with the same labelset after applying alert labels".to_owned(),
            );
        }
        candidates.push(Candidate {
            labels,
            annotations,
            value,
        });
    }
    Ok(candidates)
}

/// A histogram as it can be recorded: that there was no reset since the sample before says nothing about the one recorded
/// before.
fn recordable(mut histogram: Arc<Histogram>) -> Arc<Histogram> {
    if histogram.reset_hint == ResetHint::No {
        Arc::make_mut(&mut histogram).reset_hint = ResetHint::Unknown;
    }
    histogram
}

fn write(
    before: &BTreeSet<Labels>,
    series: Vec<(Labels, Point)>,
    writer: &dyn SeriesWrite,
    at_ms: i64,
    outcome: &mut Outcome,
) -> Result<BTreeSet<Labels>, String> {
    let mut batch = SeriesBatch::new(TenantId::DEFAULT);
    let mut written = BTreeSet::new();
    for (labels, value) in series {
        let series = Series::new(labels.clone());
        match value {
            Point::Float(value) => batch.push_one(series, at_ms, value),
            Point::Histogram(value) => {
                // What was turned round or divided by zero is no histogram that a store takes.
                if value.validate().is_err() {
                    outcome.samples_refused += 1;
                    continue;
                }
                let value = recordable(value);
                batch.push_histograms(series, vec![HistogramSample::new(at_ms, value)]);
            }
        }
        written.insert(labels);
    }
    for ended in before.difference(&written) {
        batch.push_one(Series::new(ended.clone()), at_ms, STALE_NAN);
    }
    if !batch.is_empty() {
        let accepted = writer
            .append(&batch, at_ms)
            .map_err(|error| format!("cannot write the result: {error}"))?;
        outcome.samples_refused += accepted.refused_count();
    }
    Ok(written)
}

/// Answers the queries of templates at the moment of the evaluation.
#[derive(Debug)]
struct QueryAt<'a> {
    env: Environment<'a>,
    at_ms: i64,
}

impl Query for QueryAt<'_> {
    fn query(&self, text: &str) -> Result<Vec<(Labels, f64)>, String> {
        let expr = promql::parse(text).map_err(|error| error.to_string())?;
        let samples = ask(&expr, &self.env, self.at_ms)?;
        let value = |(labels, value): (Labels, Point)| (labels, value.as_float().unwrap_or(0.0));
        Ok(samples.into_iter().map(value).collect())
    }
}
