//! A list of files: its patterns, its form, and what they lead to at a moment.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use glob::Pattern;
use xxhash_rust::xxh3::xxh3_64;

use super::watch::Watch;
use crate::logs::config::{Format, LogFiles, LogsConfig, ReadFrom};
use crate::logs::forms::Form;
use crate::logs::origin::Teller;

/// Endings of files that are not text.
const PACKED: [&str; 6] = ["gz", "bz2", "xz", "zst", "lz4", "zip"];

/// A file, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FileKey {
    pub(super) device: u64,
    pub(super) inode: u64,
}

impl FileKey {
    pub(super) fn of(facts: &Metadata) -> Self {
        Self {
            device: facts.dev(),
            inode: facts.ino(),
        }
    }
}

/// A list of files that are followed in one way.
#[derive(Debug)]
pub(super) struct List {
    pub(super) source: &'static str,
    include: Vec<String>,
    exclude: Vec<Pattern>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) read_from: ReadFrom,
    pub(super) form: Form,
    pub(super) teller: Teller,
}

/// A file that a pattern led to.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) key: FileKey,
    pub(super) bytes: u64,
}

impl List {
    /// All lists of a configuration that was validated.
    pub(super) fn all(config: &LogsConfig) -> Result<Vec<Self>, String> {
        let mut lists = Vec::new();
        for files in &config.files {
            lists.push(Self::new("files", files, Teller::Path)?);
        }
        if config.docker.enabled {
            let docker = &config.docker;
            let folder = Pattern::escape(docker.folder.trim_end_matches('/'));
            let files = LogFiles {
                include: vec![format!("{folder}/*/*-json.log")],
                exclude: Vec::new(),
                labels: docker.labels.clone(),
                read_from: docker.read_from,
                format: Format::Container,
                multiline: None,
            };
            lists.push(Self::new(
                "docker",
                &files,
                Teller::Docker(docker.container_labels.clone()),
            )?);
        }
        if config.kubernetes.enabled {
            let kubernetes = &config.kubernetes;
            let files = LogFiles {
                include: kubernetes.include.clone(),
                exclude: kubernetes.exclude.clone(),
                labels: kubernetes.labels.clone(),
                read_from: kubernetes.read_from,
                format: Format::Container,
                multiline: None,
            };
            lists.push(Self::new("kubernetes", &files, Teller::Kubernetes)?);
        }
        Ok(lists)
    }

    fn new(source: &'static str, files: &LogFiles, teller: Teller) -> Result<Self, String> {
        let exclude = files.exclude.iter().map(|text| Pattern::new(text));
        Ok(Self {
            source,
            include: files.include.clone(),
            exclude: exclude
                .collect::<Result<_, _>>()
                .map_err(|error| error.to_string())?,
            labels: files.labels.clone(),
            read_from: files.read_from,
            form: Form::of(files)?,
            teller,
        })
    }

    /// Tells lists apart over restarts.
    pub(super) fn hash(&self) -> u64 {
        xxh3_64(format!("{} {:?}", self.source, self.include).as_bytes())
    }

    /// Whether the list names a path.
    pub(super) fn names(&self, path: &Path) -> bool {
        let is_included = |text: &String| Pattern::new(text).is_ok_and(|pattern| pattern.matches_path(path));
        self.include.iter().any(is_included) && self.takes(path)
    }

    fn takes(&self, path: &Path) -> bool {
        let ending = path.extension().and_then(|ending| ending.to_str());
        !ending.is_some_and(|ending| PACKED.contains(&ending))
            && !self.exclude.iter().any(|pattern| pattern.matches_path(path))
    }

    /// Where the patterns lead now. Files that cannot be looked at are left to `fault`.
    pub(super) fn found(&self, fault: &mut dyn FnMut(&Path, &std::io::Error)) -> Vec<Found> {
        let mut all = Vec::new();
        for text in &self.include {
            let Ok(paths) = glob::glob(text) else { continue };
            for path in paths {
                let path = match path {
                    Ok(path) => path,
                    Err(error) => {
                        fault(error.path(), error.error());
                        continue;
                    }
                };
                if !self.takes(&path) {
                    continue;
                }
                match look_at(&path) {
                    Ok(found) => all.extend(found),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(error) => fault(&path, &error),
                }
            }
        }
        all
    }

    /// Watches every folder in which a file of the list may appear; tells whether one of them is new.
    pub(super) fn watch(&self, watch: &mut Watch) -> bool {
        let mut is_new = false;
        for text in &self.include {
            let mut folder = Path::new(text);
            while let Some(parent) = folder.parent() {
                folder = parent;
                let text = folder.to_string_lossy();
                if text.is_empty() {
                    break;
                }
                if !text.contains(['*', '?', '[']) {
                    // Of a folder that is not there yet, the one in which it will appear.
                    let there = folder.ancestors().find(|folder| folder.is_dir());
                    is_new |= there.is_some_and(|folder| watch.add(folder));
                    break;
                }
                let folders = glob::glob(&text).into_iter().flatten().flatten();
                for folder in folders.filter(|folder| folder.is_dir()) {
                    is_new |= watch.add(&folder);
                }
            }
        }
        is_new
    }
}

/// A file as it is now; `None` where it is something else.
fn look_at(path: &Path) -> std::io::Result<Option<Found>> {
    let facts = std::fs::metadata(path)?;
    if !facts.is_file() {
        return Ok(None);
    }
    Ok(Some(Found {
        path: path.to_owned(),
        key: FileKey::of(&facts),
        bytes: facts.len(),
    }))
}
