//! TLS of the listener: certificates in PEM form, read once.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use super::config::TlsFiles;
use crate::error::IngestError;

/// What connections are taken with.
pub(super) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, IngestError> {
    let (Some(cert_file), Some(key_file)) = (&files.cert_file, &files.key_file) else {
        return Err(IngestError::InvalidConfig {
            messages: vec!["syslog.listen_tls needs tls.cert_file and tls.key_file".to_owned()],
        });
    };
    let chain = certificates(cert_file)?;
    let key = PrivateKeyDer::from_pem_slice(&read(key_file)?)
        .map_err(|error| bad(key_file, format!("is no private key in PEM form: {error}")))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| bad(cert_file, error.to_string()))?;
    let builder = match &files.client_ca_file {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(file)? {
                roots
                    .add(certificate)
                    .map_err(|error| bad(file, format!("cannot be trusted: {error}")))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = verifier.build().map_err(|error| bad(file, error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let config = builder
        .with_single_cert(chain, key)
        .map_err(|error| bad(cert_file, format!("does not go with its key: {error}")))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, IngestError> {
    let text = read(file)?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(bad(file, "holds no certificate in PEM form".to_owned())),
        Err(error) => Err(bad(file, format!("is no certificate in PEM form: {error}"))),
    }
}

fn read(file: &Path) -> Result<Vec<u8>, IngestError> {
    std::fs::read(file).map_err(|source| IngestError::ReadFile {
        path: file.to_owned(),
        source,
    })
}

fn bad(file: &Path, reason: String) -> IngestError {
    IngestError::BadFile {
        path: file.to_owned(),
        reason,
    }
}
