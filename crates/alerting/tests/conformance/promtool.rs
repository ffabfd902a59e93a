//! Runs rule unit tests in promtool's form by driving the same evaluation as the live engine.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use alerting::rules::evaluate::{Environment, GroupState, evaluate_group};
use alerting::rules::{NameScheme, RuleGroup, parse_rule_file};
use model::{AlertPhase, HistogramSample, Labels, Series, SeriesBatch, SeriesWrite, TenantId};
use promql::{Point, Value};
use serde::Deserialize;
use stdx::HumanDuration;
use testkit::MemorySeries;

use crate::series;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UnitFile {
    #[serde(default)]
    rule_files: Vec<String>,
    evaluation_interval: Option<HumanDuration>,
    #[serde(default = "yes")]
    fuzzy_compare: bool,
    #[serde(default)]
    group_eval_order: Vec<String>,
    tests: Vec<UnitTest>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UnitTest {
    name: Option<String>,
    interval: Option<HumanDuration>,
    #[serde(default)]
    input_series: Vec<InputSeries>,
    #[serde(default)]
    alert_rule_test: Vec<AlertTest>,
    #[serde(default)]
    promql_expr_test: Vec<ExprTest>,
    #[serde(default)]
    external_labels: BTreeMap<String, String>,
    #[serde(default)]
    external_url: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InputSeries {
    series: String,
    values: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AlertTest {
    eval_time: HumanDuration,
    alertname: String,
    #[serde(default)]
    exp_alerts: Vec<ExpectedAlert>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedAlert {
    #[serde(default)]
    exp_labels: BTreeMap<String, String>,
    #[serde(default)]
    exp_annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExprTest {
    expr: String,
    #[serde(default)]
    eval_time: HumanDuration,
    #[serde(default)]
    exp_samples: Vec<ExpectedSample>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedSample {
    #[serde(default)]
    labels: String,
    #[serde(default)]
    value: f64,
    histogram: Option<String>,
}

/// Runs the tests of a file, all or the one called `only`.
pub(crate) fn run(path: &Path, only: Option<&str>) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let file: UnitFile = serde_saphyr::from_str(&text).map_err(|error| error.to_string())?;
    let groups = load_groups(&file, path)?;
    let mut faults = Vec::new();
    for (index, test) in file.tests.iter().enumerate() {
        if only.is_some_and(|only| test.name.as_deref() != Some(only)) {
            continue;
        }
        let name = test.name.clone().unwrap_or_else(|| format!("test {index}"));
        if let Err(found) = run_test(test, &file, &groups) {
            faults.push(format!("{name}: {found}"));
        }
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults.join(" | "))
    }
}

fn load_groups(file: &UnitFile, path: &Path) -> Result<Vec<RuleGroup>, String> {
    let mut groups = Vec::new();
    for pattern in &file.rule_files {
        let rules = path.parent().unwrap_or(Path::new(".")).join(pattern);
        let text =
            std::fs::read_to_string(&rules).map_err(|error| format!("{}: {error}", rules.display()))?;
        let parsed =
            parse_rule_file(pattern, &text, NameScheme::Utf8).map_err(|errors| format!("{errors:?}"))?;
        groups.extend(parsed.groups);
    }
    let place = |group: &RuleGroup| file.group_eval_order.iter().position(|name| *name == group.name);
    groups.sort_by_key(|group| place(group).unwrap_or_default());
    Ok(groups)
}

struct Playing<'a> {
    store: Arc<MemorySeries>,
    states: Vec<GroupState>,
    groups: &'a [RuleGroup],
    external: Labels,
    url: &'a str,
    faults: Vec<String>,
}

fn run_test(test: &UnitTest, file: &UnitFile, groups: &[RuleGroup]) -> Result<(), String> {
    let every_ms = file
        .evaluation_interval
        .map_or(60_000, HumanDuration::as_millis_i64);
    let input_ms = test.interval.map_or(every_ms, HumanDuration::as_millis_i64);
    let mut playing = Playing {
        store: MemorySeries::new(),
        states: groups.iter().map(|_| GroupState::default()).collect(),
        groups,
        external: Labels::from_pairs(test.external_labels.clone()),
        url: &test.external_url,
        faults: Vec::new(),
    };
    playing.load(test, input_ms)?;
    let alert_times = test
        .alert_rule_test
        .iter()
        .map(|case| case.eval_time.as_millis_i64());
    let expr_times = test
        .promql_expr_test
        .iter()
        .map(|case| case.eval_time.as_millis_i64());
    let last_ms = alert_times.chain(expr_times).max().unwrap_or_default();
    let mut at_ms = 0;
    while at_ms <= last_ms {
        playing.evaluate(at_ms, every_ms);
        let next_ms = at_ms + every_ms;
        for case in &test.alert_rule_test {
            // A test between two evaluations sees the one before it.
            if (at_ms..next_ms).contains(&case.eval_time.as_millis_i64()) {
                playing.check_alerts(case);
            }
        }
        at_ms = next_ms;
    }
    for case in &test.promql_expr_test {
        if let Err(fault) = playing.check_expr(case, file.fuzzy_compare) {
            playing.faults.push(fault);
        }
    }
    if playing.faults.is_empty() {
        Ok(())
    } else {
        Err(playing.faults.join("; "))
    }
}

impl Playing<'_> {
    fn load(&self, test: &UnitTest, input_ms: i64) -> Result<(), String> {
        let mut faults = Vec::new();
        for input in &test.input_series {
            let labels = series::labels(&input.series)?;
            let values = match series::values(&input.values) {
                Ok(values) => values,
                Err(fault) => {
                    faults.push(format!("{}: {fault}", input.series));
                    continue;
                }
            };
            let series = Series::new(labels);
            let mut batch = SeriesBatch::new(TenantId::DEFAULT);
            for (index, value) in (0..).zip(values) {
                let at_ms: i64 = index * input_ms;
                match value {
                    Some(Point::Float(value)) => batch.push_one(series.clone(), at_ms, value),
                    Some(Point::Histogram(value)) => {
                        batch.push_histograms(series.clone(), vec![HistogramSample::new(at_ms, value)]);
                    }
                    None => {}
                }
            }
            self.store.append(&batch, 0).map_err(|error| error.to_string())?;
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults.join("; "))
        }
    }

    fn evaluate(&mut self, at_ms: i64, every_ms: i64) {
        for (group, state) in self.groups.iter().zip(&mut self.states) {
            let interval_ms = group.interval_ms.unwrap_or(every_ms);
            if at_ms % interval_ms != 0 {
                continue;
            }
            let env = Environment {
                reader: &*self.store,
                writer: &*self.store,
                external_labels: &self.external,
                external_url: self.url,
                started_ms: 0,
                interval_ms,
            };
            let outcome = evaluate_group(group, state, &env, at_ms);
            *state = outcome.state;
            for rule in &state.rules {
                self.faults.extend(rule.last_error.clone());
            }
        }
    }

    fn check_alerts(&mut self, case: &AlertTest) {
        let mut found: Vec<(Labels, Labels)> = Vec::new();
        for (group, state) in self.groups.iter().zip(&self.states) {
            for (rule, known) in group.rules.iter().zip(&state.rules) {
                if rule.name() != case.alertname {
                    continue;
                }
                let firing = known
                    .alerts
                    .values()
                    .filter(|alert| alert.life.phase == AlertPhase::Firing);
                found.extend(firing.map(|alert| (alert.labels.clone(), alert.annotations.clone())));
            }
        }
        let mut wanted: Vec<(Labels, Labels)> = case
            .exp_alerts
            .iter()
            .map(|alert| {
                let mut labels = Labels::from_pairs(alert.exp_labels.clone()).to_builder();
                labels.set("alertname", case.alertname.as_str());
                (labels.build(), Labels::from_pairs(alert.exp_annotations.clone()))
            })
            .collect();
        found.sort();
        wanted.sort();
        if found != wanted {
            let time = case.eval_time;
            self.faults.push(format!(
                "{} at {time}: {found:?} instead of {wanted:?}",
                case.alertname
            ));
        }
    }

    fn check_expr(&self, case: &ExprTest, fuzzy: bool) -> Result<(), String> {
        let expr = promql::parse(&case.expr).map_err(|error| format!("{}: {error}", case.expr))?;
        let at_ms = case.eval_time.as_millis_i64();
        let answer = promql::instant(&expr, &*self.store, at_ms, &promql::Options::default())
            .map_err(|error| format!("{}: {error}", case.expr))?;
        let mut found: Vec<(Labels, Point)> = match answer.value {
            Value::Vector(samples) => samples
                .into_iter()
                .map(|sample| (sample.labels, sample.value))
                .collect(),
            Value::Scalar { value, .. } => vec![(Labels::empty(), Point::Float(value))],
            other => return Err(format!("{}: {other:?}", case.expr)),
        };
        let mut wanted = Vec::new();
        for sample in &case.exp_samples {
            let value = match &sample.histogram {
                Some(written) => {
                    let mut found = series::histograms(written)?;
                    Point::Histogram(found.pop().unwrap_or_default().into())
                }
                None => Point::Float(sample.value),
            };
            wanted.push((series::labels(&sample.labels)?, value));
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        wanted.sort_by(|a, b| a.0.cmp(&b.0));
        let same = |a: &Point, b: &Point| match (a, b) {
            (Point::Float(a), Point::Float(b)) => {
                a.to_bits() == b.to_bits()
                    || a == b
                    || (fuzzy && (a - b).abs() <= 1e-9 * a.abs().max(b.abs()))
            }
            (a, b) => a == b,
        };
        let equal = found.len() == wanted.len()
            && found
                .iter()
                .zip(&wanted)
                .all(|(a, b)| a.0 == b.0 && same(&a.1, &b.1));
        if equal {
            return Ok(());
        }
        Err(format!(
            "{} at {}: {found:?} instead of {wanted:?}",
            case.expr, case.eval_time
        ))
    }
}
