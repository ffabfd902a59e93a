//! A live tail for the page: what is stored, told a few times a second, as much as a person can look at and how much that leaves out.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use http::StatusCode;
use ingest::logs::Stored;
use logql::LogStream;
use logql::ast::LogExpr;
use model::{Direction, TenantId};
use stdx::outlet::Inlet;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::columns::Columns;
use super::parse_lines;
use crate::app::App;
use crate::json::write_integer;
use crate::limits::{
    PAGE_TAIL_EVERY, PAGE_TAIL_LINES_MAX, TAIL_DURATION_MAX, TAIL_MESSAGE_BYTES_MAX, TAIL_PING_EVERY,
    TAIL_SEND_MAX, TAILS_MAX,
};
use crate::loki::tail::{Judged, judged};
use crate::params::Params;
use crate::ui_api::answer::UiError;

/// `GET /api/ui/logs/tail?query=…`, a WebSocket.
pub(super) async fn tail(
    State(app): State<Arc<App>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    params: Params,
) -> Result<Response, UiError> {
    let log = Arc::new(parse_lines(params.get("query"))?);
    let Some(stores) = &app.deps.logs else {
        return Err(UiError::new(
            StatusCode::NOT_FOUND,
            "no log lines are kept here",
            "Look for storage.logs in the configuration.",
        ));
    };
    let place = Arc::clone(&app.tails).try_acquire_owned().map_err(|_| {
        UiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{TAILS_MAX} live tails are open already"),
            "Close one.",
        )
    })?;
    let upgrade = upgrade
        .map_err(|error| UiError::bad_request(error.to_string(), "Ask for a tail with a WebSocket."))?;
    // From here on nothing that is stored is missed.
    let inlet = stores.intake.tail();
    let tenant = params.tenant();
    let upgrade = upgrade.max_message_size(TAIL_MESSAGE_BYTES_MAX);
    Ok(upgrade.on_upgrade(move |socket| run(app, tenant, log, inlet, socket, place)))
}

async fn run(
    app: Arc<App>,
    tenant: TenantId,
    log: Arc<LogExpr>,
    mut inlet: Inlet<Stored>,
    mut socket: WebSocket,
    _place: OwnedSemaphorePermit,
) {
    let mut waiting = Waiting::default();
    let mut frames = every(PAGE_TAIL_EVERY);
    let mut pings = every(TAIL_PING_EVERY);
    let end = tokio::time::sleep(TAIL_DURATION_MAX);
    tokio::pin!(end);
    // Who hears this has missed nothing from now on.
    if !send(&mut socket, Message::Text("{\"open\":true}".into())).await {
        return;
    }
    loop {
        tokio::select! {
            biased;
            () = app.stop.cancelled() => break,
            received = socket.recv() => match received {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                // Pings are answered by the protocol's own code.
                Some(Ok(_)) => {}
            },
            () = &mut end => break,
            _ = frames.tick(), if !waiting.is_empty() => {
                let frame = std::mem::take(&mut waiting).written();
                if !send(&mut socket, Message::Text(frame.into())).await {
                    return;
                }
            }
            _ = pings.tick() => {
                if !send(&mut socket, Message::Ping(bytes::Bytes::new())).await {
                    return;
                }
            }
            news = inlet.next() => match news {
                Some(news) => waiting.take(judged(news, tenant, &log, i64::MIN / 2).await),
                None => break,
            },
        }
    }
    // The client may have left already.
    let _ = timeout(TAIL_SEND_MAX, socket.send(Message::Close(None))).await;
}

fn every(period: Duration) -> tokio::time::Interval {
    let mut interval = interval_at(Instant::now() + period, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Whether the client is still there.
async fn send(socket: &mut WebSocket, message: Message) -> bool {
    matches!(timeout(TAIL_SEND_MAX, socket.send(message)).await, Ok(Ok(())))
}

/// What came since the last frame.
#[derive(Debug, Default)]
struct Waiting {
    streams: Vec<LogStream>,
    /// Lines in them.
    lines: usize,
    /// Lines that were asked for and are left out.
    left_out: u64,
    /// Lines that were stored, and of which nobody knows any more whether they were asked for.
    lost: u64,
    /// More of those, nobody knows how many.
    is_lost: bool,
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.lines == 0 && self.left_out == 0 && self.lost == 0 && !self.is_lost
    }

    fn take(&mut self, judged: Judged) {
        match judged {
            Judged::Lines(streams) => {
                self.lines += streams.iter().map(|stream| stream.lines.len()).sum::<usize>();
                self.streams.extend(streams);
                if self.lines > PAGE_TAIL_LINES_MAX {
                    self.leave_newest();
                }
            }
            Judged::Lost(Some(lines)) => self.lost += lines,
            Judged::Lost(None) => self.is_lost = true,
        }
    }

    /// Keeps as many lines as a frame may have, those with the newest times.
    fn leave_newest(&mut self) {
        let mut times: Vec<i64> = self
            .streams
            .iter()
            .flat_map(|stream| &stream.lines)
            .map(|line| line.at_ns)
            .collect();
        times.sort_unstable_by_key(|at_ns| std::cmp::Reverse(*at_ns));
        let Some(oldest_ns) = times.get(PAGE_TAIL_LINES_MAX - 1).copied() else {
            return;
        };
        // Of lines of that very time only as many as have room.
        let newer = times.iter().filter(|at_ns| **at_ns > oldest_ns).count();
        let mut room = PAGE_TAIL_LINES_MAX - newer;
        for stream in &mut self.streams {
            stream.lines.retain(|line| {
                let has_room = line.at_ns == oldest_ns && room > 0;
                room -= usize::from(has_room);
                line.at_ns > oldest_ns || has_room
            });
        }
        self.streams.retain(|stream| !stream.lines.is_empty());
        self.left_out += (self.lines - PAGE_TAIL_LINES_MAX) as u64;
        self.lines = PAGE_TAIL_LINES_MAX;
    }

    fn written(self) -> String {
        let mut out = b"{\"left_out\":".to_vec();
        write_integer(&mut out, i64::try_from(self.left_out).unwrap_or(i64::MAX));
        out.extend_from_slice(b",\"lost\":");
        write_integer(&mut out, i64::try_from(self.lost).unwrap_or(i64::MAX));
        out.extend_from_slice(if self.is_lost {
            b",\"is_lost\":true,"
        } else {
            b",\"is_lost\":false,"
        });
        Columns::new(self.streams, Direction::Backward).write(&mut out);
        out.push(b'}');
        // Written of texts alone.
        String::from_utf8_lossy(&out).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use logql::{LabelSet, LogLine};
    use serde_json::Value;

    use super::*;

    fn stream(app: &str, times: impl Iterator<Item = i64>) -> LogStream {
        LogStream {
            stream: LabelSet::from_pairs([("app", app)]),
            lines: times
                .map(|at_ns| LogLine {
                    at_ns,
                    line: at_ns.to_string(),
                })
                .collect(),
            ..LogStream::default()
        }
    }

    #[test]
    fn a_frame_has_the_newest_lines_and_tells_how_many_it_has_not() {
        let mut waiting = Waiting::default();
        let max = PAGE_TAIL_LINES_MAX as i64;
        waiting.take(Judged::Lines(vec![stream("a", 0..max)]));
        // Many of one time, of which only some have room.
        waiting.take(Judged::Lines(vec![
            stream("b", std::iter::repeat_n(max / 2, 10)),
            stream("c", max..max + 20),
        ]));
        waiting.take(Judged::Lost(Some(7)));
        assert!(!waiting.is_empty());
        let frame: Value = serde_json::from_str(&waiting.written()).unwrap();
        let times = frame["at_ns"].as_array().unwrap();
        assert_eq!(times.len(), PAGE_TAIL_LINES_MAX);
        assert_eq!(times[0], (max + 19).to_string());
        assert_eq!(frame["left_out"], 30);
        assert_eq!((&frame["lost"], &frame["is_lost"]), (&7.into(), &false.into()));
        let oldest_ns = times
            .iter()
            .map(|at| at.as_str().unwrap().parse::<i64>().unwrap())
            .min();
        assert_eq!(oldest_ns, Some(30));
    }

    #[test]
    fn what_is_lost_is_told_without_a_line() {
        let mut waiting = Waiting::default();
        assert!(waiting.is_empty());
        waiting.take(Judged::Lost(None));
        let frame: Value = serde_json::from_str(&waiting.written()).unwrap();
        assert_eq!(
            (&frame["is_lost"], &frame["line"]),
            (&true.into(), &Value::Array(Vec::new()))
        );
    }
}
