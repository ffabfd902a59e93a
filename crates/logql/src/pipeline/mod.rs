//! What each line goes through: filters, parsers, formats.
//!
//! In: the stages of an expression, lines one by one.  Out: the lines that stay, their labels in [`Fields`].
//! Owns: nothing that outlives a query.
//! Invariants: filters on the line run as early as they may (`tests::line_filters_come_first`); no line makes a stage panic
//! (`tests::no_line_panics`).
//! Not here: what is made of lines, see `eval`.
//! Start at: [`Pipeline::run`].

mod captures;
mod errors;
mod fields;
mod functions;
mod functions_of_bytes;
mod functions_of_json;
mod functions_of_numbers;
mod functions_of_times;
mod hints;
mod ip;
mod json;
mod json_path;
mod json_scan;
mod keep;
mod label_filter;
mod line_filter;
mod logfmt;
mod names;
mod template;
mod unwrap;

#[cfg(test)]
mod tests;

pub(crate) use fields::{Category, Fields};
pub(crate) use hints::wanted;
pub(crate) use names::NameId;
pub(crate) use unwrap::Unwrapped;

use std::borrow::Cow;
use std::sync::LazyLock;

use model::Regexes;
use regex::Regex;

use crate::ast;
use captures::{Pattern, Regexp};
use json::{Json, JsonFields, Unpack};
use keep::Named;
use label_filter::LabelFilter;
use line_filter::LineFilter;
use logfmt::{Logfmt, LogfmtFields};
use template::{Format, LabelFormats, Seen};

/// The stages of an expression, ready to be used.
#[derive(Debug)]
pub(crate) struct Pipeline {
    stages: Vec<Stage>,
    /// What `now` gives in templates.
    now_ns: i64,
    /// What templates look for.
    regexes: Regexes,
}

#[derive(Debug)]
enum Stage {
    Line(LineFilter),
    Label(LabelFilter),
    Json(Json),
    JsonFields(JsonFields),
    Logfmt(Logfmt),
    LogfmtFields(LogfmtFields),
    Regexp(Regexp),
    Pattern(Pattern),
    Unpack(Unpack),
    LineFormat(Format),
    LabelFormat(LabelFormats),
    Drop(Named),
    Keep(Named),
    Decolorize,
}

/// Escape sequences of terminals (ECMA-48): control sequences, commands to the operating system, all others.
static COLORS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let control = "(?:\u{1b}\\[|\u{9b})[0-?]*[ -/]*[@-~]";
    let command = "\u{1b}\\][^\u{7}\u{1b}]*(?:\u{7}|\u{1b}\\\\)";
    let other = "\u{1b}[ -/]*[0-Z\\\\^-~]";
    Regex::new(&format!("{control}|{command}|{other}")).ok()
});

impl Pipeline {
    /// Reads what the stages are made of. Names are numbered in `fields`.
    pub(crate) fn new(stages: &[ast::Stage], fields: &mut Fields, now_ns: i64) -> Result<Self, String> {
        let stages = in_order(stages).into_iter().map(|stage| compile(stage, fields));
        Ok(Self {
            stages: stages.collect::<Result<_, _>>()?,
            now_ns,
            regexes: Regexes::default(),
        })
    }

    /// The line as it is in the end; nothing where it is filtered out.
    pub(crate) fn run<'l>(&mut self, at_ns: i64, line: &'l str, fields: &mut Fields) -> Option<Cow<'l, str>> {
        let mut line = Cow::Borrowed(line);
        for stage in &mut self.stages {
            let seen = Seen {
                line: &line,
                at_ns,
                now_ns: self.now_ns,
            };
            match stage {
                Stage::Line(filter) if !filter.holds(&line) => return None,
                Stage::Label(filter) if !filter.holds(fields) => return None,
                Stage::Line(_) | Stage::Label(_) => {}
                Stage::Json(parser) => parser.parse(&line, fields),
                Stage::JsonFields(parser) => parser.parse(&line, fields),
                Stage::Logfmt(parser) => parser.parse(&line, fields),
                Stage::LogfmtFields(parser) => parser.parse(&line, fields),
                Stage::Regexp(parser) => parser.parse(&line, fields),
                Stage::Pattern(parser) => parser.parse(&line, fields),
                Stage::LabelFormat(formats) => formats.apply(seen, &mut self.regexes, fields),
                Stage::Drop(labels) => labels.drop(fields),
                Stage::Keep(labels) => labels.keep(fields),
                Stage::Unpack(parser) => {
                    if let Some(entry) = parser.parse(&line, fields) {
                        line = Cow::Owned(entry);
                    }
                }
                Stage::LineFormat(format) => {
                    let mut made = String::with_capacity(line.len());
                    if format.expand(seen, &mut self.regexes, fields, &mut made) {
                        line = Cow::Owned(made);
                    }
                }
                Stage::Decolorize => {
                    if let Some(colors) = &*COLORS
                        && let Cow::Owned(plain) = colors.replace_all(&line, "")
                    {
                        line = Cow::Owned(plain);
                    }
                }
            }
        }
        Some(line)
    }
}

/// The stages with filters on the line in front of stages that leave the line as it is.
fn in_order(stages: &[ast::Stage]) -> Vec<&ast::Stage> {
    let mut ordered: Vec<&ast::Stage> = Vec::with_capacity(stages.len());
    // Where a filter may be put: behind those before it, and behind what last changed the line.
    let mut filters_end = 0;
    for stage in stages {
        match stage {
            ast::Stage::LineFilter(_) => {
                ordered.insert(filters_end, stage);
                filters_end += 1;
            }
            _ => {
                ordered.push(stage);
                if changes_line(stage) {
                    filters_end = ordered.len();
                }
            }
        }
    }
    ordered
}

fn changes_line(stage: &ast::Stage) -> bool {
    matches!(
        stage,
        ast::Stage::LineFormat(_) | ast::Stage::Unpack | ast::Stage::Decolorize
    )
}

fn compile(stage: &ast::Stage, fields: &mut Fields) -> Result<Stage, String> {
    Ok(match stage {
        ast::Stage::LineFilter(filter) => Stage::Line(LineFilter::new(filter)?),
        ast::Stage::LabelFilter(filter) => Stage::Label(LabelFilter::new(filter, fields)?),
        ast::Stage::Json(named) if named.is_empty() => Stage::Json(Json::default()),
        ast::Stage::Json(named) => Stage::JsonFields(JsonFields::new(named, fields)?),
        ast::Stage::Logfmt {
            strict,
            keep_empty,
            fields: named,
        } => {
            if named.is_empty() {
                Stage::Logfmt(Logfmt::new(*strict, *keep_empty))
            } else {
                Stage::LogfmtFields(LogfmtFields::new(named, *strict, fields)?)
            }
        }
        ast::Stage::Regexp(pattern) => Stage::Regexp(Regexp::new(pattern, fields)?),
        ast::Stage::Pattern(pattern) => Stage::Pattern(Pattern::new(pattern, fields)?),
        ast::Stage::Unpack => Stage::Unpack(Unpack::default()),
        ast::Stage::Decolorize => Stage::Decolorize,
        ast::Stage::LineFormat(template) => Stage::LineFormat(
            Format::new(template, fields).map_err(|reason| format!("invalid line template: {reason}"))?,
        ),
        ast::Stage::LabelFormat(formats) => Stage::LabelFormat(LabelFormats::new(formats, fields)?),
        ast::Stage::Drop(labels) => Stage::Drop(Named::new(labels, fields)),
        ast::Stage::Keep(labels) => Stage::Keep(Named::new(labels, fields)),
    })
}

/// What lines must hold to get through, for stores that can leave lines out: one text at least of every group.
pub(crate) fn holds(stages: &[ast::Stage]) -> Vec<Vec<String>> {
    stages
        .iter()
        .take_while(|stage| !changes_line(stage))
        .filter_map(|stage| match stage {
            ast::Stage::LineFilter(filter) => Some(line_filter::holds(filter)),
            _ => None,
        })
        .flatten()
        .collect()
}

/// Whether [`holds`] is all that the stages ask of a line, and there are any.
pub(crate) fn holds_decide(stages: &[ast::Stage]) -> bool {
    let is_decided = |stage: &ast::Stage| match stage {
        ast::Stage::LineFilter(filter) => line_filter::is_decided_by_holds(filter),
        _ => false,
    };
    !stages.is_empty() && stages.iter().all(is_decided)
}

/// The stages without filters on the line, where [`holds`] is all that these ask and the line is otherwise only read as JSON, once.
pub(crate) fn of_json_alone(stages: &[ast::Stage]) -> Option<Vec<ast::Stage>> {
    let mut parsers = 0;
    for stage in stages {
        match stage {
            ast::Stage::LineFilter(filter) if line_filter::is_decided_by_holds(filter) => {}
            ast::Stage::Json(extractions) if extractions.is_empty() => parsers += 1,
            ast::Stage::LabelFilter(_) | ast::Stage::Drop(_) | ast::Stage::Keep(_) => {}
            _ => return None,
        }
    }
    let is_filter = |stage: &&ast::Stage| matches!(stage, ast::Stage::LineFilter(_));
    (parsers == 1).then(|| stages.iter().filter(|stage| !is_filter(stage)).cloned().collect())
}

/// The stages without those at the end that only change a line nobody looks at, and whether any of the others looks at it.
pub(crate) fn without_idle(stages: &[ast::Stage]) -> (Vec<ast::Stage>, bool) {
    let mut kept = Vec::new();
    let mut is_read = false;
    for stage in stages.iter().rev() {
        match stage {
            ast::Stage::LineFormat(_) | ast::Stage::Decolorize if !is_read => continue,
            ast::Stage::LabelFilter(_) | ast::Stage::Drop(_) | ast::Stage::Keep(_) => {}
            // A template may have the line in it.
            _ => is_read = true,
        }
        kept.push(stage.clone());
    }
    kept.reverse();
    (kept, is_read)
}
