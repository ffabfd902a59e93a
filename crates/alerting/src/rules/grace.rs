//! How long after a start an absent result says nothing about a restored alert: until the alert's own series are back.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::{
    AlertPhase, Labels, ReadError, STALE_NAN, SampleColumns, SelectedSeries, Selector, TenantId, TimeRange,
};

use crate::limits;
use crate::rules::evaluate::Environment;
use crate::rules::judge::{Alert, Candidate};
use crate::rules::{AlertRule, Rule};

/// Whether all series of one projection have samples since the start, by projection onto an alert's label names.
type Projections = HashMap<Labels, bool>;

/// What a selector of the rule finds.
struct Found {
    series: Vec<(Labels, bool)>,
    /// By the names that were projected onto.
    projected: HashMap<Vec<String>, Projections>,
}

/// Until when each restored alert that has no candidate is kept, milliseconds since the Unix epoch: a minimum after the
/// start, and longer while a series that the alert may come from has no sample since, but never beyond the time in which
/// such samples would be seen.
pub(super) fn until_ms(
    rule: &Rule,
    alert_rule: &AlertRule,
    known: &BTreeMap<u64, Alert>,
    candidates: &[Candidate],
    env: &Environment<'_>,
    at_ms: i64,
) -> BTreeMap<u64, i64> {
    let held: BTreeSet<u64> = candidates
        .iter()
        .map(|candidate| model::fingerprint(&candidate.labels))
        .collect();
    let asked = known.iter().filter(|(id, alert)| {
        alert.life.restored && alert.life.phase != AlertPhase::Resolved && !held.contains(*id)
    });
    let asked: Vec<(u64, &Alert)> = asked.map(|(id, alert)| (*id, alert)).collect();
    let least = env
        .interval_ms
        .saturating_mul(2)
        .max(limits::RESTORE_GRACE_MS_MIN);
    let least_ms = env.started_ms.saturating_add(least);
    let last_ms = least_ms.saturating_add(promql::limits::LOOKBACK_MS);
    if asked.is_empty() || at_ms < least_ms || at_ms >= last_ms {
        return asked.into_iter().map(|(id, _)| (id, least_ms)).collect();
    }
    // A store that does not answer says nothing about any series.
    let Ok(mut found) = look(rule, env, at_ms) else {
        return asked.into_iter().map(|(id, _)| (id, last_ms)).collect();
    };
    asked
        .into_iter()
        .map(|(id, alert)| {
            let own = own_labels(alert, alert_rule);
            let is_back = found.iter_mut().all(|selector| selector.is_back(&own));
            (id, if is_back { least_ms } else { last_ms })
        })
        .collect()
}

/// The labels that an alert has from its series; those that the rule sets say nothing of where it comes from.
fn own_labels(alert: &Alert, rule: &AlertRule) -> Labels {
    let set_by_rule = |name: &str| rule.label_templates.iter().any(|(set, _)| set == name);
    alert
        .labels
        .retain(|name| name != "alertname" && !set_by_rule(name))
}

/// The series that each selector of the rule finds, before the start or since.
fn look(rule: &Rule, env: &Environment<'_>, at_ms: i64) -> Result<Vec<Found>, ReadError> {
    let from_ms = env.started_ms.saturating_sub(limits::RESTORE_PAST_MS);
    let (Ok(before), Ok(since)) = (
        TimeRange::new(from_ms, env.started_ms.saturating_sub(1)),
        TimeRange::new(env.started_ms, at_ms),
    ) else {
        return Ok(Vec::new());
    };
    let mut all = Vec::new();
    for asked in rule.expr.selectors() {
        let selector = Selector {
            tenant: TenantId::DEFAULT,
            matchers: asked.matchers.to_vec(),
            range: TimeRange::new(from_ms, at_ms).unwrap_or(since),
        };
        // A range has a value from its second sample on.
        let needed = if asked.is_range { 2 } else { 1 };
        let mut series = Vec::new();
        for found in env.reader.select(&selector)? {
            let (count, ends) = samples_of(&*found, since)?;
            // What had ended before the start, and what has no samples at all, is not awaited.
            if count > 0 || !is_over(samples_of(&*found, before)?) {
                let labels = found.labels().without_metric_name();
                series.push((labels, ends || count >= needed));
            }
        }
        all.push(Found {
            series,
            projected: HashMap::new(),
        });
    }
    Ok(all)
}

/// How many samples there are, and whether the last one ends the series.
fn samples_of(series: &dyn SelectedSeries, range: TimeRange) -> Result<(usize, bool), ReadError> {
    let mut samples = SampleColumns::default();
    series.read(range, &mut samples)?;
    let last = samples.values.last();
    let ends = last.is_some_and(|value| value.to_bits() == STALE_NAN.to_bits());
    Ok((samples.len(), ends))
}

fn is_over((count, ends): (usize, bool)) -> bool {
    count == 0 || ends
}

impl Found {
    /// Whether the series that may be behind an alert with these labels are there, and all have samples since the start.
    /// A series may be behind it unless a label of the same name has another value.
    fn is_back(&mut self, own: &Labels) -> bool {
        let names: Vec<String> = own.iter().map(|(name, _)| name.to_owned()).collect();
        let series = &self.series;
        let projected = self.projected.entry(names).or_insert_with(|| {
            let mut projected = Projections::new();
            for (labels, is_back) in series {
                let shared = labels.retain(|name| own.get(name).is_some());
                *projected.entry(shared).or_insert(true) &= is_back;
            }
            projected
        });
        let whole = projected.get(own).copied();
        // Series without all of the labels: few, as each combination stands here once.
        let parts = projected
            .iter()
            .filter(|(shared, _)| shared.len() < own.len())
            .filter(|(shared, _)| shared.iter().all(|(name, value)| own.get(name) == Some(value)))
            .map(|(_, is_back)| *is_back);
        let mut states = whole.into_iter().chain(parts).peekable();
        states.peek().is_some() && states.all(|is_back| is_back)
    }
}

#[cfg(test)]
mod tests;
