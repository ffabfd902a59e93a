//! Elections on disk (docs/formats/ha-elections.md): a file of JSON that is replaced whole.

use std::path::Path;
use std::sync::Arc;

use disk::{DiskError, Storage};
use model::TenantId;
use serde::{Deserialize, Serialize};

use super::election::{Election, Elections, Key};
use crate::error::IngestError;
use crate::limits::HA_FILE_BYTES_MAX;

const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct File {
    version: u32,
    elections: Vec<Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    tenant: u32,
    cluster: String,
    replica: String,
    heard_ms: i64,
}

/// Reads the file. One that cannot be understood is said so and counts as none: the next replica that is heard is elected.
pub(super) fn load(path: &Path) -> Result<Elections, IngestError> {
    let unreadable = |source| IngestError::ReadFile {
        path: path.to_owned(),
        source,
    };
    let bytes = match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Elections::default()),
        Err(error) => return Err(unreadable(error)),
        Ok(facts) if facts.len() > HA_FILE_BYTES_MAX => Vec::new(),
        Ok(_) => std::fs::read(path).map_err(unreadable)?,
    };
    Ok(decode(&bytes).unwrap_or_else(|reason| {
        tracing::warn!(path = %path.display(), reason, "elections of replicas are settled anew");
        Elections::default()
    }))
}

pub(super) fn decode(bytes: &[u8]) -> Result<Elections, String> {
    let file: File = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if file.version != VERSION {
        return Err(format!("version {} is not known", file.version));
    }
    let entry = |entry: Entry| {
        let key = Key {
            tenant: TenantId(entry.tenant),
            cluster: Arc::from(entry.cluster),
        };
        let election = Election {
            replica: Arc::from(entry.replica),
            heard_ms: entry.heard_ms,
        };
        (key, election)
    };
    Ok(file.elections.into_iter().map(entry).collect())
}

pub(super) fn encode(elections: &Elections) -> Vec<u8> {
    let entry = |(key, election): (&Key, &Election)| Entry {
        tenant: key.tenant.0,
        cluster: key.cluster.to_string(),
        replica: election.replica.to_string(),
        heard_ms: election.heard_ms,
    };
    let file = File {
        version: VERSION,
        elections: elections.iter().map(entry).collect(),
    };
    // Texts and numbers always have a form in JSON.
    serde_json::to_vec(&file).unwrap_or_default()
}

pub(super) fn save(storage: &dyn Storage, path: &Path, text: &[u8]) -> Result<(), IngestError> {
    let dir = path.parent().unwrap_or(Path::new("."));
    storage
        .create_dir_all(dir)
        .map_err(DiskError::io("create the folder", dir))?;
    disk::publish(storage, path, |file| file.write_all_at(text, 0))?;
    Ok(())
}
