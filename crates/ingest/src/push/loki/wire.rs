//! `logproto.PushRequest`, walked once: its lines go into the batch as they lie in the body.

use std::borrow::Cow;

use super::super::PushError;
use super::super::protobuf::{Fields, Malformed, Value};
use super::malformed;
use crate::logs::{Gather, Pair};

/// Why a walk ends early.
enum Stop {
    Malformed,
    Refused(PushError),
}

impl From<Malformed> for Stop {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<PushError> for Stop {
    fn from(error: PushError) -> Self {
        Self::Refused(error)
    }
}

/// Walks a request.
pub(super) fn walk(body: &[u8], out: &mut Gather<'_>) -> Result<(), PushError> {
    let mut place = 0;
    walk_streams(body, &mut place, out).map_err(|stop| match stop {
        Stop::Malformed => malformed(format!("stream {place}: {Malformed}")),
        Stop::Refused(error) => error,
    })
}

/// `place` says at which stream it is.
fn walk_streams(body: &[u8], place: &mut usize, out: &mut Gather<'_>) -> Result<(), Stop> {
    let mut metadata = Vec::new();
    let mut fields = Fields::new(body);
    while let Some((number, value)) = fields.next_field()? {
        if number == 1 {
            stream(value.bytes()?, &mut metadata, out)?;
            *place += 1;
        }
    }
    Ok(())
}

fn stream<'a>(message: &'a [u8], metadata: &mut Vec<Pair<'a>>, out: &mut Gather<'_>) -> Result<(), Stop> {
    let mut is_named = false;
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 if !is_named => {
                out.begin_text(value.bytes()?);
                is_named = true;
            }
            2 => {
                if !is_named {
                    out.begin_text(labels_behind(fields)?);
                    is_named = true;
                }
                entry(value.bytes()?, metadata, out)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The labels of a stream whose lines come first.
fn labels_behind(mut fields: Fields<'_>) -> Result<&[u8], Malformed> {
    while let Some((number, value)) = fields.next_field()? {
        if number == 1 {
            return value.bytes();
        }
    }
    Ok(b"{}")
}

fn entry<'a>(message: &'a [u8], metadata: &mut Vec<Pair<'a>>, out: &mut Gather<'_>) -> Result<(), Stop> {
    let (mut at_ns, mut line) = (0, [].as_slice());
    metadata.clear();
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => at_ns = timestamp(value.bytes()?)?,
            2 => line = value.bytes()?,
            3 => metadata.push(pair(value, out)?),
            _ => {}
        }
    }
    out.line(at_ns, &out.text(line), metadata)?;
    Ok(())
}

/// A `google.protobuf.Timestamp`, in nanoseconds since the Unix epoch.
fn timestamp(message: &[u8]) -> Result<i64, Malformed> {
    let (mut seconds, mut nanos) = (0_i64, 0_i64);
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => seconds = value.varint()? as i64,
            2 => nanos = value.varint()? as i64,
            _ => {}
        }
    }
    Ok(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
}

fn pair<'a>(value: Value<'a>, out: &Gather<'_>) -> Result<Pair<'a>, Malformed> {
    let mut pair = (Cow::Borrowed(""), Cow::Borrowed(""));
    let mut fields = Fields::new(value.bytes()?);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => pair.0 = out.text(value.bytes()?),
            2 => pair.1 = out.text(value.bytes()?),
            _ => {}
        }
    }
    Ok(pair)
}
