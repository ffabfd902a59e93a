//! How requests authenticate and connect: the keys that scrapes, discovery and remote endpoints share.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use stdx::paths::resolve;

use super::{OAuth2, Secret, TlsConfig, headers};

/// The settings of one HTTP client. `None` says that the key is absent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HttpConfig {
    /// User name and password.
    pub basic_auth: Option<BasicAuth>,
    /// Scheme and credentials of the `Authorization` header.
    pub authorization: Option<Authorization>,
    /// Short for `authorization` with a token.
    pub bearer_token: Option<Secret>,
    /// Short for `authorization` with a file.
    pub bearer_token_file: Option<String>,
    /// Tokens that are asked for.
    pub oauth2: Option<OAuth2>,
    /// How TLS connections are made.
    pub tls_config: TlsConfig,
    /// Whether redirects are followed; yes where absent.
    pub follow_redirects: Option<bool>,
    /// Whether HTTP/2 may be used; yes where absent.
    pub enable_http2: Option<bool>,
    /// Further headers.
    pub http_headers: BTreeMap<String, HttpHeader>,
    /// The proxy that requests go through.
    pub proxy_url: Option<String>,
    /// Hosts that are reached without the proxy, separated by commas.
    pub no_proxy: Option<String>,
    /// Whether the proxy is named by the environment.
    pub proxy_from_environment: bool,
    /// Headers for the proxy.
    pub proxy_connect_header: BTreeMap<String, Vec<Secret>>,
}

/// User name and password.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BasicAuth {
    /// The user name.
    pub username: String,
    /// The file that holds the user name.
    pub username_file: Option<String>,
    /// The password.
    pub password: Option<Secret>,
    /// The file that holds the password; read at every request.
    pub password_file: Option<String>,
}

/// The `Authorization` header.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Authorization {
    /// The word before the credentials; `Bearer` where absent.
    #[serde(rename = "type")]
    pub scheme: Option<String>,
    /// The credentials.
    pub credentials: Option<Secret>,
    /// The file that holds them; read at every request.
    pub credentials_file: Option<String>,
}

/// A header of its own; all values are sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpHeader {
    /// Values.
    pub values: Vec<String>,
    /// Values that must not show.
    pub secrets: Vec<Secret>,
    /// Files that hold values; read at every request.
    pub files: Vec<String>,
}

/// The proxy keys of a section.
#[derive(Debug, Clone, Copy)]
pub struct Proxy<'a> {
    /// Its address; an empty text counts as absent.
    pub url: Option<&'a str>,
    /// Hosts that are reached without it, separated by commas.
    pub exceptions: Option<&'a str>,
    /// Whether the environment names it.
    pub from_environment: bool,
    /// Headers for it.
    pub headers: &'a BTreeMap<String, Vec<Secret>>,
}

impl HttpConfig {
    /// The proxy keys together.
    pub fn proxy(&self) -> Proxy<'_> {
        Proxy {
            url: self.proxy_url.as_deref(),
            exceptions: self.no_proxy.as_deref(),
            from_environment: self.proxy_from_environment,
            headers: &self.proxy_connect_header,
        }
    }

    /// Makes every relative path one below `base`.
    pub(super) fn resolve_paths(&mut self, base: &Path) {
        self.tls_config.resolve_paths(base);
        let mut single = vec![&mut self.bearer_token_file];
        if let Some(auth) = &mut self.basic_auth {
            single.extend([&mut auth.username_file, &mut auth.password_file]);
        }
        if let Some(auth) = &mut self.authorization {
            single.push(&mut auth.credentials_file);
        }
        let headers = self
            .http_headers
            .values_mut()
            .flat_map(|header| &mut header.files);
        for path in single.into_iter().flatten().chain(headers) {
            resolve(path, base);
        }
        if let Some(oauth2) = &mut self.oauth2 {
            oauth2.resolve_paths(base);
        }
    }

    /// What is wrong with the keys together (prometheus/common/config, `HTTPClientConfig.Validate`).
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        self.check_authentication(&mut faults);
        self.tls_config.check(&mut faults);
        self.proxy().check(&mut faults);
        headers::check_http_headers(&self.http_headers, &mut faults);
        if let Some(oauth2) = &self.oauth2 {
            oauth2.check(&mut faults);
        }
        faults
    }

    fn check_authentication(&self, faults: &mut Vec<String>) {
        let bearer = [self.bearer_token.is_some(), self.bearer_token_file.is_some()];
        if bearer == [true, true] {
            faults.push("bearer_token and bearer_token_file are both set; keep one of them".to_owned());
        }
        let ways = [
            self.basic_auth.is_some(),
            self.authorization.is_some(),
            self.oauth2.is_some(),
            bearer != [false, false],
        ];
        if ways.iter().filter(|used| **used).count() > 1 {
            faults.push(
                "basic_auth, authorization, oauth2 and bearer_token exclude each other; keep one".to_owned(),
            );
        }
        if let Some(basic) = &self.basic_auth {
            if basic.password.is_some() && basic.password_file.is_some() {
                faults.push("basic_auth has both password and password_file; keep one of them".to_owned());
            }
            if !basic.username.is_empty() && basic.username_file.is_some() {
                faults.push("basic_auth has both username and username_file; keep one of them".to_owned());
            }
        }
        if let Some(authorization) = &self.authorization {
            authorization.check(faults);
        }
    }
}

impl Authorization {
    fn check(&self, faults: &mut Vec<String>) {
        if self.credentials.is_some() && self.credentials_file.is_some() {
            faults
                .push("authorization has both credentials and credentials_file; keep one of them".to_owned());
        }
        let scheme = self.scheme.as_deref().unwrap_or_default().trim();
        if scheme.eq_ignore_ascii_case("basic") {
            faults.push("authorization has type Basic; use the basic_auth section".to_owned());
        }
    }
}

impl Proxy<'_> {
    /// The address, unless it is empty.
    pub fn address(&self) -> Option<&str> {
        self.url.filter(|url| !url.is_empty())
    }

    pub(super) fn check(&self, faults: &mut Vec<String>) {
        let address = self.address();
        // The address may hold a password, so it is not repeated.
        if address.is_some_and(|address| !url::Url::parse(address).is_ok_and(|url| url.has_host())) {
            faults.push("proxy_url is not a URL with a host; write for example http://proxy:3128".to_owned());
        }
        if self.from_environment && (address.is_some() || self.exceptions.is_some()) {
            faults.push("proxy_from_environment excludes proxy_url and no_proxy; keep one way".to_owned());
        }
        if !self.from_environment && self.exceptions.is_some() && address.is_none() {
            faults.push("no_proxy needs proxy_url; set it or remove no_proxy".to_owned());
        }
        if !self.from_environment && !self.headers.is_empty() && address.is_none() {
            faults.push("proxy_connect_header needs proxy_url or proxy_from_environment; add one".to_owned());
        }
    }
}

/// Whether a text is an address that an HTTP client can ask: http or https, and a host.
pub(super) fn is_address(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}
