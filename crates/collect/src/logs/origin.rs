//! Where a file's lines come from: the labels and metadata that its path, or what lies beside it, tells.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use model::{Labels, LabelsBuilder};
use serde::Deserialize;

use super::forms::container::Stream;
use crate::limits::CONTAINER_CONFIG_BYTES_MAX;

/// What every line of a file is given.
#[derive(Debug, Clone, Default)]
pub(super) struct Origin {
    plain: Labels,
    stdout: Labels,
    stderr: Labels,
    /// Metadata of every line.
    pub(super) pairs: Vec<(String, String)>,
}

/// Who can tell where the files of a list come from.
#[derive(Debug)]
pub(super) enum Teller {
    /// Nobody but the path itself.
    Path,
    /// Docker's own file about the container; these of its labels become metadata.
    Docker(Vec<String>),
    /// The kubelet's names.
    Kubernetes,
}

impl Origin {
    /// The labels of a line.
    pub(super) fn labels(&self, stream: Option<Stream>) -> &Labels {
        match stream {
            None => &self.plain,
            Some(Stream::Stdout) => &self.stdout,
            Some(Stream::Stderr) => &self.stderr,
        }
    }

    fn new(labels: LabelsBuilder, pairs: Vec<(String, String)>) -> Self {
        let plain = labels.build();
        let with = |stream: Stream| {
            let mut labels = plain.to_builder();
            labels.set("stream", stream.as_str());
            labels.build()
        };
        Self {
            stdout: with(Stream::Stdout),
            stderr: with(Stream::Stderr),
            plain,
            pairs,
        }
    }
}

impl Teller {
    /// What is told of a file. `path` is where it was found, `real` where links lead.
    pub(super) fn origin(&self, labels: &BTreeMap<String, String>, path: &Path, real: &Path) -> Origin {
        let mut all = LabelsBuilder::default();
        let mut pairs = Vec::new();
        match self {
            Self::Path => {
                all.set("filename", path.to_string_lossy());
            }
            Self::Docker(wanted) => docker(path, wanted, &mut all, &mut pairs),
            Self::Kubernetes => {
                let found = pod_of_folder(real)
                    .or_else(|| pod_of_folder(path))
                    .or_else(|| pod_of_link(path));
                match found {
                    Some(pod) => pod.tell(&mut all, &mut pairs),
                    None => {
                        all.set("filename", path.to_string_lossy());
                    }
                }
            }
        }
        for (name, value) in labels {
            all.set(name, value);
        }
        Origin::new(all, pairs)
    }
}

/// What Docker keeps of a container in `config.v2.json`, as far as it is of interest.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Container {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "Config")]
    config: ContainerConfig,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ContainerConfig {
    #[serde(rename = "Image")]
    image: String,
    #[serde(rename = "Labels")]
    labels: Option<BTreeMap<String, String>>,
}

fn docker(path: &Path, wanted: &[String], all: &mut LabelsBuilder, pairs: &mut Vec<(String, String)>) {
    let folder = path.parent().unwrap_or(path);
    let read = || {
        let mut text = Vec::new();
        let file = std::fs::File::open(folder.join("config.v2.json")).ok()?;
        file.take(CONTAINER_CONFIG_BYTES_MAX)
            .read_to_end(&mut text)
            .ok()?;
        serde_json::from_slice::<Container>(&text).ok()
    };
    let mut container = read().unwrap_or_default();
    if container.id.is_empty() {
        container.id = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
    }
    let own = container.config.labels.unwrap_or_default();
    let name = container.name.trim_start_matches('/');
    let short = container.id.get(..12).unwrap_or(&container.id);
    all.set("container", if name.is_empty() { short } else { name });
    for (label, key) in [
        ("compose_project", "com.docker.compose.project"),
        ("compose_service", "com.docker.compose.service"),
    ] {
        if let Some(value) = own.get(key) {
            all.set(label, value);
        }
    }
    pairs.push(("container_id".to_owned(), container.id.clone()));
    if !container.config.image.is_empty() {
        pairs.push(("image".to_owned(), container.config.image));
    }
    let wanted = wanted.iter().filter_map(|name| own.get_key_value(name));
    pairs.extend(wanted.map(|(name, value)| (name.clone(), value.clone())));
}

/// A container of a pod.
#[derive(Debug, PartialEq, Eq)]
struct Pod<'p> {
    namespace: &'p str,
    name: &'p str,
    container: &'p str,
    uid: Option<&'p str>,
    restart: Option<&'p str>,
    container_id: Option<&'p str>,
}

impl Pod<'_> {
    fn tell(&self, all: &mut LabelsBuilder, pairs: &mut Vec<(String, String)>) {
        all.set("namespace", self.namespace).set("pod", self.name);
        all.set("container", self.container);
        all.set("job", format!("{}/{}", self.namespace, self.container));
        for (name, value) in [
            ("pod_uid", self.uid),
            ("restart", self.restart),
            ("container_id", self.container_id),
        ] {
            if let Some(value) = value {
                pairs.push((name.to_owned(), value.to_owned()));
            }
        }
    }
}

/// `…/NAMESPACE_POD_UID/CONTAINER/RESTART.log`.
fn pod_of_folder(path: &Path) -> Option<Pod<'_>> {
    let restart = path.file_name()?.to_str()?.split('.').next()?;
    let folder = path.parent()?;
    let container = folder.file_name()?.to_str()?;
    let mut names = folder.parent()?.file_name()?.to_str()?.splitn(3, '_');
    let (namespace, name, uid) = (names.next()?, names.next()?, names.next()?);
    let is_number = !restart.is_empty() && restart.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(Pod {
        namespace,
        name,
        container,
        uid: Some(uid),
        restart: Some(restart),
        container_id: None,
    })
}

/// `…/POD_NAMESPACE_CONTAINER-ID.log`.
fn pod_of_link(path: &Path) -> Option<Pod<'_>> {
    let name = path.file_name()?.to_str()?.strip_suffix(".log")?;
    let mut names = name.splitn(3, '_');
    let (name, namespace, rest) = (names.next()?, names.next()?, names.next()?);
    let (container, id) = rest.rsplit_once('-')?;
    Some(Pod {
        namespace,
        name,
        container,
        uid: None,
        restart: None,
        container_id: Some(id),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(teller: &Teller, path: &str) -> String {
        let labels = BTreeMap::from([("env".to_owned(), "test".to_owned())]);
        let origin = teller.origin(&labels, Path::new(path), Path::new(path));
        format!("{} {:?}", origin.labels(Some(Stream::Stderr)), origin.pairs)
    }

    #[test]
    fn paths_of_pods_tell_whose_they_are() {
        let check = |path: &str, expected: &str| assert_eq!(told(&Teller::Kubernetes, path), expected);
        check(
            "/var/log/pods/shop_web-5d9_0a1b-2c/nginx/3.log",
            r#"{container="nginx", env="test", job="shop/nginx", namespace="shop", pod="web-5d9", stream="stderr"} [("pod_uid", "0a1b-2c"), ("restart", "3")]"#,
        );
        check(
            "/var/log/containers/web-5d9_shop_nginx-0123abc.log",
            r#"{container="nginx", env="test", job="shop/nginx", namespace="shop", pod="web-5d9", stream="stderr"} [("container_id", "0123abc")]"#,
        );
        check(
            "/var/log/other.log",
            r#"{env="test", filename="/var/log/other.log", stream="stderr"} []"#,
        );
    }

    #[test]
    fn docker_tells_of_its_containers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0123456789abcdef-json.log");
        let about = r#"{"ID":"0123456789abcdef","Name":"/web","Config":{"Image":"nginx:1","Labels":
            {"com.docker.compose.service":"front","team":"blue","other":"x"}},"More":[1]}"#;
        let teller = Teller::Docker(vec!["team".to_owned()]);
        std::fs::write(folder.path().join("config.v2.json"), about).unwrap();
        assert_eq!(
            told(&teller, path.to_str().unwrap()),
            r#"{compose_service="front", container="web", env="test", stream="stderr"} [("container_id", "0123456789abcdef"), ("image", "nginx:1"), ("team", "blue")]"#
        );
        std::fs::write(folder.path().join("config.v2.json"), "no JSON").unwrap();
        assert!(told(&teller, path.to_str().unwrap()).starts_with(r"{container="));
    }
}
