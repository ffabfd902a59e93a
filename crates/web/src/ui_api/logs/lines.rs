//! Pages of lines. A page ends between two times, never within one, so that the next page begins where this one ended.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use logql::ast::LogExpr;
use logql::{EvalError, LogStream, Options, Statistics, Value};
use model::{Direction, LogRead, Matcher, StreamSelection, TenantId};
use serde::Deserialize;

use super::columns::Columns;
use super::{Bounds, ask, parse_lines, read};
use crate::app::App;
use crate::json::write_integer;
use crate::limits::{PAGE_LINES_DEFAULT, PAGE_LINES_MAX, PAGE_LINES_OF_ONE_TIME_MAX};
use crate::prometheus::answer::json_bytes;
use crate::ui_api::answer::UiError;

/// Which lines.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LinesRequest {
    from_ms: i64,
    to_ms: i64,
    /// An expression; or else `stream`.
    query: Option<String>,
    /// The labels of one stream: exactly these.
    stream: Option<BTreeMap<String, String>>,
    #[serde(default)]
    direction: Toward,
    limit: Option<usize>,
    /// Where the page before ended, as it said.
    cursor_ns: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Toward {
    #[default]
    Backward,
    Forward,
}

/// What is asked of the store.
#[derive(Debug, Clone)]
struct Asked {
    tenant: TenantId,
    log: LogExpr,
    /// The labels of the one stream that is asked for.
    stream: Option<BTreeMap<String, String>>,
    bounds: Bounds,
    direction: Direction,
    limit: usize,
}

/// `POST /api/ui/logs/lines`
pub(super) async fn lines(State(app): State<Arc<App>>, request: Request) -> Result<Response, UiError> {
    let (tenant, asked) = read::<LinesRequest>(&app, request).await?;
    let asked = Asked::new(tenant, asked)?;
    let question = move |store: &dyn LogRead, options: &Options| {
        let started = std::time::Instant::now();
        let page = asked.page(store, options)?;
        Ok(page.written(started.elapsed().as_millis() as i64))
    };
    let (body, _) = ask(&app, tenant, question).await?;
    Ok(json_bytes(StatusCode::OK, body.into()))
}

impl Asked {
    fn new(tenant: TenantId, asked: LinesRequest) -> Result<Self, UiError> {
        let mut bounds = Bounds::of_ms(asked.from_ms, asked.to_ms)?;
        let direction = match asked.direction {
            Toward::Backward => Direction::Backward,
            Toward::Forward => Direction::Forward,
        };
        if let Some(text) = asked.cursor_ns {
            let cursor: i64 = text.parse().map_err(|_| {
                UiError::bad_request(
                    format!("{text:?} is no place"),
                    "Send next_ns of the page before.",
                )
            })?;
            match direction {
                Direction::Backward => bounds.to_ns = bounds.to_ns.min(cursor).max(bounds.from_ns),
                Direction::Forward => bounds.from_ns = bounds.from_ns.max(cursor).min(bounds.to_ns),
            }
        }
        let limit = asked.limit.unwrap_or(PAGE_LINES_DEFAULT);
        if limit == 0 || limit > PAGE_LINES_MAX {
            return Err(UiError::bad_request(
                format!("{limit} lines cannot be asked for"),
                "Ask for 1 to 5000 lines at a time.",
            ));
        }
        let log = match (&asked.stream, &asked.query) {
            (Some(stream), _) => LogExpr {
                matchers: exactly(stream),
                stages: Vec::new(),
            },
            (None, query) => parse_lines(query.as_deref().unwrap_or("{}"))?,
        };
        Ok(Self {
            tenant,
            log,
            stream: asked.stream,
            bounds,
            direction,
            limit,
        })
    }

    fn page(&self, store: &dyn LogRead, options: &Options) -> Result<Page, EvalError> {
        let mut log = self.log.clone();
        if let Some(stream) = &self.stream {
            log.matchers.extend(self.no_other_labels(stream, store)?);
        }
        let Bounds { from_ns, to_ns } = self.bounds;
        let mut statistics = Statistics::default();
        let mut found = |range: (i64, i64), limit: usize| {
            if range.0 >= range.1 {
                return Ok(Vec::new());
            }
            let answer = logql::lines(&log, store, range, self.direction, limit, options)?;
            statistics.lines_read += answer.statistics.lines_read;
            statistics.bytes_read += answer.statistics.bytes_read;
            match answer.value {
                Value::Streams(streams) => Ok(streams),
                Value::Scalar { .. } | Value::Vector(_) | Value::Matrix(_) => Ok(Vec::new()),
            }
        };
        let mut streams: Vec<LogStream> = found((from_ns, to_ns), self.limit)?;
        let count = |streams: &[LogStream]| streams.iter().map(|stream| stream.lines.len()).sum::<usize>();
        let (mut next_ns, mut is_cut) = (None, false);
        if count(&streams) >= self.limit
            && let Some(last_ns) = last_ns(&streams, self.direction)
        {
            // Of the last time there may be more than had room: all of them are fetched instead.
            for stream in &mut streams {
                stream.lines.retain(|line| line.at_ns != last_ns);
            }
            let of_last = found((last_ns, last_ns.saturating_add(1)), PAGE_LINES_OF_ONE_TIME_MAX)?;
            is_cut = count(&of_last) >= PAGE_LINES_OF_ONE_TIME_MAX;
            streams.extend(of_last);
            streams.retain(|stream| !stream.lines.is_empty());
            next_ns = Some(match self.direction {
                Direction::Backward => last_ns,
                Direction::Forward => last_ns.saturating_add(1),
            });
        }
        Ok(Page {
            columns: Columns::new(streams, self.direction),
            next_ns: next_ns.filter(|next_ns| (from_ns..to_ns).contains(next_ns) && *next_ns != from_ns),
            is_cut,
            statistics,
        })
    }

    /// Matchers that leave out streams with further labels.
    fn no_other_labels(
        &self,
        stream: &BTreeMap<String, String>,
        store: &dyn LogRead,
    ) -> Result<Vec<Matcher>, EvalError> {
        let selection = StreamSelection {
            tenant: self.tenant,
            any_of: vec![self.log.matchers.clone()],
            from_ns: self.bounds.from_ns,
            to_ns: self.bounds.to_ns,
            budget: None,
        };
        let names = store.label_names(&selection).map_err(EvalError::Storage)?;
        let others = names.into_iter().filter(|name| !stream.contains_key(name));
        Ok(others.map(|name| Matcher::equal(name, "")).collect())
    }
}

fn exactly(stream: &BTreeMap<String, String>) -> Vec<Matcher> {
    let pairs = stream.iter();
    pairs.map(|(name, value)| Matcher::equal(name, value)).collect()
}

fn last_ns(streams: &[LogStream], direction: Direction) -> Option<i64> {
    let times = streams
        .iter()
        .flat_map(|stream| &stream.lines)
        .map(|line| line.at_ns);
    match direction {
        Direction::Backward => times.min(),
        Direction::Forward => times.max(),
    }
}

/// Some lines, and where the next page begins.
#[derive(Debug)]
struct Page {
    columns: Columns,
    next_ns: Option<i64>,
    /// One time has more lines than are shown of it.
    is_cut: bool,
    statistics: Statistics,
}

impl Page {
    fn written(&self, server_ms: i64) -> Vec<u8> {
        let mut out = b"{\"next_ns\":".to_vec();
        match self.next_ns {
            Some(next_ns) => out.extend_from_slice(format!("\"{next_ns}\"").as_bytes()),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(if self.is_cut {
            b",\"partial\":true,"
        } else {
            b",\"partial\":false,"
        });
        let numbers = [
            ("\"count\":", self.columns.len() as i64),
            ("\"server_ms\":", server_ms),
            ("\"lines_read\":", self.statistics.lines_read as i64),
            ("\"bytes_read\":", self.statistics.bytes_read as i64),
        ];
        for (name, number) in numbers {
            out.extend_from_slice(name.as_bytes());
            write_integer(&mut out, number);
            out.push(b',');
        }
        self.columns.write(&mut out);
        out.push(b'}');
        out
    }
}
