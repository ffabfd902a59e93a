//! `prometheus.ReadRequest`: what is asked, and in which form the answer may come.
//!
//! Fuzz: remote_read

use model::{Matcher, PatternsSize, TimeRange};

use crate::limits::{REMOTE_READ_MATCHERS_MAX, REMOTE_READ_QUERIES_MAX};
use crate::push::protobuf::{Fields, Malformed, packed_varints};

/// A request.
#[derive(Debug, Clone)]
pub struct ReadRequest {
    /// The form in which to answer: the first one the client takes that is known here.
    pub answer: Answer,
    /// What is asked.
    pub queries: Vec<ReadQuery>,
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// One message with all samples, packed by Snappy.
    Samples,
    /// Frames of compressed chunks, sent while they are made.
    StreamedChunks,
}

/// One question.
#[derive(Debug, Clone)]
pub struct ReadQuery {
    /// Samples of this time; `None` where its end lies before its start.
    pub range: Option<TimeRange>,
    /// What series must meet, all of it.
    pub matchers: Vec<Matcher>,
}

/// Why a request is not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    /// It is no such message.
    #[error("the body is no prometheus.ReadRequest: {0}")]
    Malformed(#[from] Malformed),
    /// A pattern cannot be read.
    #[error("{0}")]
    Matcher(String),
    /// Too much is asked at once.
    #[error("the request has more than {max} {what}; ask for fewer at once")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// The client takes no form of answer that is known here.
    #[error("none of the accepted response types is known; known are SAMPLES and STREAMED_XOR_CHUNKS")]
    UnknownAnswer,
}

/// Reads a request, unpacked already.
///
/// # Errors
/// What is wrong with it.
pub fn decode(body: &[u8]) -> Result<ReadRequest, BadRequest> {
    let mut queries = Vec::new();
    let mut patterns = PatternsSize::default();
    // The first form that the client names and that is known; of a client that names none, samples.
    let (mut is_named, mut answer) = (false, None);
    let mut fields = Fields::new(body);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => {
                check(queries.len(), "queries", REMOTE_READ_QUERIES_MAX)?;
                queries.push(query(value.bytes()?, &mut patterns)?);
            }
            2 => packed_varints(value, |kind| {
                is_named = true;
                answer = answer.or(match kind {
                    0 => Some(Answer::Samples),
                    1 => Some(Answer::StreamedChunks),
                    _ => None,
                });
            })?,
            _ => {}
        }
    }
    let answer = match (answer, is_named) {
        (Some(answer), _) => answer,
        (None, false) => Answer::Samples,
        (None, true) => return Err(BadRequest::UnknownAnswer),
    };
    Ok(ReadRequest { answer, queries })
}

fn query(message: &[u8], patterns: &mut PatternsSize) -> Result<ReadQuery, BadRequest> {
    let (mut from_ms, mut to_ms) = (0, 0);
    let mut matchers = Vec::new();
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => from_ms = value.varint()? as i64,
            2 => to_ms = value.varint()? as i64,
            3 => {
                check(matchers.len(), "matchers in a query", REMOTE_READ_MATCHERS_MAX)?;
                let matcher = matcher(value.bytes()?)?;
                let added = patterns.add(matcher.pattern_bytes());
                added.map_err(|error| BadRequest::Matcher(error.to_string()))?;
                matchers.push(matcher);
            }
            // Hints say what the asker will compute; whole series answer every such question.
            _ => {}
        }
    }
    Ok(ReadQuery {
        range: TimeRange::new(from_ms, to_ms).ok(),
        matchers,
    })
}

fn matcher(message: &[u8]) -> Result<Matcher, BadRequest> {
    let (mut kind, mut name, mut text) = (0, "", "");
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => kind = value.varint()?,
            2 => name = value.text()?,
            3 => text = value.text()?,
            _ => {}
        }
    }
    let matcher = match kind {
        0 => return Ok(Matcher::equal(name, text)),
        1 => return Ok(Matcher::not_equal(name, text)),
        2 => Matcher::matching(name, text),
        3 => Matcher::not_matching(name, text),
        _ => {
            return Err(BadRequest::Matcher(format!(
                "the matcher type {kind} is not known"
            )));
        }
    };
    matcher.map_err(|error| BadRequest::Matcher(error.to_string()))
}

fn check(count: usize, what: &'static str, max: usize) -> Result<(), BadRequest> {
    if count < max {
        return Ok(());
    }
    Err(BadRequest::TooMany { what, max })
}
