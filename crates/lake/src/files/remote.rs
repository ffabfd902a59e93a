//! Segments in an object store, with copies of those used last on this machine.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use disk::{SharedStorage, StorageFile};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parking_lot::Mutex;
use ulid::Ulid;

use super::blocks::Blocks;
use super::caller::Caller;
use super::copies::Copies;
use super::{SegmentFile, SegmentFiles, file_name, id_of};
use crate::limits::{OBJECT_BLOCK_BYTES, OBJECTS_SENT_AT_ONCE};
use crate::objects::Objects;
use crate::telemetry::Telemetry;

/// The place.
#[derive(Debug)]
pub(crate) struct RemoteFiles {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    name: String,
    caller: Caller,
    copies: Copies,
    blocks: Blocks,
    telemetry: Telemetry,
    catching_up: Mutex<CatchingUp>,
}

/// How far it is known that the object store has what lies on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CatchingUp {
    /// It was not asked what it has.
    Unasked,
    /// Something may be missing there.
    Sending,
    /// It has everything.
    Done,
}

#[derive(Debug)]
struct CopyFile(Box<dyn StorageFile>);

#[derive(Debug)]
struct Object {
    inner: Arc<Inner>,
    id: Ulid,
    bytes: u64,
}

impl RemoteFiles {
    /// Segments in `objects`, with copies in `dir`.
    pub(crate) fn new(
        objects: &Objects,
        storage: SharedStorage,
        dir: PathBuf,
        telemetry: &Telemetry,
    ) -> io::Result<Self> {
        let copies = Copies::open(storage, dir, objects.cache_bytes, telemetry.clone())?;
        let inner = Inner {
            store: Arc::clone(&objects.store),
            prefix: objects.prefix.clone(),
            name: objects.name.clone(),
            caller: Caller::new(objects.timeout, telemetry.clone())?,
            copies,
            blocks: Blocks::default(),
            telemetry: telemetry.clone(),
            catching_up: Mutex::new(CatchingUp::Unasked),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }
}

impl SegmentFiles for RemoteFiles {
    fn path_to_write(&self, id: Ulid) -> PathBuf {
        self.inner.copies.path(id)
    }

    fn keep(&self, id: Ulid, bytes: u64) -> io::Result<()> {
        self.inner.copies.added(id, bytes);
        self.inner.send(id)
    }

    fn open(&self, id: Ulid, bytes: Option<u64>) -> io::Result<Box<dyn SegmentFile>> {
        if let Some(copy) = self.inner.copies.file(id) {
            return Ok(Box::new(CopyFile(copy)));
        }
        let bytes = match bytes {
            Some(bytes) => bytes,
            None => self.inner.byte_len(id)?,
        };
        let inner = Arc::clone(&self.inner);
        Ok(Box::new(Object { inner, id, bytes }))
    }

    fn remove(&self, id: Ulid) -> io::Result<()> {
        // Room on this machine does not wait for the object store.
        self.remove_near(id)?;
        self.inner.delete(id)?;
        self.inner.copies.forget(id);
        self.inner.blocks.forget(id);
        Ok(())
    }

    fn remove_near(&self, id: Ulid) -> io::Result<()> {
        self.inner.copies.remove(id).map(|_| ())
    }

    fn set_aside(&self, id: Ulid) -> Result<String, String> {
        let inner = &self.inner;
        let (store, from) = (Arc::clone(&inner.store), inner.path(id));
        let to = inner.prefix.clone().join("quarantine").join(file_name(id));
        let place = format!("{}/quarantine/{}", inner.name, file_name(id));
        let copied = inner.caller.call("copy", &place, || {
            let (store, from, to) = (Arc::clone(&store), from.clone(), to.clone());
            async move { store.copy(&from, &to).await }
        });
        match copied {
            Ok(()) => Ok(format!("set aside as {place}")),
            Err(error) => Err(format!("it could not be set aside: {error}")),
        }
    }

    fn drop_copy(&self, id: Ulid) -> bool {
        self.inner.blocks.forget(id);
        // Without the object the copy is all there is.
        self.inner.copies.has_safe(id) && self.inner.copies.remove(id).unwrap_or_default()
    }

    fn list(&self) -> io::Result<Vec<Ulid>> {
        let mut all = self.inner.list()?;
        all.extend(self.inner.copies.ids());
        Ok(all.into_iter().collect())
    }

    fn is_near(&self) -> bool {
        false
    }

    fn catch_up(&self, ids: &[Ulid]) -> io::Result<()> {
        let inner = &self.inner;
        let mut catching_up = inner.catching_up.lock();
        match *catching_up {
            // What was written since was sent before it answered.
            CatchingUp::Done => return Ok(()),
            CatchingUp::Sending => {}
            CatchingUp::Unasked => {
                for id in inner.list()? {
                    inner.copies.is_safe(id);
                }
                *catching_up = CatchingUp::Sending;
            }
        }
        let here: BTreeSet<Ulid> = inner.copies.ids().into_iter().collect();
        let missing = ids
            .iter()
            .filter(|id| here.contains(id) && !inner.copies.has_safe(**id));
        let missing: Vec<Ulid> = missing.copied().take(OBJECTS_SENT_AT_ONCE).collect();
        for id in &missing {
            inner.send(*id)?;
        }
        if missing.is_empty() {
            *catching_up = CatchingUp::Done;
        }
        Ok(())
    }

    fn place(&self, id: Ulid) -> String {
        format!("segment {}", self.inner.place(id))
    }

    fn all(&self) -> String {
        self.inner.name.clone()
    }
}

impl Inner {
    fn path(&self, id: Ulid) -> Path {
        self.prefix.clone().join("segments").join(file_name(id))
    }

    fn place(&self, id: Ulid) -> String {
        format!("{}/segments/{}", self.name, file_name(id))
    }

    /// Puts the copy of a segment into the object store. Doing so twice changes nothing.
    fn send(&self, id: Ulid) -> io::Result<()> {
        let file = self.copies.file(id).ok_or(io::ErrorKind::NotFound)?;
        let bytes = Bytes::from(file.read_all()?);
        let path = self.path(id);
        self.caller.call("put", &self.place(id), || {
            let (store, path, bytes) = (Arc::clone(&self.store), path.clone(), bytes.clone());
            async move { store.put(&path, bytes.into()).await }
        })?;
        self.telemetry.object_bytes_sent.inc_by(bytes.len() as u64);
        self.copies.is_safe(id);
        Ok(())
    }

    fn byte_len(&self, id: Ulid) -> io::Result<u64> {
        let path = self.path(id);
        let meta = self.caller.call("head", &self.place(id), || {
            let (store, path) = (Arc::clone(&self.store), path.clone());
            async move { store.head(&path).await }
        })?;
        Ok(meta.size)
    }

    fn delete(&self, id: Ulid) -> io::Result<()> {
        let path = self.path(id);
        let deleted = self.caller.call("delete", &self.place(id), || {
            let (store, path) = (Arc::clone(&self.store), path.clone());
            async move { store.delete(&path).await }
        });
        match deleted {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    fn list(&self) -> io::Result<BTreeSet<Ulid>> {
        let folder = self.prefix.clone().join("segments");
        let objects = self.caller.call("list", &self.name, || {
            let (store, folder) = (Arc::clone(&self.store), folder.clone());
            async move { store.list(Some(&folder)).try_collect::<Vec<_>>().await }
        })?;
        let names = objects.iter().filter_map(|object| object.location.filename());
        Ok(names.filter_map(|name| id_of(name.as_ref())).collect())
    }

    /// Fetches blocks, from one to before another.
    fn fetch(&self, id: Ulid, blocks: std::ops::Range<u64>, bytes: u64) -> io::Result<Vec<Bytes>> {
        let start = blocks.start * OBJECT_BLOCK_BYTES;
        let end = (blocks.end * OBJECT_BLOCK_BYTES).min(bytes);
        if start >= end {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let path = self.path(id);
        let got = self.caller.call("get", &self.place(id), || {
            let (store, path) = (Arc::clone(&self.store), path.clone());
            async move {
                let got = store.get_range(&path, start..end).await?;
                if got.len() as u64 == end - start {
                    return Ok(got);
                }
                // No damage of the segment: the same request may have the whole answer next time.
                Err(object_store::Error::Generic {
                    store: "segments",
                    source: format!("{} bytes came instead of {}", got.len(), end - start).into(),
                })
            }
        })?;
        self.telemetry.object_bytes_received.inc_by(got.len() as u64);
        let mut fetched = Vec::new();
        for number in blocks {
            let from = (number * OBJECT_BLOCK_BYTES - start).min(got.len() as u64) as usize;
            let to = (from + OBJECT_BLOCK_BYTES as usize).min(got.len());
            // Cut off the whole: what stays in memory holds no more than itself.
            let block = Bytes::copy_from_slice(got.get(from..to).unwrap_or_default());
            self.blocks.put(id, number, block.clone());
            fetched.push(block);
        }
        Ok(fetched)
    }
}

impl SegmentFile for CopyFile {
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(bytes, offset)
    }

    fn byte_len(&self) -> io::Result<u64> {
        self.0.byte_len()
    }
}

impl SegmentFile for Object {
    fn read_exact_at(&self, mut out: &mut [u8], mut offset: u64) -> io::Result<()> {
        let end = offset.saturating_add(out.len() as u64);
        if end > self.bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        while !out.is_empty() {
            let number = offset / OBJECT_BLOCK_BYTES;
            let blocks = match self.inner.blocks.get(self.id, number) {
                Some(block) => vec![block],
                None => {
                    // With all that follow and are not here either.
                    let mut last = number + 1;
                    while last * OBJECT_BLOCK_BYTES < end && self.inner.blocks.get(self.id, last).is_none() {
                        last += 1;
                    }
                    self.inner.fetch(self.id, number..last, self.bytes)?
                }
            };
            for block in blocks {
                let from = (offset % OBJECT_BLOCK_BYTES) as usize;
                let there = block.get(from..).unwrap_or_default();
                let count = there.len().min(out.len());
                let (now, later) = std::mem::take(&mut out).split_at_mut(count);
                now.copy_from_slice(there.get(..count).unwrap_or_default());
                out = later;
                offset += count as u64;
                if count == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                if out.is_empty() {
                    break;
                }
            }
        }
        Ok(())
    }

    fn byte_len(&self) -> io::Result<u64> {
        Ok(self.bytes)
    }
}
