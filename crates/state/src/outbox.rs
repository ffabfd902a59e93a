//! What has to be told to whom, and what became of it.

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use ulid::Ulid;

use crate::database::State;
use crate::error::Error;
use crate::limits;
use crate::notification_log::{self, fingerprints_from_text, fingerprints_to_text};

const TABLE: &str = "outbox";

/// A message to be taken into the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOutboxRow {
    /// Names the message for ever; a second one with the same key is not taken in.
    pub idempotency_key: String,
    /// The receiver's name.
    pub receiver: String,
    /// Which of the receiver's channels, for example `webhook-90ab12cd`.
    pub channel: String,
    /// Messages of one lane go out in order.
    pub lane: String,
    /// The alerts it is about.
    pub fingerprints: Vec<u64>,
    /// The message itself; empty once it was sent or given up.
    pub payload: String,
}

/// A message in the outbox. Times are milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// Its id, in order of being taken in.
    pub id: Ulid,
    /// What was taken in.
    pub message: NewOutboxRow,
    /// What became of it.
    pub status: OutboxStatus,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was taken in.
    pub created_ms: i64,
    /// When it is due.
    pub next_attempt_ms: i64,
    /// When it was sent or given up.
    pub finished_ms: Option<i64>,
    /// What the other side answered last, or why it failed.
    pub receipt: Option<String>,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutboxStatus {
    /// Still to be sent.
    Pending,
    /// Taken by the other side.
    Sent,
    /// Given up.
    Failed,
}

impl OutboxStatus {
    /// The status as pages and the store write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }

    fn parse(text: &str) -> Result<Self, Error> {
        [Self::Pending, Self::Sent, Self::Failed]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| Error::BadRow {
                table: TABLE,
                reason: format!("no status is called {text:?}"),
            })
    }
}

impl State {
    /// The oldest pending message of each lane of one channel, due or not, oldest first, at most `limit`.
    pub async fn outbox_heads(
        &self,
        receiver: &str,
        channel: &str,
        limit: u32,
    ) -> Result<Vec<OutboxRow>, Error> {
        let rows = sqlx::query(
            "SELECT * FROM outbox WHERE id IN (SELECT MIN(id) FROM outbox WHERE status = 'pending' AND receiver = ? \
             AND channel = ? GROUP BY lane) ORDER BY next_attempt_ms, id LIMIT ?",
        )
        .bind(receiver)
        .bind(channel)
        .bind(i64::from(limit))
        .fetch_all(self.readers())
        .await
        .map_err(Error::query("read the outbox"))?;
        rows.iter().map(from_row).collect()
    }

    /// Channels that messages are pending for, with their count, as (receiver, channel, count).
    pub async fn outbox_pending(&self) -> Result<Vec<(String, String, u64)>, Error> {
        let rows = sqlx::query(
            "SELECT receiver, channel, COUNT(*) AS waiting FROM outbox WHERE status = 'pending' \
             GROUP BY receiver, channel ORDER BY receiver, channel",
        )
        .fetch_all(self.readers())
        .await
        .map_err(Error::query("count the outbox"))?;
        Ok(rows
            .iter()
            .map(|row| {
                let waiting: i64 = row.get("waiting");
                (
                    row.get("receiver"),
                    row.get("channel"),
                    u64::try_from(waiting).unwrap_or_default(),
                )
            })
            .collect())
    }

    /// The newest messages, newest first, at most `limit`.
    pub async fn outbox_recent(&self, limit: u32) -> Result<Vec<OutboxRow>, Error> {
        let rows = sqlx::query("SELECT * FROM outbox ORDER BY id DESC LIMIT ?")
            .bind(i64::from(limit))
            .fetch_all(self.readers())
            .await
            .map_err(Error::query("read the outbox"))?;
        rows.iter().map(from_row).collect()
    }

    /// Whether a newer message waits in the lane of `row`.
    pub async fn outbox_has_newer(&self, row: &OutboxRow) -> Result<bool, Error> {
        let newer: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM outbox WHERE lane = ? AND status = 'pending' AND id > ?",
        )
        .bind(&row.message.lane)
        .bind(row.id.to_string())
        .fetch_one(self.readers())
        .await
        .map_err(Error::query("read the outbox"))?;
        Ok(newer > 0)
    }

    /// Whether a message still has to be sent.
    pub async fn outbox_is_pending(&self, id: Ulid) -> Result<bool, Error> {
        let pending: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM outbox WHERE id = ? AND status = 'pending'")
                .bind(id.to_string())
                .fetch_one(self.readers())
                .await
                .map_err(Error::query("read the outbox"))?;
        Ok(pending > 0)
    }

    /// Records that a message was sent, with its receipt, in one step. What was sent is not kept.
    pub async fn outbox_sent(&self, id: Ulid, receipt: &str) -> Result<(), Error> {
        let (now_ms, receipt) = (self.now_ms(), shorten(receipt));
        self.write("finish a message", move |connection| {
            Box::pin(async move { finish(connection, id, OutboxStatus::Sent, &receipt, now_ms).await })
        })
        .await
    }

    /// Records that a message was given up, and why, in one step. Unless its lane has a newer message, the log of
    /// notifications forgets the lane in the same step, because its receiver was not told; says whether it did.
    pub async fn outbox_failed(&self, row: &OutboxRow, why: &str) -> Result<bool, Error> {
        let (now_ms, why) = (self.now_ms(), shorten(why));
        let (id, lane) = (row.id, row.message.lane.clone());
        self.write("give up a message", move |connection| {
            Box::pin(async move {
                finish(connection, id, OutboxStatus::Failed, &why, now_ms).await?;
                notification_log::delete_before(connection, &lane, id).await
            })
        })
        .await?;
        let known: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM notification_log WHERE lane = ?")
            .bind(&row.message.lane)
            .fetch_one(self.readers())
            .await
            .map_err(Error::query("read the notification log"))?;
        Ok(known == 0)
    }

    /// Records a failed try and when the next one is due.
    pub async fn outbox_retry(&self, id: Ulid, next_attempt_ms: i64, receipt: &str) -> Result<(), Error> {
        let receipt = shorten(receipt);
        self.write("postpone a message", move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "UPDATE outbox SET attempts = attempts + 1, next_attempt_ms = ?, receipt = ? \
                     WHERE id = ? AND status = 'pending'",
                )
                .bind(next_attempt_ms)
                .bind(receipt)
                .bind(id.to_string())
                .execute(connection)
                .await
                .map_err(Error::query("postpone a message"))?;
                Ok(())
            })
        })
        .await
    }
}

pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    id: Ulid,
    message: &NewOutboxRow,
    now_ms: i64,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO outbox (id, idempotency_key, receiver, channel, lane, fingerprints, payload, status, attempts, \
             created_ms, next_attempt_ms) VALUES (?, ?, ?, ?, ?, ?, ?, 'pending', 0, ?, ?) \
         ON CONFLICT (idempotency_key) DO NOTHING",
    )
    .bind(id.to_string())
    .bind(&message.idempotency_key)
    .bind(&message.receiver)
    .bind(&message.channel)
    .bind(&message.lane)
    .bind(fingerprints_to_text(&message.fingerprints))
    .bind(&message.payload)
    .bind(now_ms)
    .bind(now_ms)
    .execute(connection)
    .await
    .map_err(Error::query("write to the outbox"))?;
    Ok(())
}

async fn finish(
    connection: &mut SqliteConnection,
    id: Ulid,
    status: OutboxStatus,
    receipt: &str,
    now_ms: i64,
) -> Result<(), Error> {
    sqlx::query(
        "UPDATE outbox SET status = ?, receipt = ?, finished_ms = ?, attempts = attempts + 1, payload = '' \
         WHERE id = ? AND status = 'pending'",
    )
    .bind(status.as_str())
    .bind(receipt)
    .bind(now_ms)
    .bind(id.to_string())
    .execute(connection)
    .await
    .map_err(Error::query("finish a message"))?;
    Ok(())
}

pub(crate) async fn prune(connection: &mut SqliteConnection, now_ms: i64) -> Result<(), Error> {
    sqlx::query("DELETE FROM outbox WHERE status <> 'pending' AND finished_ms < ?")
        .bind(now_ms.saturating_sub(limits::OUTBOX_FINISHED_AGE_MS_MAX))
        .execute(&mut *connection)
        .await
        .map_err(Error::query("prune the outbox"))?;
    sqlx::query(
        "DELETE FROM outbox WHERE status <> 'pending' AND id <= \
         (SELECT id FROM outbox WHERE status <> 'pending' ORDER BY id DESC LIMIT 1 OFFSET ?)",
    )
    .bind(limits::OUTBOX_FINISHED_MAX)
    .execute(connection)
    .await
    .map_err(Error::query("prune the outbox"))?;
    Ok(())
}

fn shorten(text: &str) -> String {
    let end = text.floor_char_boundary(limits::RECEIPT_BYTES_MAX);
    text.get(..end).unwrap_or_default().to_owned()
}

fn from_row(row: &SqliteRow) -> Result<OutboxRow, Error> {
    let id: String = row.get("id");
    let attempts: i64 = row.get("attempts");
    Ok(OutboxRow {
        id: Ulid::from_string(&id).map_err(|error| Error::BadRow {
            table: TABLE,
            reason: format!("{id:?} is no id: {error}"),
        })?,
        message: NewOutboxRow {
            idempotency_key: row.get("idempotency_key"),
            receiver: row.get("receiver"),
            channel: row.get("channel"),
            lane: row.get("lane"),
            fingerprints: fingerprints_from_text(TABLE, row.get("fingerprints"))?,
            payload: row.get("payload"),
        },
        status: OutboxStatus::parse(&row.get::<String, _>("status"))?,
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
        created_ms: row.get("created_ms"),
        next_attempt_ms: row.get("next_attempt_ms"),
        finished_ms: row.get("finished_ms"),
        receipt: row.get("receipt"),
    })
}
