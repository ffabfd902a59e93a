//! Elasticsearch's bulk protocol: documents become lines, and each is answered for itself.
//!
//! In: bodies of `POST _bulk`: an action and a document by turns, a line each.  Out: a batch to [`Logs`], and an answer for every
//! action.
//! Owns: nothing.
//! Invariants: every action has one answer, in order (`tests/elastic.rs`); any bytes are taken or refused (`tests/elastic.rs`).
//! Not here: HTTP and what clients ask first (`web`).
//! Start at: [`Logs::elastic_bulk`].
//!
//! Fuzz: elastic_bulk

mod document;

use std::borrow::Cow;

use model::LogRefusal;
use serde::Deserialize;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::{Encoding, Origin, PushError};
use crate::limits::{ELASTIC_DOCUMENT_BYTES_MAX, LOG_LINES_MAX};
use crate::logs::{Gather, LogOutcome, Logs, key_of};

/// What is done with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Kept, whether there is one of this identifier or not.
    Index,
    /// Kept.
    Create,
    /// Not possible: what is stored stays.
    Update,
    /// Not possible: what is stored stays.
    Delete,
}

/// What became of one action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What was to be done.
    pub action: Action,
    /// The name of the index.
    pub index: String,
    /// The document's identifier, as its sender names it or made here.
    pub id: String,
    /// Why it was refused; none where it was taken.
    pub fault: Option<Fault>,
}

/// Why a document was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The status code of HTTP that it has.
    pub status: u16,
    /// Elasticsearch's name for it.
    pub kind: &'static str,
    /// What is wrong.
    pub reason: String,
}

/// What became of a body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BulkOutcome {
    /// One for each action, in order.
    pub items: Vec<Item>,
    /// What the store says.
    pub lines: LogOutcome,
}

impl Action {
    /// Elasticsearch's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ActionLine<'a> {
    #[serde(borrow)]
    Index(Meta<'a>),
    #[serde(borrow)]
    Create(Meta<'a>),
    #[serde(borrow)]
    Update(Meta<'a>),
    #[serde(borrow)]
    Delete(Meta<'a>),
}

#[derive(Debug, Default, Deserialize)]
struct Meta<'a> {
    #[serde(borrow, default, rename = "_index")]
    index: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "_id")]
    id: Option<Cow<'a, str>>,
}

impl Logs {
    /// Takes in a body of actions and documents. `index` is that of the path, for actions that name none. Blocks on the store's disk:
    /// call it from a blocking task.
    pub fn elastic_bulk(
        &self,
        body: &[u8],
        encoding: Encoding,
        index: Option<&str>,
        origin: Origin,
    ) -> Result<BulkOutcome, PushError> {
        self.unpacked(body, encoding, |bytes| {
            let mut gather = self.gather(origin);
            gather.reserve(bytes.len());
            // The same body means something else under another index.
            let key = key_of(body, origin) ^ u128::from(xxh3_64(index.unwrap_or_default().as_bytes()));
            let mut bulk = Bulk {
                out: &mut gather,
                index: index.unwrap_or_default(),
                key,
                items: Vec::new(),
                has_own_times: true,
            };
            bulk.read(bytes)?;
            let (items, has_own_times) = (bulk.items, bulk.has_own_times);
            let lines = self.store(gather, "elasticsearch", has_own_times.then_some(key))?;
            Ok(BulkOutcome { items, lines })
        })
    }
}

impl Logs {
    /// Takes in one document that is a body by itself; line ends in it do not matter. `action` is the line that a bulk would have before
    /// it. Blocks on the store's disk: call it from a blocking task.
    pub fn elastic_document(
        &self,
        action: &str,
        body: &[u8],
        encoding: Encoding,
        origin: Origin,
    ) -> Result<BulkOutcome, PushError> {
        let mut bulk = format!("{action}\n").into_bytes();
        self.unpacked(body, encoding, |document| {
            // JSON has no line ends within its texts.
            bulk.extend(document.iter().map(|byte| match byte {
                b'\n' | b'\r' => b' ',
                other => *other,
            }));
            Ok(())
        })?;
        self.elastic_bulk(&bulk, Encoding::Identity, None, origin)
    }
}

struct Bulk<'o, 'g> {
    out: &'o mut Gather<'g>,
    index: &'o str,
    key: u128,
    items: Vec<Item>,
    has_own_times: bool,
}

impl Bulk<'_, '_> {
    fn read(&mut self, bytes: &[u8]) -> Result<(), PushError> {
        let mut lines = bytes.split(|byte| *byte == b'\n').enumerate();
        while let Some((place, line)) = lines.next() {
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            let malformed = |what: String| malformed(format!("line {}: {what}", place + 1));
            let read: ActionLine<'_> = serde_json::from_slice(line).map_err(|error| {
                malformed(format!(
                    "Malformed action/metadata line, expected an object with index or create: {error}"
                ))
            })?;
            let (action, meta) = match read {
                ActionLine::Index(meta) => (Action::Index, meta),
                ActionLine::Create(meta) => (Action::Create, meta),
                ActionLine::Update(meta) => (Action::Update, meta),
                ActionLine::Delete(meta) => (Action::Delete, meta),
            };
            if self.items.len() >= LOG_LINES_MAX {
                return Err(PushError::TooMany {
                    what: "documents",
                    max: LOG_LINES_MAX,
                });
            }
            let document = match action {
                Action::Delete => None,
                _ => match lines.next() {
                    Some((_, document)) => Some(document.trim_ascii()),
                    None => return Err(malformed("the document of this action is missing".to_owned())),
                },
            };
            self.take(action, &meta, document)?;
        }
        Ok(())
    }

    fn take(&mut self, action: Action, meta: &Meta<'_>, document: Option<&[u8]>) -> Result<(), PushError> {
        let index = meta.index.as_deref().unwrap_or(self.index).to_owned();
        let place = self.items.len() as u64;
        let id = match &meta.id {
            Some(id) => id.clone().into_owned(),
            None => format!("{:016x}", xxh3_64_with_seed(&self.key.to_le_bytes(), place)),
        };
        let fault = match (action, document) {
            (Action::Index | Action::Create, _) if index.is_empty() => Some(Fault {
                status: 400,
                kind: "action_request_validation_exception",
                reason: "Validation Failed: 1: index is missing;".to_owned(),
            }),
            (Action::Index | Action::Create, Some(document)) => self.document(&index, document)?,
            _ => Some(Fault {
                status: 400,
                kind: "illegal_argument_exception",
                reason: format!(
                    "{} is not possible here: lines that are stored stay as they are; send index or create",
                    action.as_str()
                ),
            }),
        };
        self.items.push(Item {
            action,
            index,
            id,
            fault,
        });
        Ok(())
    }

    fn document(&mut self, index: &str, document: &[u8]) -> Result<Option<Fault>, PushError> {
        if document.len() > ELASTIC_DOCUMENT_BYTES_MAX {
            return Ok(Some(Fault {
                status: 413,
                kind: "document_too_large",
                reason: format!(
                    "the document has {} bytes, the limit is {ELASTIC_DOCUMENT_BYTES_MAX}",
                    document.len()
                ),
            }));
        }
        let text = self.out.text(document);
        let has_own_time = match document::add(self.out, index, &text)? {
            Ok(has_own_time) => has_own_time,
            Err(reason) => {
                return Ok(Some(Fault {
                    status: 400,
                    kind: "document_parsing_exception",
                    reason,
                }));
            }
        };
        self.has_own_times &= has_own_time;
        Ok(self.out.last_refusal.map(refused))
    }
}

fn refused(refusal: LogRefusal) -> Fault {
    let reason = match refusal {
        LogRefusal::LineTooLong => "the line is longer than logs.line_size_max",
        LogRefusal::TooMuchMetadata => "the document has more fields than logs.metadata_pairs_max",
        LogRefusal::BadLabels => {
            "the labels of the stream have more or longer ones than the logs section allows"
        }
        LogRefusal::TooOld | LogRefusal::TooFarInFuture | LogRefusal::TooManyStreams => refusal.as_str(),
    };
    Fault {
        status: 400,
        kind: "illegal_argument_exception",
        reason: reason.to_owned(),
    }
}

fn malformed(reason: String) -> PushError {
    PushError::Malformed {
        protocol: "bulk request of Elasticsearch",
        reason,
    }
}
