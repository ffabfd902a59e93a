//! The object store that segments may lie in: what the operator says of it, and how it is reached.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore, RetryConfig};
use serde::{Deserialize, Serialize};
use stdx::{HumanBytes, HumanDuration};
use url::Url;

use crate::error::LakeError;

/// A connection takes at most so long to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where segments lie, where that is not this machine.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectStoreConfig {
    /// The bucket and what names of objects begin with: `s3://bucket/prefix`.
    pub url: Url,
    /// The address of the service, where it is not Amazon's.
    #[serde(default)]
    pub endpoint: Option<Url>,
    /// The region of the bucket.
    #[serde(default)]
    pub region: Option<String>,
    /// Who asks; without it the environment says so (`AWS_ACCESS_KEY_ID` and the others that Amazon's tools know).
    #[serde(default)]
    pub access_key_id: Option<String>,
    /// What proves it.
    #[serde(default, skip_serializing)]
    pub secret_access_key: Option<String>,
    /// A file that holds what proves it.
    #[serde(default)]
    pub secret_access_key_file: Option<PathBuf>,
    /// Whether the address may be a plain one, without TLS.
    #[serde(default)]
    pub allow_http: bool,
    /// Whether the bucket stands in the host's name rather than in the path.
    #[serde(default)]
    pub virtual_hosted_style: bool,
    /// Copies of segments on this machine take at most so many bytes.
    #[serde(default = "cache_size_default")]
    pub cache_size: HumanBytes,
    /// How long one request may take.
    #[serde(default = "timeout_default")]
    pub timeout: HumanDuration,
}

fn cache_size_default() -> HumanBytes {
    HumanBytes(10 << 30)
}

fn timeout_default() -> HumanDuration {
    HumanDuration(Duration::from_secs(30))
}

/// A connected object store.
#[derive(Debug, Clone)]
pub struct Objects {
    /// The store.
    pub store: Arc<dyn ObjectStore>,
    /// What names of objects begin with.
    pub prefix: Path,
    /// How people call the place.
    pub name: String,
    /// Copies on this machine take at most so many bytes.
    pub cache_bytes: u64,
    /// How long one request may take.
    pub timeout: Duration,
}

impl fmt::Debug for ObjectStoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectStoreConfig")
            .field("url", &self.url.as_str())
            .field("endpoint", &self.endpoint.as_ref().map(Url::as_str))
            .finish_non_exhaustive()
    }
}

impl ObjectStoreConfig {
    /// Makes relative paths relative to `base`, the folder of the file that names them.
    pub fn resolve_paths(&mut self, base: &std::path::Path) {
        if let Some(file) = self
            .secret_access_key_file
            .as_mut()
            .filter(|file| file.is_relative())
        {
            *file = base.join(&*file);
        }
    }

    /// Makes a client; nothing is asked yet.
    pub fn connect(&self) -> Result<Objects, LakeError> {
        let failed = |reason: String| LakeError::ObjectStore {
            url: self.url.to_string(),
            reason,
        };
        let bucket = (self.url.host_str())
            .filter(|_| self.url.scheme() == "s3")
            .ok_or_else(|| failed("it is no address like s3://bucket/prefix".to_owned()))?;
        let client = ClientOptions::new()
            .with_timeout(self.timeout.0)
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_allow_http(self.allow_http);
        // Tries are repeated, and counted, by us.
        let retry = RetryConfig {
            max_retries: 0,
            ..RetryConfig::default()
        };
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            .with_client_options(client)
            .with_allow_http(self.allow_http)
            .with_virtual_hosted_style_request(self.virtual_hosted_style)
            .with_retry(retry);
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint.as_str().trim_end_matches('/'));
        }
        if let Some(region) = &self.region {
            builder = builder.with_region(region);
        }
        if let Some(id) = &self.access_key_id {
            builder = builder.with_access_key_id(id);
        }
        if let Some(secret) = self.secret().map_err(failed)? {
            builder = builder.with_secret_access_key(secret);
        }
        let store = builder.build().map_err(|error| failed(error.to_string()))?;
        let prefix = Path::from_url_path(self.url.path()).map_err(|error| failed(error.to_string()))?;
        Ok(Objects {
            store: Arc::new(store),
            name: self.url.as_str().trim_end_matches('/').to_owned(),
            prefix,
            cache_bytes: self.cache_size.0,
            timeout: self.timeout.0,
        })
    }

    fn secret(&self) -> Result<Option<String>, String> {
        let Some(path) = &self.secret_access_key_file else {
            return Ok(self.secret_access_key.clone());
        };
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("cannot read secret_access_key_file {}: {error}", path.display()))?;
        Ok(Some(text.trim().to_owned()))
    }
}
