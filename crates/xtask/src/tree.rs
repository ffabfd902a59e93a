//! The repository's files as the checks see them: paths and bytes, read once.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use anyhow::{Context, Result};

/// Folders that hold what was built, fetched or kept, never what somebody wrote.
const SKIPPED_FOLDERS: [&str; 4] = [".git", "target", "node_modules", "proptest-regressions"];
/// The same, by their place in the repository.
const SKIPPED_PATHS: [&str; 4] = ["fuzz/corpus", "fuzz/artifacts", "ui/build", "watchkeeper-data"];
/// In a worktree `.git` is a file that says where the repository lies.
const SKIPPED_FILES: [&str; 1] = [".git"];

/// A repository in memory. Paths are relative to its root and use `/`.
#[derive(Debug, Default, Clone)]
pub struct Tree {
    files: BTreeMap<String, Vec<u8>>,
}

impl Tree {
    /// Reads the repository at `root`. A file that vanishes meanwhile is left out.
    pub fn open(root: &Path) -> Result<Self> {
        let mut tree = Self::default();
        tree.read_folder(root, "")?;
        Ok(tree)
    }

    /// A made-up repository, for tests.
    pub fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self {
            files: files
                .into_iter()
                .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()))
                .collect(),
        }
    }

    /// This tree with one file added or replaced.
    #[must_use]
    pub fn with(mut self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.to_owned(), bytes.into());
        self
    }

    /// All paths, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// The bytes of a file.
    pub fn bytes(&self, path: &str) -> Option<&[u8]> {
        self.files.get(path).map(Vec::as_slice)
    }

    /// The text of a file, if it is there and is UTF-8.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.bytes(path).and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    /// Every file that is text.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.paths()
            .filter_map(|path| self.text(path).map(|text| (path, text)))
    }

    /// Every Rust file of the crates and of the fuzz targets.
    pub fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts()
            .filter(|(path, _)| is_rust(path) && (path.starts_with("crates/") || path.starts_with("fuzz/")))
    }

    /// The folder names directly under `crates/` that hold a manifest.
    pub fn crate_names(&self) -> impl Iterator<Item = &str> {
        self.paths().filter_map(|path| {
            let name = path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")?;
            (!name.contains('/')).then_some(name)
        })
    }

    fn read_folder(&mut self, root: &Path, folder: &str) -> Result<()> {
        let place = root.join(folder);
        let entries = match std::fs::read_dir(&place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !folder.is_empty() => return Ok(()),
            entries => entries.with_context(|| format!("cannot list {}", place.display()))?,
        };
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot list {}", place.display()))?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let path = if folder.is_empty() {
                name.clone()
            } else {
                format!("{folder}/{name}")
            };
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                if !SKIPPED_FOLDERS.contains(&name.as_str()) && !SKIPPED_PATHS.contains(&path.as_str()) {
                    self.read_folder(root, &path)?;
                }
            } else if kind.is_file() && !SKIPPED_FILES.contains(&name.as_str()) {
                match std::fs::read(entry.path()) {
                    Ok(bytes) => drop(self.files.insert(path, bytes)),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error).with_context(|| format!("cannot read {path}")),
                }
            }
        }
        Ok(())
    }
}

fn is_rust(path: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|extension| extension == "rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_without_what_was_built() {
        let folder = tempfile::tempdir().unwrap();
        for path in [
            "crates/a/Cargo.toml",
            "crates/a/src/lib.rs",
            "target/x.rs",
            "ui/node_modules/m/i.js",
            "ui/build/a.js",
            ".git",
        ] {
            let place = folder.path().join(path);
            std::fs::create_dir_all(place.parent().unwrap()).unwrap();
            std::fs::write(place, "text").unwrap();
        }
        let tree = Tree::open(folder.path()).unwrap();
        assert_eq!(
            tree.paths().collect::<Vec<_>>(),
            ["crates/a/Cargo.toml", "crates/a/src/lib.rs"]
        );
        assert_eq!(tree.crate_names().collect::<Vec<_>>(), ["a"]);
        assert_eq!(tree.rust().collect::<Vec<_>>(), [("crates/a/src/lib.rs", "text")]);
    }
}
