//! Labels and fields that a selection of lines has, for Grafana's lists of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use logql::ast::{LogExpr, Stage};
use logql::{EvalError, LogStream, Options, Value};
use model::{Direction, LogRead};
use serde::Serialize;
use serde_json::json;

use super::answer::LokiError;
use super::ask::{ask, ask_answer, log_expression};
use super::field_values::{Kind, is_identifier};
use super::query::now_ns;
use super::streams::{query_selector, selection};
use super::times::{self, Bounds, SECOND_NS};
use crate::app::App;
use crate::limits::{LOKI_FIELD_LINES_DEFAULT, LOKI_FIELD_VALUES_MAX, LOKI_FIELDS_DEFAULT, LOKI_LINES_MAX};
use crate::params::Params;
use crate::prometheus::answer::json_response;

const SINCE_DEFAULT_NS: i64 = 3600 * SECOND_NS;

/// Labels that are told whatever their values look like, as with Loki.
const ALWAYS_TOLD: [&str; 4] = ["cluster", "namespace", "instance", "pod"];

/// `/loki/api/v1/detected_labels`
pub(super) async fn labels(State(app): State<Arc<App>>, params: Params) -> Result<Response, LokiError> {
    let selection = selection(&app, &params, query_selector(&params)?)?;
    let question = move |store: &dyn LogRead, _: &Options| {
        let streams = store.streams(&selection).map_err(EvalError::Storage)?;
        let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (name, value) in streams.iter().flat_map(|stream| &stream.labels) {
            let known = values.entry(name.to_owned()).or_default();
            if known.len() < LOKI_FIELD_VALUES_MAX {
                known.insert(value.to_owned());
            }
        }
        Ok(values)
    };
    let values = ask_answer(&app, params.tenant(), question).await?;
    let labels: Vec<serde_json::Value> = values
        .iter()
        .filter(|(name, values)| {
            ALWAYS_TOLD.contains(&name.as_str()) || !values.iter().all(|value| is_identifier(value))
        })
        .map(|(name, values)| json!({"label": name, "cardinality": values.len()}))
        .collect();
    Ok(json_response(StatusCode::OK, &json!({"detectedLabels": labels})))
}

/// A field of an answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FieldJson<'a> {
    label: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    cardinality: usize,
    /// None where the field is metadata.
    parsers: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    json_path: Option<Vec<&'a str>>,
}

/// `/loki/api/v1/detected_fields`
pub(super) async fn fields(State(app): State<Arc<App>>, params: Params) -> Result<Response, LokiError> {
    let limit = limit(&params)?;
    let fields = look(&app, &params).await?;
    let fields: Vec<FieldJson<'_>> = fields
        .iter()
        .take(limit)
        .map(|(name, field)| FieldJson {
            label: name,
            kind: field.kind.as_str(),
            cardinality: field.values.len(),
            parsers: (!field.parsers.is_empty()).then(|| field.parsers.iter().copied().collect()),
            json_path: field.parsers.contains("json").then(|| vec![name.as_str()]),
        })
        .collect();
    Ok(json_response(
        StatusCode::OK,
        &json!({"fields": fields, "limit": limit}),
    ))
}

/// `/loki/api/v1/detected_field/{name}/values`
pub(super) async fn field_values(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, LokiError> {
    let limit = limit(&params)?;
    let fields = look(&app, &params).await?;
    let values: Vec<&String> = fields
        .get(&name)
        .map(|field| field.values.iter().take(limit).collect())
        .unwrap_or_default();
    Ok(json_response(
        StatusCode::OK,
        &json!({"values": values, "limit": limit}),
    ))
}

fn limit(params: &Params) -> Result<usize, LokiError> {
    let name = if params.get("field_limit").is_empty() {
        "limit"
    } else {
        "field_limit"
    };
    Ok(times::count(params, name, LOKI_FIELDS_DEFAULT)?.min(LOKI_FIELD_VALUES_MAX))
}

/// What is known of a field.
#[derive(Debug)]
struct Field {
    kind: Kind,
    values: BTreeSet<String>,
    /// How it is read from a line; empty for metadata.
    parsers: BTreeSet<&'static str>,
}

type Fields = BTreeMap<String, Field>;

/// Looks for fields in some of the lines that a request selects: in their metadata, and in what they are as JSON or logfmt.
async fn look(app: &Arc<App>, params: &Params) -> Result<Fields, LokiError> {
    let bounds = times::bounds(params, now_ns(app), SINCE_DEFAULT_NS)?;
    let lines = times::count(params, "line_limit", LOKI_FIELD_LINES_DEFAULT)?.min(LOKI_LINES_MAX);
    let log = log_expression(params)?;
    let question = move |store: &dyn LogRead, options: &Options| {
        let mut fields = Fields::new();
        let read = |log: &LogExpr| streams(log, store, bounds, lines, options);
        for stream in read(&log)? {
            note_all(&mut fields, &stream, None);
        }
        for stream in read(&with(&log, Stage::Json(Vec::new())))? {
            if stream.parsed.get("__error__").is_none() {
                note_all(&mut fields, &stream, Some("json"));
            }
        }
        let logfmt = Stage::Logfmt {
            strict: false,
            keep_empty: false,
            fields: Vec::new(),
        };
        for stream in read(&with(&log, logfmt))? {
            // What is JSON has been read as JSON, and would be nonsense here.
            let is_json = stream
                .lines
                .iter()
                .all(|line| line.line.trim_start().starts_with('{'));
            if !is_json && stream.parsed.get("__error__").is_none() {
                note_all(&mut fields, &stream, Some("logfmt"));
            }
        }
        Ok(fields)
    };
    let (fields, _) = ask(app, params.tenant(), question).await?;
    Ok(fields)
}

fn streams(
    log: &LogExpr,
    store: &dyn LogRead,
    Bounds { from_ns, to_ns }: Bounds,
    lines: usize,
    options: &Options,
) -> Result<Vec<LogStream>, EvalError> {
    let answer = logql::lines(log, store, (from_ns, to_ns), Direction::Backward, lines, options)?;
    match answer.value {
        Value::Streams(streams) => Ok(streams),
        _ => Ok(Vec::new()),
    }
}

fn with(log: &LogExpr, stage: Stage) -> LogExpr {
    let mut log = log.clone();
    log.stages.push(stage);
    log
}

fn note_all(fields: &mut Fields, stream: &LogStream, parser: Option<&'static str>) {
    let pairs = match parser {
        Some(_) => &stream.parsed,
        None => &stream.metadata,
    };
    for (name, value) in pairs.iter() {
        if name.starts_with("__") || (fields.len() >= LOKI_FIELD_VALUES_MAX && !fields.contains_key(name)) {
            continue;
        }
        let kind = Kind::of(value);
        let field = fields.entry(name.to_owned()).or_insert_with(|| Field {
            kind,
            values: BTreeSet::new(),
            parsers: BTreeSet::new(),
        });
        field.kind = field.kind.and(kind);
        field.parsers.extend(parser);
        if field.values.len() < LOKI_FIELD_VALUES_MAX {
            field.values.insert(value.to_owned());
        }
    }
}
