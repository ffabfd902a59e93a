//! How a cluster is reached: by address, by a kubeconfig file, or as a pod by its service account.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use url::Url;

use crate::client::{HttpClient, Setup};
use crate::config::{Authorization, BasicAuth, HttpConfig, Secret};
use crate::error::IngestError;
use crate::limits::SECRET_FILE_BYTES_MAX;

/// Where a pod finds who it is.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The API of one cluster.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) client: HttpClient,
    base: String,
    /// The namespace of this pod, where it is one.
    pub(crate) own_namespace: Option<String>,
}

/// What a configuration says of where the API is; nothing where the service account of this pod is meant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'c> {
    pub(crate) api_server: Option<&'c str>,
    pub(crate) kubeconfig_file: Option<&'c str>,
    /// How `api_server` is talked to.
    pub(crate) http: &'c HttpConfig,
}

/// What an [`Access`] is built from.
#[derive(Debug, PartialEq)]
struct Way {
    server: String,
    http: HttpConfig,
    own_namespace: Option<String>,
}

impl Access {
    /// The cluster that a configuration means; the inner error says that the process is in none.
    pub(crate) fn of(named: &Named<'_>, owner: &str) -> Result<Result<Self, String>, IngestError> {
        let way = match (named.api_server, named.kubeconfig_file) {
            (Some(server), _) => Way {
                server: server.to_owned(),
                http: named.http.clone(),
                own_namespace: None,
            },
            (None, Some(file)) => by_kubeconfig(Path::new(file))?,
            (None, None) => match as_pod(|name| std::env::var(name).ok(), Path::new(SERVICE_ACCOUNT)) {
                Ok(way) => way,
                Err(outside) => return Ok(Err(outside)),
            },
        };
        let setup = Setup {
            owner: owner.to_owned(),
            gzip: true,
            idle: Duration::from_secs(90),
            unix_socket: None,
        };
        Ok(Ok(Self {
            client: HttpClient::new(&way.http, &setup)?,
            base: way.server.trim_end_matches('/').to_owned(),
            own_namespace: way.own_namespace,
        }))
    }

    pub(crate) fn url(&self, path: &str, query: &[(&str, String)]) -> Result<Url, IngestError> {
        let mut url = Url::parse(&format!("{}{path}", self.base))
            .map_err(|error| IngestError::Discovery(format!("the API's address: {error}")))?;
        url.query_pairs_mut().extend_pairs(query);
        Ok(url)
    }
}

/// Source: Kubernetes' documentation, "Accessing the Kubernetes API from a Pod".
fn as_pod(variable: impl Fn(&str) -> Option<String>, account: &Path) -> Result<Way, String> {
    let given = |name: &str| {
        variable(name).ok_or_else(|| {
            format!("not inside a cluster ({name} is not set); name api_server or kubeconfig_file")
        })
    };
    let (host, port) = (
        given("KUBERNETES_SERVICE_HOST")?,
        given("KUBERNETES_SERVICE_PORT")?,
    );
    let file = |name: &str| account.join(name).to_string_lossy().into_owned();
    let mut http = HttpConfig {
        bearer_token_file: Some(file("token")),
        ..HttpConfig::default()
    };
    let ca = file("ca.crt");
    if Path::new(&ca).exists() {
        http.tls_config.ca_file = Some(ca);
    }
    let namespace = std::fs::read_to_string(account.join("namespace")).ok();
    Ok(Way {
        server: format!("https://{}", crate::client::host_port(&host, port)),
        http,
        own_namespace: namespace.map(|name| name.trim().to_owned()),
    })
}

/// A kubeconfig file, as far as it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct KubeConfig {
    current_context: String,
    clusters: Vec<Entry<ClusterEntry>>,
    users: Vec<Entry<UserEntry>>,
    contexts: Vec<Entry<ContextEntry>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entry<T> {
    name: String,
    #[serde(alias = "cluster", alias = "user", alias = "context")]
    entry: T,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct ClusterEntry {
    server: String,
    certificate_authority: Option<String>,
    certificate_authority_data: Option<String>,
    insecure_skip_tls_verify: bool,
    tls_server_name: Option<String>,
    proxy_url: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct UserEntry {
    token: Option<Secret>,
    #[serde(rename = "tokenFile")]
    token_file: Option<String>,
    client_certificate: Option<String>,
    client_certificate_data: Option<String>,
    client_key: Option<String>,
    client_key_data: Option<Secret>,
    username: Option<String>,
    password: Option<Secret>,
    exec: Option<serde::de::IgnoredAny>,
    auth_provider: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ContextEntry {
    cluster: String,
    user: String,
    namespace: Option<String>,
}

fn by_kubeconfig(file: &Path) -> Result<Way, IngestError> {
    let read_error = |source| IngestError::ReadFile {
        path: file.to_owned(),
        source,
    };
    let bad = |reason: String| IngestError::BadFile {
        path: file.to_owned(),
        reason,
    };
    let size = std::fs::metadata(file).map_err(read_error)?.len();
    if size > SECRET_FILE_BYTES_MAX * 16 {
        return Err(bad(format!("has {size} bytes, too many for a kubeconfig file")));
    }
    let text = std::fs::read_to_string(file).map_err(read_error)?;
    let config: KubeConfig = serde_saphyr::from_str(&text).map_err(|error| bad(error.to_string()))?;
    let base = file.parent().map(PathBuf::from).unwrap_or_default();
    way_of(config, &base).map_err(bad)
}

fn way_of(config: KubeConfig, base: &Path) -> Result<Way, String> {
    let current = config.current_context;
    let context = named(config.contexts, &current, "current-context")?;
    let cluster = named(config.clusters, &context.cluster, "cluster")?;
    let user = named(config.users, &context.user, "user")?;
    if user.exec.is_some() || user.auth_provider.is_some() {
        return Err(format!(
            "user {:?} gets credentials from a program, which is not run; use a token or a client certificate",
            context.user
        ));
    }
    let file = |path: Option<String>| {
        path.map(|mut path| {
            stdx::paths::resolve(&mut path, base);
            path
        })
    };
    let mut http = HttpConfig {
        proxy_url: cluster.proxy_url,
        ..HttpConfig::default()
    };
    let tls = &mut http.tls_config;
    tls.ca = decoded(cluster.certificate_authority_data, "certificate-authority-data")?;
    // As kubectl has it, data win over files.
    tls.ca_file = file(cluster.certificate_authority).filter(|_| tls.ca.is_none());
    tls.insecure_skip_verify = cluster.insecure_skip_tls_verify;
    tls.server_name = cluster.tls_server_name;
    tls.cert = decoded(user.client_certificate_data, "client-certificate-data")?;
    tls.cert_file = file(user.client_certificate).filter(|_| tls.cert.is_none());
    let key = user.client_key_data.map(|key| key.expose().to_owned());
    tls.key = decoded(key, "client-key-data")?.map(Secret::new);
    tls.key_file = file(user.client_key).filter(|_| tls.key.is_none());
    if user.token.is_some() || user.token_file.is_some() {
        let credentials_file = file(user.token_file);
        http.authorization = Some(Authorization {
            scheme: None,
            credentials: user.token.filter(|_| credentials_file.is_none()),
            credentials_file,
        });
    } else if let Some(username) = user.username {
        http.basic_auth = Some(BasicAuth {
            username,
            password: user.password,
            ..BasicAuth::default()
        });
    }
    Ok(Way {
        server: cluster.server,
        http,
        own_namespace: context.namespace,
    })
}

fn named<T>(entries: Vec<Entry<T>>, name: &str, what: &str) -> Result<T, String> {
    let found = entries.into_iter().find(|entry| entry.name == name);
    found
        .map(|found| found.entry)
        .ok_or_else(|| format!("{what} is {name:?}, and there is no entry of that name"))
}

fn decoded(data: Option<String>, key: &str) -> Result<Option<String>, String> {
    let Some(data) = data else { return Ok(None) };
    let bytes = STANDARD
        .decode(data.trim())
        .map_err(|error| format!("{key} is not base64: {error}"))?;
    let text = String::from_utf8(bytes).map_err(|_| format!("{key} holds no text in PEM form"))?;
    Ok(Some(text))
}

#[cfg(test)]
mod tests;
