//! `oauth2`: tokens by the client credentials grant (RFC 6749, section 4.4).

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use stdx::paths::resolve;

use super::http::{Proxy, is_address};
use super::{Secret, TlsConfig};

/// Where tokens come from, and what is shown for them.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OAuth2 {
    /// Who asks.
    pub client_id: String,
    /// The secret that proves it.
    pub client_secret: Option<Secret>,
    /// The file that holds it; read for every token.
    pub client_secret_file: Option<String>,
    /// What the token shall allow.
    pub scopes: Vec<String>,
    /// The address that gives tokens.
    pub token_url: String,
    /// Further parameters of the question.
    pub endpoint_params: BTreeMap<String, String>,
    /// TLS of the connection to that address.
    pub tls_config: TlsConfig,
    /// The proxy that the question goes through.
    pub proxy_url: Option<String>,
    /// Hosts that are reached without it, separated by commas.
    pub no_proxy: Option<String>,
    /// Whether the proxy is named by the environment.
    pub proxy_from_environment: bool,
    /// Headers for the proxy.
    pub proxy_connect_header: BTreeMap<String, Vec<Secret>>,
}

impl OAuth2 {
    /// The proxy keys together.
    pub fn proxy(&self) -> Proxy<'_> {
        Proxy {
            url: self.proxy_url.as_deref(),
            exceptions: self.no_proxy.as_deref(),
            from_environment: self.proxy_from_environment,
            headers: &self.proxy_connect_header,
        }
    }

    pub(super) fn resolve_paths(&mut self, base: &Path) {
        self.tls_config.resolve_paths(base);
        if let Some(path) = &mut self.client_secret_file {
            resolve(path, base);
        }
    }

    pub(super) fn check(&self, faults: &mut Vec<String>) {
        if self.client_id.is_empty() {
            faults.push("oauth2 has no client_id; add it".to_owned());
        }
        if !is_address(&self.token_url) {
            faults.push("oauth2 needs a token_url that is an http or https address; correct it".to_owned());
        }
        if self.client_secret.is_some() && self.client_secret_file.is_some() {
            faults.push("oauth2 has both client_secret and client_secret_file; keep one of them".to_owned());
        }
        let mut below = Vec::new();
        self.tls_config.check(&mut below);
        self.proxy().check(&mut below);
        faults.extend(below.into_iter().map(|fault| format!("oauth2: {fault}")));
    }
}
