//! The embedded page: its files, compressed once at the start, under addresses that may be kept for ever.
//!
//! In: the built files of `ui/dist`, embedded by the compiler.  Out: answers to everything that no other route takes.
//! Owns: the files in memory, plain and compressed.
//! Invariants: an address that may be kept for ever names the build (`page::files::tests`); the page itself is asked for anew
//! each time and answered by ETag; a known place is found by whoever asks, an unknown one by nobody (`tests/http/page.rs`).
//! Not here: the page's data (`ui_api`), its source (`ui/`).
//! Start at: [`serve`].

mod files;
mod rewrite;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use crate::app::App;
use files::Stored;
pub(crate) use files::{Page, etag_of};

/// Where the page's assets live: `/_a/<build>/<file>`.
const ASSET_PREFIX: &str = "/_a/";
/// The paths that the page's own router knows.
const PLACES: [&str; 5] = ["/", "/host", "/alerts", "/metric", "/explore/logs"];

/// Everything that no other route takes: assets, files of the page, the page itself.
pub(crate) async fn serve(State(app): State<Arc<App>>, request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")]).into_response();
    }
    let path = request.uri().path();
    let page = &app.page;
    if let Some(rest) = path.strip_prefix(ASSET_PREFIX) {
        return asset(page, rest, request.headers());
    }
    if let Some(file) = page.file(path.trim_start_matches('/')) {
        return answer(StatusCode::OK, file, request.headers(), Keeping::Ask);
    }
    if PLACES.contains(&path) {
        return answer(StatusCode::OK, page.index(), request.headers(), Keeping::Ask);
    }
    if !wants_html(request.headers()) {
        return (StatusCode::NOT_FOUND, "there is nothing here\n").into_response();
    }
    // An unknown place gets the page too, which says so in its own words; the status says so to programs.
    answer(
        StatusCode::NOT_FOUND,
        page.index(),
        request.headers(),
        Keeping::Ask,
    )
}

/// How long a browser may keep an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeping {
    /// The address names the build.
    ForEver,
    /// It must ask each time, by ETag.
    Ask,
}

/// A page of another build still asks for its own assets while it is open; the newest are better than none, but they
/// must not be kept under that name.
fn asset(page: &Page, rest: &str, headers: &HeaderMap) -> Response {
    let found = rest
        .split_once('/')
        .and_then(|(build, name)| Some((build, page.file(name)?)));
    match found {
        Some((build, file)) if build == page.build_id() => {
            answer(StatusCode::OK, file, headers, Keeping::ForEver)
        }
        Some((_, file)) => answer(StatusCode::OK, file, headers, Keeping::Ask),
        None => (StatusCode::NOT_FOUND, "there is no such asset\n").into_response(),
    }
}

fn answer(status: StatusCode, file: &Stored, request: &HeaderMap, keeping: Keeping) -> Response {
    let known = request.get(header::IF_NONE_MATCH);
    let unchanged = status == StatusCode::OK && known.is_some_and(|known| names_tag(known, file.etag()));
    let (body, encoding) = if accepts_gzip(request) {
        file.smallest()
    } else {
        (file.plain(), None)
    };
    let mut response = if unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        (status, body).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, file.etag().clone());
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static(match keeping {
            Keeping::ForEver => "public, max-age=31536000, immutable",
            Keeping::Ask => "no-cache",
        }),
    );
    if !unchanged {
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(file.content_type()),
        );
        if let Some(encoding) = encoding {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
    }
    response
}

/// Compares weakly, as RFC 9110 section 13.1.2 asks for.
fn names_tag(known: &HeaderValue, etag: &HeaderValue) -> bool {
    let (Ok(known), Ok(etag)) = (known.to_str(), etag.to_str()) else {
        return false;
    };
    known
        .split(',')
        .map(|one| one.trim().trim_start_matches("W/"))
        .any(|one| one == etag || one == "*")
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    list(headers, header::ACCEPT_ENCODING)
        .any(|(name, weight)| name.eq_ignore_ascii_case("gzip") && weight > 0.0)
}

fn wants_html(headers: &HeaderMap) -> bool {
    list(headers, header::ACCEPT).any(|(name, weight)| name.eq_ignore_ascii_case("text/html") && weight > 0.0)
}

/// The entries of a header that lists preferences, with their weights (RFC 9110 section 12.4.2).
fn list(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = (&str, f64)> {
    let text = headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    text.split(',').map(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight = parts
            .find_map(|part| part.strip_prefix("q="))
            .map_or(Some(1.0), |text| text.parse().ok());
        (name, weight.unwrap_or_default())
    })
}
