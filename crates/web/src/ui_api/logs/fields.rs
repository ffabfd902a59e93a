//! Which labels and fields lines have, and how often: looked for in the newest lines of a window.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use logql::ast::{LogExpr, Stage};
use logql::{EvalError, LabelSet, LogStream, Options, Value};
use model::{Direction, LogRead};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::{Bounds, ask, parse_lines, read};
use crate::app::App;
use crate::limits::{PAGE_FIELD_LINES, PAGE_FIELD_VALUES_SHOWN, PAGE_FIELDS_MAX};
use crate::loki::field_values::Kind;
use crate::ui_api::answer::{UiError, json};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldsRequest {
    from_ms: i64,
    to_ms: i64,
    query: String,
}

/// Where a field is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Source {
    /// A label of the stream.
    Label,
    /// Beside the line.
    Metadata,
    /// Made by the expression itself.
    Parsed,
    /// In the line, read as JSON.
    Json,
    /// In the line, read as logfmt.
    Logfmt,
}

impl Source {
    /// The stage that makes labels of such fields; none where they are there.
    pub(super) fn stage(self) -> Option<Stage> {
        match self {
            Self::Label | Self::Metadata | Self::Parsed => None,
            Self::Json => Some(Stage::Json(Vec::new())),
            Self::Logfmt => Some(Stage::Logfmt {
                strict: false,
                keep_empty: false,
                fields: Vec::new(),
            }),
        }
    }
}

#[derive(Debug, Serialize)]
struct FieldsAnswer {
    /// Lines that were looked at.
    lines: usize,
    /// Whether the window has more.
    is_sample: bool,
    fields: Vec<FieldJson>,
    /// Fields beyond those.
    fields_left_out: usize,
}

#[derive(Debug, Serialize)]
struct FieldJson {
    name: String,
    source: Source,
    kind: &'static str,
    /// Lines that have it.
    lines: usize,
    /// How many different values it has there.
    values_count: usize,
    /// Those seen most often, and how often.
    values: Vec<(String, usize)>,
}

/// `POST /api/ui/logs/fields`
pub(super) async fn fields(State(app): State<Arc<App>>, request: Request) -> Result<Response, UiError> {
    let (tenant, asked) = read::<FieldsRequest>(&app, request).await?;
    let bounds = Bounds::of_ms(asked.from_ms, asked.to_ms)?;
    let log = parse_lines(&asked.query)?;
    let question = move |store: &dyn LogRead, options: &Options| look(&log, store, bounds, options);
    let (answer, _) = ask(&app, tenant, question).await?;
    Ok(json(&answer))
}

fn look(
    log: &LogExpr,
    store: &dyn LogRead,
    bounds: Bounds,
    options: &Options,
) -> Result<FieldsAnswer, EvalError> {
    let newest = |log: &LogExpr| {
        let range = (bounds.from_ns, bounds.to_ns);
        let answer = logql::lines(log, store, range, Direction::Backward, PAGE_FIELD_LINES, options)?;
        match answer.value {
            Value::Streams(streams) => Ok(streams),
            Value::Scalar { .. } | Value::Vector(_) | Value::Matrix(_) => Ok(Vec::new()),
        }
    };
    let plain = newest(log)?;
    let mut found = Found::default();
    for stream in &plain {
        found.note(&stream.stream, Source::Label, stream.lines.len());
        found.note(&stream.metadata, Source::Metadata, stream.lines.len());
        found.note(&stream.parsed, Source::Parsed, stream.lines.len());
    }
    let lines: usize = plain.iter().map(|stream| stream.lines.len()).sum();
    for source in [Source::Json, Source::Logfmt] {
        if !is_worth_reading(log, &plain, source) {
            continue;
        }
        let mut parsed = log.clone();
        parsed.stages.extend(source.stage());
        for stream in newest(&parsed)? {
            if stream.parsed.get("__error__").is_none()
                && stream.lines.iter().all(|line| looks_like(&line.line, source))
            {
                found.note(&stream.parsed, source, stream.lines.len());
            }
        }
    }
    let all = found.fields.len();
    let fields = found.told();
    Ok(FieldsAnswer {
        lines,
        is_sample: lines >= PAGE_FIELD_LINES,
        fields_left_out: all - fields.len(),
        fields,
    })
}

/// Whether the expression does not read lines so already, and some may be read so.
fn is_worth_reading(log: &LogExpr, streams: &[LogStream], source: Source) -> bool {
    let is_read_so = |stage: &Stage| match source {
        Source::Json => matches!(stage, Stage::Json(_)),
        _ => matches!(stage, Stage::Logfmt { .. }),
    };
    let mut lines = streams.iter().flat_map(|stream| &stream.lines);
    !log.stages.iter().any(is_read_so) && lines.any(|line| looks_like(&line.line, source))
}

fn looks_like(line: &str, source: Source) -> bool {
    let is_object = line.trim_start().starts_with('{');
    match source {
        Source::Json => is_object,
        _ => !is_object && line.contains('='),
    }
}

/// What was found of each field.
#[derive(Debug, Default)]
struct Found {
    fields: BTreeMap<(Source, String), Counts>,
}

#[derive(Debug)]
struct Counts {
    kind: Kind,
    lines: usize,
    values: FxHashMap<String, usize>,
}

impl Found {
    fn note(&mut self, labels: &LabelSet, source: Source, lines: usize) {
        for (name, value) in labels.iter().filter(|(name, _)| !name.starts_with("__")) {
            // What the expression made is not found a second time.
            let is_made = matches!(source, Source::Json | Source::Logfmt)
                && self.fields.contains_key(&(Source::Parsed, name.to_owned()));
            if is_made {
                continue;
            }
            let kind = Kind::of(value);
            let counts = self
                .fields
                .entry((source, name.to_owned()))
                .or_insert_with(|| Counts {
                    kind,
                    lines: 0,
                    values: FxHashMap::default(),
                });
            counts.kind = counts.kind.and(kind);
            counts.lines += lines;
            *counts.values.entry(value.to_owned()).or_default() += lines;
        }
    }

    /// The fields that most lines have, by where they are found and by name.
    fn told(self) -> Vec<FieldJson> {
        let mut fields: Vec<FieldJson> = self.fields.into_iter().map(FieldJson::of).collect();
        fields.sort_by_key(|field| std::cmp::Reverse(field.lines));
        fields.truncate(PAGE_FIELDS_MAX);
        fields.sort_by(|a, b| a.source.cmp(&b.source).then_with(|| a.name.cmp(&b.name)));
        fields
    }
}

impl FieldJson {
    fn of(((source, name), counts): ((Source, String), Counts)) -> Self {
        let values_count = counts.values.len();
        let mut values: Vec<(String, usize)> = counts.values.into_iter().collect();
        values.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        values.truncate(PAGE_FIELD_VALUES_SHOWN);
        Self {
            name,
            source,
            kind: counts.kind.as_str(),
            lines: counts.lines,
            values_count,
            values,
        }
    }
}
