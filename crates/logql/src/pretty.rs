//! Prints expressions over several lines, as Loki's formatter does.

use std::fmt::Display;

use gotemplate::go_float;
use stdx::{indentation, prints_within};

use crate::ast::{Aggregation, Expr, LabelReplace, LogExpr, LogRange, Metric, RangeAggregation, Stage};
use crate::print::{Grouped, Operator, Selector};
use crate::units::{Nanoseconds, quote};

/// Parts up to this length stay on one line.
const LINE_LENGTH_MAX: usize = 100;

impl Expr {
    /// The expression over several lines, indented by two blanks a level.
    pub fn pretty(&self) -> String {
        self.pretty_within(LINE_LENGTH_MAX)
    }

    /// As [`Self::pretty`], breaking up parts that are longer than `line_length_max` bytes.
    pub fn pretty_within(&self, line_length_max: usize) -> String {
        let printer = Printer { line_length_max };
        match self {
            Self::Log(log) => printer.log(log, 0),
            Self::Metric(metric) => printer.metric(metric, 0),
            Self::Variants(_) => self.to_string(),
        }
    }
}

struct Printer {
    line_length_max: usize,
}

impl Printer {
    fn fits(&self, part: &impl Display) -> bool {
        prints_within(part, self.line_length_max)
    }

    fn log(&self, log: &LogExpr, level: usize) -> String {
        if log.stages.is_empty() || self.fits(log) {
            return format!("{}{log}", indentation(level));
        }
        let mut lines = vec![format!("{}{}", indentation(level), Selector(&log.matchers))];
        let mut rest = log.stages.as_slice();
        while let Some((stage, behind)) = rest.split_first() {
            let is_filter = |stage: &&Stage| matches!(stage, Stage::LineFilter(_));
            let filters = rest.iter().take_while(is_filter).count();
            if filters > 1 {
                let (filters, behind) = rest.split_at(filters);
                self.line_filters(filters, level + 1, &mut lines);
                rest = behind;
                continue;
            }
            // Loki leaves this one where it is.
            let margin = if *stage == Stage::Decolorize { 0 } else { level + 1 };
            lines.push(format!("{}{stage}", indentation(margin)));
            rest = behind;
        }
        lines.join("\n")
    }

    /// Filters that follow each other share a line as long as they fit.
    fn line_filters(&self, filters: &[Stage], level: usize, lines: &mut Vec<String>) {
        let flat: Vec<String> = filters.iter().map(ToString::to_string).collect();
        let lengths = flat.iter().scan(0, |length, filter| {
            *length += filter.len() + 1;
            Some(*length - 1)
        });
        let together = lengths.take_while(|length| *length <= self.line_length_max);
        let (first, others) = flat.split_at(together.count().max(1));
        lines.push(format!("{}{}", indentation(level), first.join(" ")));
        lines.extend(
            others
                .iter()
                .map(|filter| format!("{}{filter}", indentation(level))),
        );
    }

    fn range(&self, range: &LogRange, level: usize) -> String {
        let mut text = self.log(&range.log, level);
        if let Some(unwrap) = &range.unwrap {
            let margin = format!("\n{}", indentation(level + 1));
            let flat = unwrap.to_string();
            let filters: usize = unwrap
                .filters
                .iter()
                .map(|filter| filter.to_string().len() + 3)
                .sum();
            let (head, _) = flat.split_at(flat.len() - filters);
            text.extend([margin.as_str(), head]);
            for filter in &unwrap.filters {
                text.extend([margin.as_str(), &format!("| {filter}")]);
            }
        }
        let offset = match range.offset_ns {
            0 => String::new(),
            offset_ns => format!(" offset {}", Nanoseconds(offset_ns)),
        };
        format!("{text} [{}]{offset}", Nanoseconds(range.interval_ns))
    }

    fn metric(&self, metric: &Metric, level: usize) -> String {
        if self.fits(metric) {
            return format!("{}{metric}", indentation(level));
        }
        match metric {
            Metric::Range(range) => self.range_aggregation(range, level),
            Metric::Aggregate(aggregation) => self.aggregation(aggregation, level),
            Metric::LabelReplace(replace) => self.label_replace(replace, level),
            Metric::Binary(binary) => format!(
                "{}\n{}{}\n{}",
                self.operand(&binary.left, binary.op.strength_of_left(), level + 1),
                indentation(level),
                Operator(binary, ", "),
                self.operand(&binary.right, binary.op.strength_of_right(), level + 1)
            ),
            Metric::Number(_) | Metric::Vector(_) => format!("{}{metric}", indentation(level)),
        }
    }

    /// A side of an operator, in parentheses where an operator of its own would not bind at least as strongly as `weakest`. On one line it
    /// has parentheses already.
    fn operand(&self, side: &Metric, weakest: u8, level: usize) -> String {
        match side {
            Metric::Binary(inner) if inner.op.strength() < weakest && !self.fits(side) => {
                let margin = indentation(level);
                format!("{margin}(\n{}\n{margin})", self.metric(side, level + 1))
            }
            _ => self.metric(side, level),
        }
    }

    fn range_aggregation(&self, aggregation: &RangeAggregation, level: usize) -> String {
        let inner = self.range(&aggregation.range, level + 1);
        let parameter = aggregation.parameter.map(go_float);
        let arguments = call_arguments(parameter, vec![inner], level);
        let grouping = aggregation.grouping.as_ref();
        let grouping = grouping.map(|grouping| format!(" {}", Grouped(grouping, ", ")));
        format!(
            "{}{}{arguments}{}",
            indentation(level),
            aggregation.op.as_str(),
            grouping.unwrap_or_default()
        )
    }

    fn aggregation(&self, aggregation: &Aggregation, level: usize) -> String {
        let inner = self.metric(&aggregation.inner, level + 1);
        let grouping = aggregation
            .grouping
            .as_ref()
            .map(|grouping| format!(" {}", Grouped(grouping, ", ")));
        let parameter = aggregation.parameter.map(|count| count.to_string());
        format!(
            "{}{}{}{}",
            indentation(level),
            aggregation.op.as_str(),
            grouping.unwrap_or_default(),
            call_arguments(parameter, vec![inner], level)
        )
    }

    fn label_replace(&self, replace: &LabelReplace, level: usize) -> String {
        let texts = [
            &replace.target,
            &replace.replacement,
            &replace.source,
            replace.regex.as_str(),
        ];
        let quoted = texts.map(|text| format!("{}{}", indentation(level + 1), quote(text)));
        let mut arguments = vec![self.metric(&replace.inner, level + 1)];
        arguments.extend(quoted);
        format!(
            "{}label_replace{}",
            indentation(level),
            call_arguments(None, arguments, level)
        )
    }
}

/// Arguments in parentheses, each on its own line; `arguments` are indented already.
fn call_arguments(parameter: Option<String>, arguments: Vec<String>, level: usize) -> String {
    let parameter = parameter.map(|text| format!("{}{text}", indentation(level + 1)));
    let all: Vec<String> = parameter.into_iter().chain(arguments).collect();
    format!("(\n{}\n{})", all.join(",\n"), indentation(level))
}
