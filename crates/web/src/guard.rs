//! Keeps foreign web pages out: the host a browser asked for must be ours, and whoever changes something must come from
//! our own page or be no browser at all.
//!
//! A page on the internet can make its visitor's browser send requests to loopback. Two checks stop it: a name that was
//! rebound to 127.0.0.1 (DNS rebinding) shows up in `Host`, and a request from a foreign page shows up in
//! `Sec-Fetch-Site` (W3C Fetch Metadata) or `Origin`.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, Method, StatusCode, header};
use url::Url;

use crate::app::App;
use crate::config::Config;
use crate::prometheus::answer::ApiError;
use crate::telemetry::ReasonLabels;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What a port that only takes what is pushed goes by.
#[derive(Debug, Clone)]
pub(crate) struct PushPort {
    pub(crate) app: Arc<App>,
    /// The server's, with the port's own address.
    pub(crate) config: Arc<Config>,
}

/// Lets a request through or turns it away.
pub(crate) async fn check(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    check_by(&app, &app.config, request, next).await
}

/// The same on a port of its own.
pub(crate) async fn check_push(State(port): State<PushPort>, request: Request, next: Next) -> Response {
    check_by(&port.app, &port.config, request, next).await
}

async fn check_by(app: &App, config: &Config, request: Request, next: Next) -> Response {
    // HTTP/2 carries the host in the address, HTTP/1.1 in a header.
    let host = request
        .uri()
        .authority()
        .map(|authority| authority.as_str().to_owned())
        .or_else(|| header_text(request.headers(), &header::HOST).map(str::to_owned));
    let verdict = check_host(config, host.as_deref())
        .and_then(|()| check_origin(config, request.method(), request.headers(), host.as_deref()));
    match verdict {
        Ok(()) => next.run(request).await,
        Err(refusal) => {
            tracing::warn!(reason = refusal.reason, host, "request refused");
            let reason = ReasonLabels {
                reason: refusal.reason,
            };
            app.deps.telemetry.requests_refused.get_or_create(&reason).inc();
            ApiError::with_status(refusal.status, refusal.message).into_response()
        }
    }
}

/// Why a request is turned away.
#[derive(Debug, PartialEq, Eq)]
struct Refusal {
    reason: &'static str,
    status: StatusCode,
    message: String,
}

/// A server on loopback is asked by address, as localhost, or under a name that was configured. A literal address
/// cannot have been rebound. A server on other interfaces has no list unless one was given.
fn check_host(config: &Config, host: Option<&str>) -> Result<(), Refusal> {
    let (Some(host), true) = (
        host,
        config.listen.ip().is_loopback() || !config.allowed_hosts.is_empty(),
    ) else {
        // HTTP/1.0 without a host: no browser sends that.
        return Ok(());
    };
    let name = host_name(host);
    let known = name.as_deref().is_some_and(|name| {
        let is_local = name == "localhost" || name.ends_with(".localhost");
        let is_external = config.external_url.as_ref().and_then(Url::host_str) == Some(name);
        is_local
            || is_external
            || is_address(name)
            || config
                .allowed_hosts
                .iter()
                .any(|allowed| allowed.eq_ignore_ascii_case(name))
    });
    if known {
        return Ok(());
    }
    Err(Refusal {
        reason: "host",
        status: StatusCode::FORBIDDEN,
        message: format!(
            "this server does not answer as {host:?}; ask it as localhost, or add the name to server.allowed_hosts"
        ),
    })
}

/// Whoever changes something comes from our own page, or is no browser.
fn check_origin(
    config: &Config,
    method: &Method,
    headers: &HeaderMap,
    host: Option<&str>,
) -> Result<(), Refusal> {
    // Answers to foreign pages are kept from them by their browser, but not those of a WebSocket.
    let is_socket = headers.contains_key(header::UPGRADE);
    if !is_socket && matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let own = match (
        header_text(headers, &SEC_FETCH_SITE),
        header_text(headers, &header::ORIGIN),
    ) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => is_own_origin(config, origin, host),
        (None, None) => true,
    };
    if own {
        return Ok(());
    }
    Err(Refusal {
        reason: "origin",
        status: StatusCode::FORBIDDEN,
        message: "requests that are sent by the pages of another site are refused".to_owned(),
    })
}

fn is_own_origin(config: &Config, origin: &str, host: Option<&str>) -> bool {
    let Ok(origin) = Url::parse(origin) else {
        return false;
    };
    let external = config
        .external_url
        .as_ref()
        .is_some_and(|url| url.origin() == origin.origin());
    let asked = host
        .and_then(|host| Url::parse(&format!("{}://{host}/", origin.scheme())).ok())
        .is_some_and(|url| url.origin() == origin.origin());
    origin.origin().is_tuple() && (external || asked)
}

/// The host without its port, in lower case and without a final dot.
fn host_name(host: &str) -> Option<String> {
    let authority: Authority = host.parse().ok()?;
    Some(authority.host().trim_end_matches('.').to_ascii_lowercase())
}

fn is_address(name: &str) -> bool {
    let bare = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(name);
    bare.parse::<IpAddr>().is_ok()
}

fn header_text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    // A value that is no text is as foreign as any other.
    headers
        .get(name)
        .map(|value| value.to_str().unwrap_or("\u{fffd}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(listen: &str, allowed: &[&str]) -> Config {
        Config {
            listen: listen.parse().unwrap(),
            allowed_hosts: allowed.iter().map(|&host| host.to_owned()).collect(),
            external_url: Some(Url::parse("https://watch.example.org/").unwrap()),
            ..Config::default()
        }
    }

    #[test]
    fn on_loopback_only_known_names_are_answered() {
        let config = config("127.0.0.1:9595", &["watch.lan"]);
        for host in [
            "localhost:9595",
            "127.0.0.1:9595",
            "[::1]:9595",
            "LOCALHOST",
            "dev.localhost",
            "watch.lan",
            "Watch.LAN.:80",
            "watch.example.org",
            "10.1.2.3",
        ] {
            assert_eq!(check_host(&config, Some(host)), Ok(()), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example:9595",
            "127.0.0.1.evil.example",
            "",
            "a b",
            "\u{fffd}",
        ] {
            assert!(check_host(&config, Some(host)).is_err(), "{host}");
        }
    }

    #[test]
    fn elsewhere_every_name_is_answered_until_a_list_is_given() {
        assert_eq!(check_host(&config("0.0.0.0:9595", &[]), Some("db-1")), Ok(()));
        assert!(check_host(&config("0.0.0.0:9595", &["watch.lan"]), Some("db-1")).is_err());
    }

    #[test]
    fn foreign_pages_cannot_change_anything() {
        let config = config("127.0.0.1:9595", &[]);
        let check = |method: Method, headers: &[(HeaderName, &'static str)]| {
            let headers: HeaderMap = headers
                .iter()
                .map(|(name, value)| (name.clone(), value.parse().unwrap()))
                .collect();
            check_origin(&config, &method, &headers, Some("localhost:9595")).is_ok()
        };
        assert!(check(Method::POST, &[]));
        assert!(check(Method::POST, &[(SEC_FETCH_SITE, "same-origin")]));
        assert!(check(Method::POST, &[(SEC_FETCH_SITE, "none")]));
        assert!(check(Method::POST, &[(header::ORIGIN, "http://localhost:9595")]));
        assert!(check(
            Method::POST,
            &[(header::ORIGIN, "https://watch.example.org")]
        ));
        assert!(check(Method::GET, &[(SEC_FETCH_SITE, "cross-site")]));
        assert!(check(Method::GET, &[(header::UPGRADE, "websocket")]));
        for foreign in [
            (SEC_FETCH_SITE, "cross-site"),
            (header::ORIGIN, "http://evil.example"),
        ] {
            assert!(!check(Method::GET, &[(header::UPGRADE, "websocket"), foreign]));
        }
        for site in ["cross-site", "same-site", "\u{1}"] {
            if let Ok(value) = site.parse() {
                let headers = HeaderMap::from_iter([(SEC_FETCH_SITE, value)]);
                assert!(
                    check_origin(&config, &Method::POST, &headers, None).is_err(),
                    "{site}"
                );
            }
        }
        for origin in ["http://localhost:9596", "http://evil.example", "null", "x"] {
            assert!(!check(Method::PUT, &[(header::ORIGIN, origin)]), "{origin}");
        }
    }
}
