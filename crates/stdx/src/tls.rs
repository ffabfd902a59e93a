//! TLS of HTTP clients: certificates in PEM form, versions, and a name of one's own for the server.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use reqwest::{Certificate, Client, ClientBuilder, Identity, tls};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion};

use crate::http_client;

/// A text in PEM form, and the key or file it came from. Printed without the text.
#[derive(Clone, PartialEq, Eq)]
pub struct Pem {
    /// The text.
    pub text: String,
    /// Where it stands, for messages.
    pub place: String,
}

/// What a configuration says of TLS, its files read.
#[derive(Debug, Clone, Default)]
pub struct TlsSettings {
    /// Trusted instead of the machine's certificates.
    pub ca: Option<Pem>,
    /// The certificate shown to the server.
    pub cert: Option<Pem>,
    /// Its key.
    pub key: Option<Pem>,
    /// The name that the server's certificate must have, in place of the host in the address.
    pub server_name: Option<String>,
    /// Whether the server's certificate is not verified.
    pub skip_verify: bool,
    /// The oldest version spoken.
    pub min_version: Option<TlsVersion>,
    /// The newest version spoken.
    pub max_version: Option<TlsVersion>,
}

/// A version of TLS that is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// 1.2.
    V12,
    /// 1.3.
    V13,
}

/// A part of the settings that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct TlsFault {
    /// The key or file.
    pub place: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Settings that are known to be good.
#[derive(Debug, Clone)]
pub struct Tls {
    settings: TlsSettings,
    trusted: Option<Vec<Certificate>>,
    own: Option<Identity>,
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pem").field(&self.place).finish()
    }
}

impl Pem {
    /// The text given in the configuration under `key`, or read from the file that is given instead.
    ///
    /// # Errors
    /// What the system says of the file.
    pub fn given(text: Option<&str>, file: Option<&str>, key: &str) -> Result<Option<Self>, std::io::Error> {
        if let Some(text) = text {
            return Ok(Some(Self {
                text: text.to_owned(),
                place: key.to_owned(),
            }));
        }
        let Some(file) = file else { return Ok(None) };
        let text = std::fs::read_to_string(Path::new(file))?;
        Ok(Some(Self {
            text,
            place: file.to_owned(),
        }))
    }

    fn fault(&self, reason: impl Into<String>) -> TlsFault {
        TlsFault {
            place: self.place.clone(),
            reason: reason.into(),
        }
    }
}

impl Tls {
    /// Reads the certificates and tries each of them alone, so that a fault names its place.
    ///
    /// # Errors
    /// The certificate, key or name that cannot be used.
    pub fn new(settings: TlsSettings) -> Result<Self, TlsFault> {
        let trusted = settings.ca.as_ref().map(trusted).transpose()?;
        let own = settings.cert.as_ref().zip(settings.key.as_ref());
        let own = own.map(|(cert, key)| identity(cert, key)).transpose()?;
        let tls = Self {
            settings,
            trusted,
            own,
        };
        if let Some(name) = &tls.settings.server_name {
            server_name(name)?;
        }
        Ok(tls)
    }

    /// Whether the machine's own certificates are what is trusted.
    pub fn trusts_machine(&self) -> bool {
        self.trusted.is_none()
    }

    /// Sets a client up. `http2` says whether it may be offered to the server.
    ///
    /// # Errors
    /// What cannot be used together.
    pub fn configure(&self, mut builder: ClientBuilder, http2: bool) -> Result<ClientBuilder, TlsFault> {
        let settings = &self.settings;
        if let Some(name) = settings.server_name.as_deref().filter(|_| !settings.skip_verify) {
            return Ok(builder.tls_backend_preconfigured(self.with_name(name, http2)?));
        }
        if let Some(trusted) = &self.trusted {
            builder = builder.tls_certs_only(trusted.iter().cloned());
        }
        if let Some(own) = &self.own {
            builder = builder.identity(own.clone());
        }
        if let Some(version) = settings.min_version {
            builder = builder.tls_version_min(version.into());
        }
        if let Some(version) = settings.max_version {
            builder = builder.tls_version_max(version.into());
        }
        Ok(builder.tls_danger_accept_invalid_certs(settings.skip_verify))
    }

    /// The same by hand, because the HTTP client verifies the host of the address and no other name.
    fn with_name(&self, name: &str, http2: bool) -> Result<ClientConfig, TlsFault> {
        let fault = |reason: String| TlsFault {
            place: "server_name".to_owned(),
            reason,
        };
        http_client::install_provider();
        let provider = CryptoProvider::get_default()
            .cloned()
            .ok_or_else(|| fault("no cryptography is installed".to_owned()))?;
        let inner: Arc<dyn ServerCertVerifier> = match &self.settings.ca {
            Some(ca) => verifier(ca, &provider)?,
            None => Arc::new(
                rustls_platform_verifier::Verifier::new(Arc::clone(&provider))
                    .map_err(|error| fault(error.to_string()))?,
            ),
        };
        let verifier = VerifiesName {
            inner,
            name: server_name(name)?,
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&self.versions())
            .map_err(|error| fault(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match (&self.settings.cert, &self.settings.key) {
            (Some(cert), Some(key)) => {
                let chain = CertificateDer::pem_slice_iter(cert.text.as_bytes())
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(|error| cert.fault(error.to_string()))?;
                let private = PrivateKeyDer::from_pem_slice(key.text.as_bytes())
                    .map_err(|error| key.fault(error.to_string()))?;
                builder
                    .with_client_auth_cert(chain, private)
                    .map_err(|error| cert.fault(error.to_string()))?
            }
            _ => builder.with_no_client_auth(),
        };
        config.alpn_protocols = if http2 {
            vec![b"h2".to_vec(), b"http/1.1".to_vec()]
        } else {
            vec![b"http/1.1".to_vec()]
        };
        Ok(config)
    }

    fn versions(&self) -> Vec<&'static SupportedProtocolVersion> {
        let min = self.settings.min_version.unwrap_or(TlsVersion::V12);
        let max = self.settings.max_version.unwrap_or(TlsVersion::V13);
        let all = [
            (TlsVersion::V12, &rustls::version::TLS12),
            (TlsVersion::V13, &rustls::version::TLS13),
        ];
        let spoken = all.iter().filter(|(version, _)| (min..=max).contains(version));
        spoken.map(|(_, version)| *version).collect()
    }
}

impl From<TlsVersion> for tls::Version {
    fn from(version: TlsVersion) -> Self {
        match version {
            TlsVersion::V12 => Self::TLS_1_2,
            TlsVersion::V13 => Self::TLS_1_3,
        }
    }
}

fn server_name(name: &str) -> Result<ServerName<'static>, TlsFault> {
    ServerName::try_from(name.to_owned()).map_err(|_| TlsFault {
        place: "server_name".to_owned(),
        reason: format!("{name:?} is no host name; write for example db.example.org"),
    })
}

fn trusted(pem: &Pem) -> Result<Vec<Certificate>, TlsFault> {
    let trusted = Certificate::from_pem_bundle(pem.text.as_bytes()).unwrap_or_default();
    if trusted.is_empty() {
        return Err(pem.fault("it holds no certificate in PEM form"));
    }
    try_out(pem, || Client::builder().tls_certs_only(trusted.iter().cloned()))?;
    Ok(trusted)
}

fn identity(cert: &Pem, key: &Pem) -> Result<Identity, TlsFault> {
    let both = format!("{}\n{}", key.text, cert.text);
    let own = Identity::from_pem(both.as_bytes()).map_err(|error| {
        cert.fault(format!(
            "with its key it is no identity: {}",
            http_client::chain(&error)
        ))
    })?;
    try_out(cert, || {
        Client::builder().tls_certs_only([]).identity(own.clone())
    })?;
    Ok(own)
}

/// Builds a client with one certificate alone: its fault is said here, where its place is known.
fn try_out(pem: &Pem, configured: impl Fn() -> ClientBuilder) -> Result<(), TlsFault> {
    let failed = |error: reqwest::Error| pem.fault(http_client::chain(&error));
    http_client::build(|| Ok(configured()), false, failed).map(|_| ())
}

fn verifier(ca: &Pem, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, TlsFault> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca.text.as_bytes()) {
        let certificate = certificate.map_err(|error| ca.fault(error.to_string()))?;
        store
            .add(certificate)
            .map_err(|error| ca.fault(error.to_string()))?;
    }
    let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider));
    builder.build().map_err(|error| ca.fault(error.to_string()))
}

/// Verifies a certificate for one name, whatever the address is.
#[derive(Debug)]
struct VerifiesName {
    inner: Arc<dyn ServerCertVerifier>,
    name: ServerName<'static>,
}

impl ServerCertVerifier for VerifiesName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _asked: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.inner
            .verify_server_cert(end_entity, intermediates, &self.name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
