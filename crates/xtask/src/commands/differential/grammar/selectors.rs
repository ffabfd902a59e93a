//! Selectors of series, with matchers, offsets and fixed times.

use super::super::data::{Kind, METRICS, Metric, SPAN_MS};
use super::{EVALUATION_SHIFT_MS, Grammar};

/// Whole seconds.
const OFFSETS: [&str; 9] = ["15s", "1m", "5m", "7m", "30m", "1h", "1h30m", "-1m", "-20s"];

impl Grammar<'_> {
    /// Any metric.
    pub(super) fn metric(&mut self) -> Metric {
        self.random.pick(METRICS)
    }

    /// A metric for which this holds; a metric in any case.
    pub(super) fn metric_that(&mut self, holds: fn(&Metric) -> bool) -> Metric {
        let fitting: Vec<Metric> = METRICS.iter().copied().filter(holds).collect();
        self.random.pick(&fitting)
    }

    /// A metric with its matchers.
    pub(super) fn matched(&mut self, metric: &Metric) -> String {
        if self.random.chance(3) {
            return format!("{{__name__=\"{}\"}}", metric.name);
        }
        let mut matchers = Vec::new();
        for (name, values) in metric.labels {
            if self.random.chance(15) {
                matchers.push(self.matcher(name, values));
            }
        }
        match self.random.below(60) {
            0 => matchers.push("job=\"none\"".to_owned()),
            1 => matchers.push("nothing=\"\"".to_owned()),
            2..5 => matchers.push(self.matcher("job", &["api", "db"])),
            _ => {}
        }
        if matchers.is_empty() {
            return metric.name.to_owned();
        }
        format!("{}{{{}}}", metric.name, matchers.join(","))
    }

    fn matcher(&mut self, name: &str, values: &[&'static str]) -> String {
        let (one, other) = (self.random.pick(values), self.random.pick(values));
        let quoted = |value: &str| value.replace('+', "\\\\+");
        match self.random.below(6) {
            0..2 => format!("{name}=\"{one}\""),
            2 => format!("{name}!=\"{one}\""),
            3 => format!("{name}=~\"{}|{}\"", quoted(one), quoted(other)),
            4 => format!("{name}!~\"{}.*\"", quoted(one)),
            _ => format!("{name}=~\".+\""),
        }
    }

    /// An offset, a fixed time, both or neither, with the blank before.
    pub(super) fn modifiers(&mut self) -> String {
        let offset = match self.random.below(100) {
            0..18 => format!(" offset {}", self.random.pick(&OFFSETS)),
            _ => String::new(),
        };
        self.with_fixed_time(offset)
    }

    /// The modifiers of a subquery; one within another is moved off the whole seconds.
    pub(super) fn modifiers_of_subquery(&mut self) -> String {
        if self.is_inside_subquery {
            let offset = self.random.pick(&[" offset 301ms", " offset 1m301ms"]);
            return self.with_fixed_time(offset.to_owned());
        }
        self.modifiers()
    }

    fn with_fixed_time(&mut self, offset: String) -> String {
        let fixed = match self.random.below(100) {
            0..3 => " @ start()".to_owned(),
            3..6 => " @ end()".to_owned(),
            6..12 => {
                let first_s = (self.end_ms - SPAN_MS) / 1000;
                let at_s = self.random.between(first_s, self.end_ms / 1000);
                format!(" @ {at_s}.{EVALUATION_SHIFT_MS}")
            }
            _ => return offset,
        };
        if self.random.chance(50) {
            offset + &fixed
        } else {
            fixed + &offset
        }
    }

    /// An instant selector of any metric.
    pub(super) fn selector(&mut self) -> String {
        let metric = self.metric();
        self.selector_of(&metric)
    }

    pub(super) fn selector_of(&mut self, metric: &Metric) -> String {
        self.matched(metric) + &self.modifiers()
    }

    /// An instant selector whose series never have equal values.
    pub(super) fn distinct_selector(&mut self) -> String {
        let metric = self.metric_that(|metric| metric.is_distinct);
        self.selector_of(&metric)
    }

    /// Several metrics at once: without their names, some of their series are the same.
    pub(super) fn selector_of_several(&mut self) -> String {
        let (one, other) = (self.metric(), self.metric());
        if one.kind == Kind::Buckets {
            return "{__name__=~\"t.*|li.*\"}".to_owned();
        }
        format!("{{__name__=~\"{}|{}\"}}", one.name, other.name)
    }
}
