//! `/loki/api/v1/tail`: what is stored, shown while it is stored, over a WebSocket.
//!
//! In: an expression; what the intake of lines stores.  Out: frames of Loki's JSON.
//! Owns: one task a tail, which ends with its client, with the server, or after an hour.
//! Invariants: a line is shown at most once, and what could not be shown is told (`tests/http/loki_tail.rs`).
//! Not here: what tails are told (`ingest::logs`).
//! Start at: [`tail`].

mod rows;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use http::HeaderMap;
use ingest::logs::Stored;
use logql::ast::LogExpr;
use logql::{EvalError, LogStream, Options, Value};
use model::{Direction, LogRead, TenantId};
use stdx::outlet::{Inlet, News};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};

use super::answer::LokiError;
use super::ask::{ask, log_expression};
use super::body::{CATEGORIZE, Categories, out_streams, write_label_set, write_line};
use super::query::now_ns;
use super::times::{self, Bounds, SECOND_NS};
use crate::app::App;
use crate::limits::{
    TAIL_BYTES_WAITING, TAIL_DELAY_SECONDS_MAX, TAIL_DURATION_MAX, TAIL_FRAMES_WAITING,
    TAIL_MESSAGE_BYTES_MAX, TAIL_PING_EVERY, TAIL_SEND_MAX, TAILS_MAX,
};
use crate::params::Params;
use rows::Rows;

/// The time before now that a tail begins with where it does not say.
const SINCE_DEFAULT_NS: i64 = 3600 * SECOND_NS;

/// What a tail was asked for.
#[derive(Debug, Clone)]
struct Asked {
    tenant: TenantId,
    log: Arc<LogExpr>,
    from_ns: i64,
    limit: usize,
    delay: Duration,
    categories: Categories,
}

/// Opens a tail.
pub(super) async fn tail(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    params: Params,
) -> Result<Response, LokiError> {
    let asked = Asked {
        tenant: params.tenant(),
        log: Arc::new(log_expression(&params)?),
        from_ns: times::bounds(&params, now_ns(&app), SINCE_DEFAULT_NS)?.from_ns,
        limit: times::line_limit(&params)?,
        delay: delay(&params)?,
        categories: Categories::of(&headers),
    };
    let Some(stores) = &app.deps.logs else {
        return Err(LokiError::not_found("no log lines are kept here"));
    };
    let place = Arc::clone(&app.tails).try_acquire_owned().map_err(|_| {
        LokiError::unavailable(format!(
            "max concurrent tail requests limit exceeded, count > limit ({} > {TAILS_MAX}); close one",
            TAILS_MAX + 1
        ))
    })?;
    let upgrade = upgrade.map_err(|error| {
        LokiError::bad_request(format!(
            "{error}; a tail is a WebSocket: ask with Upgrade: websocket"
        ))
    })?;
    // From here on nothing that is stored is missed; what was stored before is read.
    let inlet = stores.intake.tail();
    let upgrade = upgrade.max_message_size(TAIL_MESSAGE_BYTES_MAX);
    Ok(upgrade.on_upgrade(move |socket| run(app, asked, inlet, socket, place)))
}

/// `delay_for`: whole seconds.
fn delay(params: &Params) -> Result<Duration, LokiError> {
    let text = params.get("delay_for");
    let seconds = match text {
        "" => 0,
        text => text.parse().map_err(|_| {
            LokiError::bad_parameter("delay_for", format!("{text:?} is no number of seconds"))
        })?,
    };
    if seconds > TAIL_DELAY_SECONDS_MAX {
        return Err(LokiError::bad_request(format!(
            "delay_for can't be greater than {TAIL_DELAY_SECONDS_MAX}"
        )));
    }
    Ok(Duration::from_secs(seconds))
}

/// What is shown next.
#[derive(Debug)]
struct Frame {
    due: Instant,
    streams: Vec<LogStream>,
    dropped: bool,
}

/// What waits until it is due.
#[derive(Debug, Default)]
struct Waiting {
    frames: VecDeque<Frame>,
    bytes: usize,
}

impl Waiting {
    /// Adds a frame. Where there is no room, its lines are dropped, and it says so.
    fn push(&mut self, mut frame: Frame) {
        let is_full =
            self.frames.len() >= TAIL_FRAMES_WAITING || self.bytes + frame.bytes() > TAIL_BYTES_WAITING;
        if is_full {
            frame.streams.clear();
            frame.dropped = true;
            if let Some(last) = self.frames.back_mut().filter(|last| last.streams.is_empty()) {
                last.dropped = true;
                return;
            }
        }
        self.bytes += frame.bytes();
        self.frames.push_back(frame);
    }

    fn pop(&mut self) -> Option<Frame> {
        let frame = self.frames.pop_front()?;
        self.bytes -= frame.bytes();
        Some(frame)
    }
}

impl Frame {
    fn bytes(&self) -> usize {
        let lines = self.streams.iter().flat_map(|stream| &stream.lines);
        lines.map(|line| line.line.len()).sum()
    }
}

async fn run(
    app: Arc<App>,
    asked: Asked,
    mut inlet: Inlet<Stored>,
    mut socket: WebSocket,
    _place: OwnedSemaphorePermit,
) {
    let (seen, history) = match history(&app, &asked).await {
        Ok(history) => history,
        Err(error) => {
            tracing::debug!(?error, "a tail has no beginning");
            close(&mut socket).await;
            return;
        }
    };
    if !history.is_empty() && !send(&mut socket, history, false, &asked, now_ns(&app)).await {
        return;
    }
    let mut waiting = Waiting::default();
    let mut pings = interval_at(Instant::now() + TAIL_PING_EVERY, TAIL_PING_EVERY);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let end = Instant::now() + TAIL_DURATION_MAX;
    loop {
        let due = waiting.frames.front().map_or(end, |frame| frame.due.min(end));
        tokio::select! {
            biased;
            () = app.stop.cancelled() => break,
            received = socket.recv() => match received {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                // Pings are answered by the protocol's own code.
                Some(Ok(_)) => {}
            },
            () = sleep_until(due) => {
                let Some(frame) = waiting.pop().filter(|frame| frame.due <= due) else { break };
                if !send(&mut socket, frame.streams, frame.dropped, &asked, now_ns(&app)).await {
                    return;
                }
            }
            news = inlet.next() => match news {
                Some(news) => take(news, &asked, &seen, &mut waiting).await,
                None => break,
            },
            _ = pings.tick() => {
                if timeout(TAIL_SEND_MAX, socket.send(Message::Ping(bytes::Bytes::new()))).await.is_err() {
                    return;
                }
            }
        }
    }
    close(&mut socket).await;
}

async fn close(socket: &mut WebSocket) {
    // The client may have left already.
    let _ = timeout(TAIL_SEND_MAX, socket.send(Message::Close(None))).await;
}

/// The newest lines that were stored before. A line can be stored while they are read and be found both ways: what is told of later is
/// left out where it was among them.
async fn history(app: &Arc<App>, asked: &Asked) -> Result<(Seen, Vec<LogStream>), LokiError> {
    let bounds = Bounds {
        from_ns: asked.from_ns,
        to_ns: logql::limits::TIME_NS_MAX,
    };
    let (log, limit) = (Arc::clone(&asked.log), asked.limit);
    let question = move |store: &dyn LogRead, options: &Options| newest(&log, store, bounds, limit, options);
    let (streams, _) = ask(app, asked.tenant, question).await?;
    Ok((Seen::new(&streams), streams))
}

/// The times of the lines that a tail began with.
#[derive(Debug, Clone, Default)]
struct Seen {
    /// Times of lines and a hash of each, sorted.
    lines: Arc<Vec<(i64, u64)>>,
}

impl Seen {
    fn new(streams: &[LogStream]) -> Self {
        let mut lines: Vec<(i64, u64)> = Vec::new();
        for stream in streams {
            lines.extend(stream.lines.iter().map(|line| key(stream, line)));
        }
        lines.sort_unstable();
        let lines = Arc::new(lines);
        Self { lines }
    }

    /// Takes out what was seen.
    fn leave_new(&self, streams: &mut Vec<LogStream>) {
        if self.lines.is_empty() {
            return;
        }
        for stream in streams.iter_mut() {
            let mut lines = std::mem::take(&mut stream.lines);
            lines.retain(|line| self.lines.binary_search(&key(stream, line)).is_err());
            stream.lines = lines;
        }
        streams.retain(|stream| !stream.lines.is_empty());
    }
}

fn key(stream: &LogStream, line: &logql::LogLine) -> (i64, u64) {
    use std::hash::{Hash, Hasher};
    let mut hasher = rustc_hash::FxHasher::default();
    stream.stream.hash(&mut hasher);
    line.line.hash(&mut hasher);
    (line.at_ns, hasher.finish())
}

fn newest(
    log: &LogExpr,
    store: &dyn LogRead,
    bounds: Bounds,
    limit: usize,
    options: &Options,
) -> Result<Vec<LogStream>, EvalError> {
    let range = (bounds.from_ns, bounds.to_ns);
    let answer = logql::lines(log, store, range, Direction::Backward, limit, options)?;
    match answer.value {
        Value::Streams(streams) => Ok(streams),
        _ => Ok(Vec::new()),
    }
}

/// Judges what was stored and has it wait until it is due.
async fn take(news: News<Stored>, asked: &Asked, seen: &Seen, waiting: &mut Waiting) {
    let due = Instant::now() + asked.delay;
    let (mut streams, dropped) = match judged(news, asked.tenant, &asked.log, asked.from_ns).await {
        Judged::Lines(streams) => (streams, false),
        Judged::Lost(_) => (Vec::new(), true),
    };
    seen.leave_new(&mut streams);
    if streams.is_empty() && !dropped {
        return;
    }
    waiting.push(Frame {
        due,
        streams,
        dropped,
    });
}

/// What of the lines that were stored is asked for.
#[derive(Debug)]
pub(crate) enum Judged {
    /// These; often none.
    Lines(Vec<LogStream>),
    /// It cannot be told any more; so many lines were stored, where that is known.
    Lost(Option<u64>),
}

/// Judges what was stored, on a thread that may work.
pub(crate) async fn judged(news: News<Stored>, tenant: TenantId, log: &Arc<LogExpr>, from_ns: i64) -> Judged {
    let stored = match news {
        News::Item(Stored::Rows(stored)) => stored,
        News::Item(Stored::Dropped(lines)) => return Judged::Lost(Some(lines)),
        News::Gap(_) => return Judged::Lost(None),
    };
    if stored.rows.tenant != tenant || !Rows(&stored.rows).any_selected(&log.matchers) {
        return Judged::Lines(Vec::new());
    }
    let log = Arc::clone(log);
    let judge = move || {
        let options = Options {
            tenant,
            ..Options::default()
        };
        let bounds = Bounds {
            from_ns,
            to_ns: logql::limits::TIME_NS_MAX,
        };
        newest(&log, &Rows(&stored.rows), bounds, usize::MAX, &options)
    };
    match tokio::task::spawn_blocking(judge).await {
        Ok(Ok(streams)) => Judged::Lines(streams),
        // More than a query may hold: it was stored and is not shown.
        Ok(Err(_)) | Err(_) => Judged::Lost(None),
    }
}

/// Sends a frame; whether the client is still there.
async fn send(
    socket: &mut WebSocket,
    streams: Vec<LogStream>,
    dropped: bool,
    asked: &Asked,
    now_ns: i64,
) -> bool {
    let text = frame(streams, dropped, asked.categories, now_ns);
    matches!(
        timeout(TAIL_SEND_MAX, socket.send(Message::Text(text.into()))).await,
        Ok(Ok(()))
    )
}

/// A frame as Loki writes it, the oldest line of each stream first. Which lines were dropped is not known, only that there were some.
fn frame(streams: Vec<LogStream>, dropped: bool, categories: Categories, now_ns: i64) -> String {
    let mut out = b"{\"streams\":[".to_vec();
    for (index, stream) in out_streams(streams, Direction::Forward, categories)
        .iter()
        .enumerate()
    {
        out.extend_from_slice(if index == 0 {
            b"{\"stream\":"
        } else {
            b",{\"stream\":"
        });
        write_label_set(&mut out, &stream.labels);
        out.extend_from_slice(b",\"values\":[");
        for (index, line) in stream.lines.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_line(&mut out, line);
        }
        out.extend_from_slice(b"]}");
    }
    out.push(b']');
    if dropped {
        out.extend_from_slice(
            format!(",\"dropped_entries\":[{{\"labels\":{{}},\"timestamp\":\"{now_ns}\"}}]").as_bytes(),
        );
    }
    if categories == Categories::Apart {
        out.extend_from_slice(format!(",\"encodingFlags\":[\"{CATEGORIZE}\"]").as_bytes());
    }
    out.push(b'}');
    // Written of texts alone.
    String::from_utf8_lossy(&out).into_owned()
}
