//! One test: its series come in as time passes, its rules are evaluated at every interval.

use std::sync::Arc;

use model::{AlertPhase, HistogramSample, Labels, MemorySeries, Series, SeriesBatch, SeriesWrite, TenantId};
use promql::series_notation::{self, WrittenValue};
use stdx::HumanDuration;

use super::Options;
use super::expect::{check_alerts, check_expr};
use super::file::{AlertTest, UnitFile, UnitTest};
use crate::rules::evaluate::{Environment, GroupState, evaluate_group};
use crate::rules::{Action, RuleGroup};

/// A series that is still to come in.
#[derive(Debug)]
struct Pending {
    series: Series,
    values: std::iter::Peekable<std::iter::Enumerate<std::vec::IntoIter<Option<WrittenValue>>>>,
}

/// A test while it is played.
#[derive(Debug)]
struct Playing<'a> {
    store: Arc<MemorySeries>,
    pending: Vec<Pending>,
    /// How far apart the values of a series are, in milliseconds.
    input_ms: i64,
    /// How often rules are evaluated, in milliseconds.
    every_ms: i64,
    test: &'a UnitTest,
    groups: &'a [RuleGroup],
    states: Vec<GroupState>,
    external_labels: Labels,
}

/// Plays a test; gives back what was not as expected.
pub(super) fn play(file: &UnitFile, test: &UnitTest, groups: &[RuleGroup], options: &Options) -> Vec<String> {
    if let Some(case) = test.alert_rule_test.iter().find(|case| case.alertname.is_empty()) {
        return vec![unnamed_alert(test, case)];
    }
    let pending = match pending(test) {
        Ok(pending) => pending,
        Err(faults) => return faults,
    };
    let mut playing = Playing {
        store: MemorySeries::new(),
        pending,
        input_ms: test.interval_ms(file),
        every_ms: file.evaluation_interval_ms(),
        test,
        groups,
        states: groups.iter().map(|_| GroupState::default()).collect(),
        external_labels: Labels::from_pairs(test.external_labels.clone()),
    };
    let mut failures = Vec::new();
    let last_ms = test.last_ms();
    let mut elapsed_ms = 0_i64;
    loop {
        if let Err(faults) = playing.evaluate(elapsed_ms) {
            failures.extend(faults);
            return failures;
        }
        let next_ms = elapsed_ms.saturating_add(playing.every_ms);
        // What is asked between two evaluations is answered by the one before.
        let mut due: Vec<&AlertTest> = test
            .alert_rule_test
            .iter()
            .filter(|case| (elapsed_ms..next_ms).contains(&case.eval_time.as_millis_i64()))
            .collect();
        due.sort_by_key(|case| case.eval_time);
        for case in due {
            let found = playing.firing(&case.alertname);
            failures.extend(check_alerts(test, case, found, options.diff).err());
        }
        if next_ms > last_ms {
            break;
        }
        elapsed_ms = next_ms;
    }
    for case in &test.promql_expr_test {
        let at_ms = test.start_ms.saturating_add(case.eval_time.as_millis_i64());
        let query = promql::Options {
            subquery_step_ms: playing.every_ms,
            ..promql::Options::default()
        };
        let answer = ask(&case.expr, &playing.store, at_ms, &query);
        failures.extend(check_expr(case, answer, file.fuzzy_compare, options.diff).err());
    }
    failures
}

fn unnamed_alert(test: &UnitTest, case: &AlertTest) -> String {
    let name = test.name.as_ref();
    let within = name
        .map(|name| format!(" (in TestGroup {name})"))
        .unwrap_or_default();
    format!(
        "    an item under alert_rule_test misses required attribute alertname at eval_time {}{within}",
        case.eval_time
    )
}

/// The series of a test; all that do not read are named.
fn pending(test: &UnitTest) -> Result<Vec<Pending>, Vec<String>> {
    let mut pending = Vec::new();
    let mut faults = Vec::new();
    for input in &test.input_series {
        let labels = series_notation::parse_metric(&input.series);
        let values = series_notation::parse_values(&input.values);
        match labels.and_then(|labels| Ok((labels, values?))) {
            Ok((labels, values)) => {
                // Of a series that stands twice, the last one holds, as in promtool.
                pending.retain(|known: &Pending| *known.series.labels() != labels);
                pending.push(Pending {
                    series: Series::new(labels),
                    values: values.into_iter().enumerate().peekable(),
                });
            }
            Err(fault) => faults.push(format!("    series: {}, err: {fault}", input.series)),
        }
    }
    if faults.is_empty() {
        Ok(pending)
    } else {
        Err(faults)
    }
}

fn ask(
    expr: &str,
    store: &MemorySeries,
    at_ms: i64,
    options: &promql::Options,
) -> Result<promql::Value, String> {
    let expr = promql::parse(expr).map_err(|error| error.to_string())?;
    promql::instant(&expr, store, at_ms, options)
        .map(|answer| answer.value)
        .map_err(|error| error.to_string())
}

impl Playing<'_> {
    /// Brings time to `elapsed_ms` from the start, and evaluates every group there. An interval of its own makes no difference to
    /// a group here, as in promtool.
    fn evaluate(&mut self, elapsed_ms: i64) -> Result<(), Vec<String>> {
        self.take_in(elapsed_ms).map_err(|fault| vec![fault])?;
        let at_ms = self.test.start_ms.saturating_add(elapsed_ms);
        let mut faults = Vec::new();
        for (group, state) in self.groups.iter().zip(&mut self.states) {
            let env = Environment {
                reader: &*self.store,
                writer: &*self.store,
                external_labels: &self.external_labels,
                external_url: &self.test.external_url,
                started_ms: self.test.start_ms,
                interval_ms: self.every_ms,
                subquery_step_ms: self.every_ms,
            };
            *state = evaluate_group(group, state, &env, at_ms).state;
            for (rule, known) in group.rules.iter().zip(&state.rules) {
                if let Some(error) = &known.last_error {
                    let time = HumanDuration::from_millis(elapsed_ms.unsigned_abs());
                    faults.push(format!("    rule: {}, time: {time}, err: {error}", rule.name()));
                }
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// Puts the values up to a time into the store: what is yet to come is not seen by `offset` and `@`.
    fn take_in(&mut self, elapsed_ms: i64) -> Result<(), String> {
        let mut batch = SeriesBatch::new(TenantId::DEFAULT);
        let input_ms = self.input_ms;
        let offset_ms = |index: usize| (index as i64).saturating_mul(input_ms);
        for pending in &mut self.pending {
            while let Some((index, value)) = pending
                .values
                .next_if(|(index, _)| offset_ms(*index) <= elapsed_ms)
            {
                let at_ms = self.test.start_ms.saturating_add(offset_ms(index));
                match value {
                    Some(WrittenValue::Float(value)) => batch.push_one(pending.series.clone(), at_ms, value),
                    Some(WrittenValue::Histogram { histogram: value, .. }) => {
                        batch.push_histograms(
                            pending.series.clone(),
                            vec![HistogramSample::new(at_ms, value)],
                        );
                    }
                    None => {}
                }
            }
        }
        let accepted = self.store.append(&batch, 0).map_err(|error| error.to_string())?;
        if accepted.refused_count() > 0 {
            return Err("    input_series: not all values could be stored".to_owned());
        }
        Ok(())
    }

    /// Labels and annotations of the alerts of that name that fire now.
    fn firing(&self, name: &str) -> Vec<(Labels, Labels)> {
        let mut found = Vec::new();
        for (group, state) in self.groups.iter().zip(&self.states) {
            for (rule, known) in group.rules.iter().zip(&state.rules) {
                if matches!(rule.action, Action::Alert(_)) && rule.name() == name {
                    let alerts = known.alerts.values();
                    let firing = alerts.filter(|alert| alert.life.phase == AlertPhase::Firing);
                    found.extend(firing.map(|alert| (alert.labels.clone(), alert.annotations.clone())));
                }
            }
        }
        found
    }
}
