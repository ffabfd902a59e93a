//! How often each template is seen, by steps of time: what `/loki/api/v1/patterns` answers with.

use rustc_hash::FxHashMap;

use crate::limits::COUNTED_STEPS_MAX;

use super::{Patterns, TemplateId};

/// Counts of lines by template and step.
#[derive(Debug)]
pub struct PatternCounts {
    step_ms: i64,
    /// Of each template its steps with counts, in order of time.
    counts: FxHashMap<TemplateId, Vec<(i64, u64)>>,
    steps: usize,
    steps_max: usize,
    dropped: u64,
}

/// One template with how often it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternSeries {
    /// What the template is known by now.
    pub id: TemplateId,
    /// Its text, with `<_>` where lines differ.
    pub pattern: String,
    /// The start of each step in which it was seen, in milliseconds since the Unix epoch, and how often, in order of time.
    pub samples: Vec<(i64, u64)>,
    /// All of them together.
    pub lines: u64,
}

impl PatternCounts {
    /// Counts by steps of so many milliseconds, one at least.
    pub fn new(step_ms: i64) -> Self {
        Self {
            step_ms: step_ms.max(1),
            counts: FxHashMap::default(),
            steps: 0,
            steps_max: COUNTED_STEPS_MAX,
            dropped: 0,
        }
    }

    /// Counts lines of a template at a time, in milliseconds since the Unix epoch.
    pub fn add(&mut self, id: TemplateId, at_ms: i64, lines: u64) {
        let step = at_ms.saturating_sub(at_ms.rem_euclid(self.step_ms));
        let is_full = self.steps >= self.steps_max;
        if is_full && !self.counts.contains_key(&id) {
            self.dropped += lines;
            return;
        }
        let counts = self.counts.entry(id).or_default();
        match counts.last_mut() {
            Some((last, count)) if *last == step => *count += lines,
            Some((last, _)) if *last > step => match counts.binary_search_by_key(&step, |(at, _)| *at) {
                Ok(found) => counts
                    .iter_mut()
                    .skip(found)
                    .take(1)
                    .for_each(|(_, count)| *count += lines),
                Err(_) if is_full => self.dropped += lines,
                Err(place) => {
                    counts.insert(place, (step, lines));
                    self.steps += 1;
                }
            },
            _ if is_full => self.dropped += lines,
            _ => {
                counts.push((step, lines));
                self.steps += 1;
            }
        }
    }

    /// Forgets steps that began before a time, in milliseconds since the Unix epoch.
    pub fn forget_before(&mut self, at_ms: i64) {
        self.counts.retain(|_, counts| {
            counts.retain(|(step, _)| *step >= at_ms);
            !counts.is_empty()
        });
        self.steps = self.counts.values().map(Vec::len).sum();
    }

    /// Lines that were not counted because there were too many steps.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// What was seen from one time until before another, by steps of `step_ms` (never finer than what was counted), the templates
    /// seen most often first. What was counted under ids that lead on is part of the template they lead to. Templates that were
    /// evicted are left out: nobody knows their text.
    pub fn series(&self, patterns: &Patterns, from_ms: i64, to_ms: i64, step_ms: i64) -> Vec<PatternSeries> {
        let step_ms = step_ms.max(self.step_ms);
        let mut found: FxHashMap<TemplateId, PatternSeries> = FxHashMap::default();
        for (id, counts) in &self.counts {
            let Some(template) = patterns.get(*id) else {
                continue;
            };
            let start = counts.partition_point(|(at, _)| *at < from_ms);
            let within = counts.iter().skip(start).take_while(|(at, _)| *at < to_ms);
            for (at, lines) in within {
                let series = found.entry(template.id).or_insert_with(|| PatternSeries {
                    id: template.id,
                    pattern: template.text.to_owned(),
                    samples: Vec::new(),
                    lines: 0,
                });
                series.lines += lines;
                series
                    .samples
                    .push((at.saturating_sub(at.rem_euclid(step_ms)), *lines));
            }
        }
        let mut all: Vec<PatternSeries> = found.into_values().collect();
        for series in &mut all {
            series.samples.sort_unstable();
            series.samples.dedup_by(|later, kept| {
                let is_same = later.0 == kept.0;
                if is_same {
                    kept.1 += later.1;
                }
                is_same
            });
        }
        all.sort_by(|a, b| b.lines.cmp(&a.lines).then_with(|| a.pattern.cmp(&b.pattern)));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_retired_ids_go_with_the_template_that_took_them_in() {
        let (mut patterns, mut counts) = (Patterns::default(), PatternCounts::new(10));
        for (at_ms, line) in [
            (25, "unknown user ann asks for entry"),
            (7, "unknown user bob asks for entry"),
            (5, "unknown user cid asks for entry"),
            (31, "unknown user dan asks for entry"),
            (12, "started in 5 ms"),
        ] {
            let id = patterns.step(line);
            counts.add(id, at_ms, 1);
        }
        let pattern = |series: &PatternSeries| (series.pattern.clone(), series.samples.clone());
        let all: Vec<_> = counts.series(&patterns, 0, 100, 1).iter().map(pattern).collect();
        assert_eq!(
            all,
            [
                (
                    "unknown user <_> asks for entry".to_owned(),
                    vec![(0, 2), (20, 1), (30, 1)]
                ),
                ("started in <_>".to_owned(), vec![(10, 1)]),
            ]
        );
        let later: Vec<_> = counts.series(&patterns, 20, 31, 20).iter().map(pattern).collect();
        assert_eq!(
            later,
            [("unknown user <_> asks for entry".to_owned(), vec![(20, 2)])]
        );
        counts.forget_before(20);
        assert_eq!(counts.steps, 2);
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let mut counts = PatternCounts::new(1);
        counts.steps_max = 2;
        for at_ms in [5, 6, 7, 6, 1] {
            counts.add(TemplateId(1), at_ms, 1);
        }
        assert_eq!((counts.steps, counts.dropped()), (2, 2));
    }
}
