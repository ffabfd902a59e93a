//! The page's files in memory, with what a browser needs to keep them.

use std::collections::HashMap;
use std::fmt;
use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::HeaderValue;
use rust_embed::Embed;
use sha2::{Digest, Sha256};

use super::rewrite::with_assets_under;
use crate::error::Error;

const INDEX: &str = "index.html";
/// Hexadecimal digits of the build's name in addresses, and of an ETag.
const NAME_DIGITS: usize = 16;

#[derive(Embed)]
#[folder = "../../ui/dist"]
struct Dist;

/// The page.
pub(crate) struct Page {
    build_id: String,
    index: Stored,
    files: HashMap<String, Stored>,
}

/// One file.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    plain: Bytes,
    /// Only where it is smaller.
    gzip: Option<Bytes>,
    etag: HeaderValue,
    content_type: &'static str,
}

impl Page {
    /// Reads and compresses the embedded files.
    pub(crate) fn load() -> Result<Self, Error> {
        let mut files: Vec<(String, Bytes)> = Dist::iter()
            .filter_map(|name| Some((name.to_string(), Bytes::from(Dist::get(&name)?.data.into_owned()))))
            .collect();
        files.sort();
        Self::of_files(&files)
    }

    /// The page made of these files, sorted by name.
    pub(super) fn of_files(files: &[(String, Bytes)]) -> Result<Self, Error> {
        let build_id = build_id(files);
        let index = files
            .iter()
            .find(|(name, _)| name == INDEX)
            .ok_or_else(|| Error::Page {
                reason: format!("{INDEX} is missing"),
            })?;
        let index = std::str::from_utf8(&index.1).map_err(|_| Error::Page {
            reason: format!("{INDEX} is not UTF-8"),
        })?;
        let index = with_assets_under(index, &format!("{}{build_id}/", super::ASSET_PREFIX));
        // Hidden files are notes of the build, not parts of the page.
        let visible = files
            .iter()
            .filter(|(name, _)| name != INDEX && !name.split('/').any(|part| part.starts_with('.')));
        Ok(Self {
            index: Stored::new(INDEX, index.into()),
            files: visible
                .map(|(name, bytes)| (name.clone(), Stored::new(name, bytes.clone())))
                .collect(),
            build_id,
        })
    }

    /// Names the build in addresses.
    pub(crate) fn build_id(&self) -> &str {
        &self.build_id
    }

    /// The page itself.
    pub(crate) fn index(&self) -> &Stored {
        &self.index
    }

    /// A file by its path in the build.
    pub(crate) fn file(&self, name: &str) -> Option<&Stored> {
        self.files.get(name)
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page")
            .field("build_id", &self.build_id)
            .field("files", &self.files.len())
            .finish_non_exhaustive()
    }
}

impl Stored {
    fn new(name: &str, plain: Bytes) -> Self {
        Self {
            gzip: gzip(&plain).filter(|packed| packed.len() < plain.len()),
            etag: etag_of(&plain),
            content_type: content_type(name),
            plain,
        }
    }

    pub(super) fn plain(&self) -> Bytes {
        self.plain.clone()
    }

    /// The compressed form with its name, or the plain one where that is not larger.
    pub(super) fn smallest(&self) -> (Bytes, Option<&'static str>) {
        match &self.gzip {
            Some(packed) => (packed.clone(), Some("gzip")),
            None => (self.plain(), None),
        }
    }

    pub(super) fn etag(&self) -> &HeaderValue {
        &self.etag
    }

    pub(super) fn content_type(&self) -> &'static str {
        self.content_type
    }
}

/// A strong validator of these bytes.
pub(crate) fn etag_of(bytes: &[u8]) -> HeaderValue {
    let text = format!("\"{}\"", hex_digits(&Sha256::digest(bytes)));
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

fn build_id(files: &[(String, Bytes)]) -> String {
    let mut hash = Sha256::new();
    for (name, bytes) in files {
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name);
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    }
    hex_digits(&hash.finalize())
}

fn hex_digits(hash: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().map(char::from);
    let all = hash.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    all.flatten().take(NAME_DIGITS).collect()
}

fn gzip(plain: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("json" | "webmanifest") => "application/json",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(script: &'static str) -> Vec<(String, Bytes)> {
        vec![
            (".source-hash".to_owned(), Bytes::from_static(b"x")),
            (
                "assets/index.js".to_owned(),
                Bytes::from_static(script.as_bytes()),
            ),
            (
                "index.html".to_owned(),
                Bytes::from_static(b"<script src=\"./assets/index.js\"></script>"),
            ),
        ]
    }

    #[test]
    fn the_address_of_an_asset_names_the_build() {
        let page = Page::of_files(&files("let a = 1;")).unwrap();
        let other = Page::of_files(&files("let a = 2;")).unwrap();
        assert_ne!(page.build_id(), other.build_id());
        let index = String::from_utf8(page.index().plain().to_vec()).unwrap();
        assert_eq!(
            index,
            format!(
                "<script src=\"/_a/{}/assets/index.js\"></script>",
                page.build_id()
            )
        );
        assert!(page.file("assets/index.js").is_some());
        assert!(page.file(".source-hash").is_none() && page.file("index.html").is_none());
    }

    #[test]
    fn a_build_without_its_page_is_refused() {
        assert!(Page::of_files(&[]).is_err());
    }

    #[test]
    fn the_embedded_page_is_whole() {
        let page = Page::load().unwrap();
        assert!(
            page.index().plain().starts_with(b"<!doctype html>")
                || page.index().plain().starts_with(b"<!DOCTYPE html>")
        );
    }
}
