//! An object store that fails when a test tells it to.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use lake::Objects;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// What goes wrong, set by the test while the store is in use.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// No request is answered well.
    pub(crate) down: AtomicBool,
    /// No object is taken: the store is full.
    pub(crate) full: AtomicBool,
    /// What is put is kept, and the answer is lost.
    pub(crate) answer_lost: AtomicBool,
    /// Every answer takes so many milliseconds.
    pub(crate) slow_ms: AtomicU64,
    /// One request in so many goes wrong in one of these ways; 0: none.
    pub(crate) one_in: AtomicU64,
    /// Requests so far.
    pub(crate) requests: AtomicU64,
    /// Objects that were put.
    pub(crate) puts: AtomicU64,
}

/// An object store with faults on top.
#[derive(Debug)]
pub(crate) struct FaultyObjects {
    inner: Arc<dyn ObjectStore>,
    faults: Arc<Faults>,
}

impl fmt::Display for FaultyObjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "faulty {}", self.inner)
    }
}

fn fault(what: &str) -> Error {
    Error::Generic {
        store: "faulty",
        source: what.to_owned().into(),
    }
}

/// `inner` as segments lie in it, with a cache of so many bytes, and the handle to its faults.
pub(crate) fn faulty(inner: Arc<dyn ObjectStore>, cache_bytes: u64) -> (Objects, Arc<Faults>) {
    let faults = Arc::<Faults>::default();
    let store = FaultyObjects {
        inner,
        faults: Arc::clone(&faults),
    };
    let objects = Objects {
        store: Arc::new(store),
        prefix: Path::from("logs/one"),
        name: "s3://bucket/logs/one".to_owned(),
        cache_bytes,
        timeout: Duration::from_millis(300),
    };
    (objects, faults)
}

impl FaultyObjects {
    /// Before a request; tells whether its answer will be lost.
    async fn before(&self) -> Result<bool> {
        let faults = &self.faults;
        let number = faults.requests.fetch_add(1, Ordering::SeqCst);
        let one_in = faults.one_in.load(Ordering::SeqCst);
        // Spread, and not by the number of tries.
        let dice = (number ^ 0x5bd1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
        let is_hit = |way: u64| one_in > 0 && dice.is_multiple_of(one_in) && (dice / one_in) % 3 == way;
        let slow_ms = faults.slow_ms.load(Ordering::SeqCst);
        if slow_ms > 0 {
            tokio::time::sleep(Duration::from_millis(slow_ms)).await;
        }
        if is_hit(0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if faults.down.load(Ordering::SeqCst) || is_hit(1) {
            return Err(fault("503 Service Unavailable"));
        }
        Ok(faults.answer_lost.load(Ordering::SeqCst) || is_hit(2))
    }
}

#[async_trait::async_trait]
impl ObjectStore for FaultyObjects {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let is_lost = self.before().await?;
        if self.faults.full.load(Ordering::SeqCst) {
            return Err(fault("507 Insufficient Storage"));
        }
        let put = self.inner.put_opts(location, payload, opts).await?;
        self.faults.puts.fetch_add(1, Ordering::SeqCst);
        if is_lost {
            return Err(fault("connection reset before the answer"));
        }
        Ok(put)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.before().await?;
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.before().await?;
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        if self.faults.down.load(Ordering::SeqCst) {
            return futures::stream::once(async { Err(fault("503 Service Unavailable")) }).boxed();
        }
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        if self.faults.down.load(Ordering::SeqCst) {
            return futures::stream::once(async { Err(fault("503 Service Unavailable")) }).boxed();
        }
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.before().await?;
        self.inner.copy_opts(from, to, options).await
    }
}
