//! HTTP clients that can be built on any machine: one without trusted certificates still speaks plain HTTP.

use reqwest::{Client, ClientBuilder};

/// What to do on a machine without trusted certificates.
pub const NO_CERTIFICATES_MEND: &str = "this machine has no trusted certificates: install ca-certificates, or name the server's in tls_config.ca_file";

/// A client, and whether it can speak TLS at all.
#[derive(Debug, Clone)]
pub struct HttpClient {
    /// The client.
    pub client: Client,
    /// Whether requests over TLS are bound to fail because nobody is trusted.
    pub trusts_nobody: bool,
}

/// Builds what `configured` describes. Where it trusts the machine's certificates (`trusts_machine`) and there are
/// none, the client trusts nobody instead: plain HTTP works, and only requests over TLS fail.
///
/// # Errors
/// What `configured` says, and what the builder says (through `failed`) of anything but missing certificates.
pub fn build<E>(
    configured: impl Fn() -> Result<ClientBuilder, E>,
    trusts_machine: bool,
    failed: impl Fn(reqwest::Error) -> E,
) -> Result<HttpClient, E> {
    install_provider();
    let error = match configured()?.build() {
        Ok(client) => {
            return Ok(HttpClient {
                client,
                trusts_nobody: false,
            });
        }
        Err(error) => error,
    };
    // The builder does not say what it missed. If it is content without trust, that was it.
    let without_trust =
        trusts_machine.then(|| configured().map(|builder| builder.tls_certs_only([]).build()));
    match without_trust.transpose()? {
        Some(Ok(client)) => Ok(HttpClient {
            client,
            trusts_nobody: true,
        }),
        _ => Err(failed(error)),
    }
}

/// Installs the cryptography that TLS uses.
pub(crate) fn install_provider() {
    // One provider serves the whole process; a second install reports that there is one already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// An error with its causes: "builder error" alone helps nobody.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use reqwest::{Proxy, tls};

    use super::*;

    fn check(
        trusts_machine: bool,
        configured: impl Fn() -> Result<ClientBuilder, String>,
    ) -> Result<bool, String> {
        build(configured, trusts_machine, |error| error.to_string()).map(|built| built.trusts_nobody)
    }

    /// A builder that fails like the one of a machine without certificates: as long as it trusts the machine.
    fn bare_machine() -> ClientBuilder {
        // Hostnames can be left unchecked only where trust is named.
        Client::builder().tls_danger_accept_invalid_hostnames(true)
    }

    #[test]
    fn without_certificates_nobody_is_trusted_and_the_client_is_built() {
        assert_eq!(check(true, || Ok(bare_machine())), Ok(true));
        assert!(
            check(false, || Ok(bare_machine())).is_err(),
            "it said itself whom to trust"
        );
    }

    #[test]
    fn other_faults_stay_faults() {
        let upside_down = || {
            Ok(Client::builder()
                .tls_version_min(tls::Version::TLS_1_3)
                .tls_version_max(tls::Version::TLS_1_2))
        };
        assert!(check(true, upside_down).is_err());
        let no_proxy = || {
            Proxy::all("no address")
                .map(|_| Client::builder())
                .map_err(|error| error.to_string())
        };
        assert!(check(true, no_proxy).is_err());
    }
}
