//! What a user may set about the logs of this machine: `log_files`, `docker_logs`, `kubernetes_logs`, `journald`.

use std::collections::BTreeMap;

use regex::bytes::Regex;
use serde::Deserialize;
use stdx::HumanDuration;

/// A list of files whose lines are gathered.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogFiles {
    /// Paths; `*`, `?`, `[…]` and `**` stand for others.
    pub include: Vec<String>,
    /// Of these, paths that are left out.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Labels of every line.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Where to begin in files that are there when the list is new.
    #[serde(default)]
    pub read_from: ReadFrom,
    /// How lines are written.
    #[serde(default)]
    pub format: Format,
    /// Which lines belong together.
    #[serde(default)]
    pub multiline: Option<MultilineConfig>,
}

/// Where to begin in files that are there when their list is new. Files that come later are always read whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReadFrom {
    /// With their first line.
    #[default]
    Beginning,
    /// With what is written from now on.
    End,
}

/// How the lines of a file are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// As they are.
    #[default]
    Plain,
    /// As container engines write them: Docker's `json-file`, or the form of the Container Runtime Interface.
    Container,
}

/// Which lines belong together. One of `start` and `continue` is set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MultilineConfig {
    /// What the first line of an entry fits.
    #[serde(default)]
    pub start: Option<String>,
    /// What every line fits that goes on the entry before.
    #[serde(default, rename = "continue")]
    pub go_on: Option<String>,
    /// Lines of one entry at most.
    #[serde(default = "max_lines")]
    pub max_lines: usize,
    /// How long an entry waits for its next line.
    #[serde(default = "max_wait")]
    pub max_wait: HumanDuration,
}

fn max_lines() -> usize {
    500
}

fn max_wait() -> HumanDuration {
    HumanDuration::from_secs(3)
}

/// Logs of Docker's containers, as its driver `json-file` writes them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DockerLogs {
    /// Whether they are gathered.
    pub enabled: bool,
    /// The folder in which Docker keeps its containers.
    pub folder: String,
    /// Labels of every line.
    pub labels: BTreeMap<String, String>,
    /// Labels of containers that become metadata of their lines.
    pub container_labels: Vec<String>,
    /// Where to begin.
    pub read_from: ReadFrom,
}

impl Default for DockerLogs {
    fn default() -> Self {
        Self {
            enabled: false,
            folder: "/var/lib/docker/containers".to_owned(),
            labels: BTreeMap::from([("job".to_owned(), "docker".to_owned())]),
            container_labels: Vec::new(),
            read_from: ReadFrom::default(),
        }
    }
}

/// Logs of Kubernetes' containers, as the kubelet keeps them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KubernetesLogs {
    /// Whether they are gathered.
    pub enabled: bool,
    /// Files; those below a folder of pods and the links beside it are understood.
    pub include: Vec<String>,
    /// Of these, files that are left out.
    pub exclude: Vec<String>,
    /// Labels of every line.
    pub labels: BTreeMap<String, String>,
    /// Where to begin.
    pub read_from: ReadFrom,
}

impl Default for KubernetesLogs {
    fn default() -> Self {
        Self {
            enabled: false,
            include: vec!["/var/log/pods/*/*/*.log".to_owned()],
            exclude: Vec::new(),
            labels: BTreeMap::new(),
            read_from: ReadFrom::default(),
        }
    }
}

/// The journal of systemd.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Journald {
    /// Whether it is gathered.
    pub enabled: bool,
    /// The program that reads it.
    pub journalctl: String,
    /// A folder of journal files; this machine's own journal where it is not set.
    pub directory: Option<String>,
    /// Units; all where the list is empty.
    pub units: Vec<String>,
    /// Fields and their values, as in `PRIORITY=3`; see journalctl(1).
    pub matches: Vec<String>,
    /// Labels of every line.
    pub labels: BTreeMap<String, String>,
    /// Where to begin.
    pub read_from: ReadFrom,
}

impl Default for Journald {
    fn default() -> Self {
        Self {
            enabled: false,
            journalctl: "journalctl".to_owned(),
            directory: None,
            units: Vec::new(),
            matches: Vec::new(),
            labels: BTreeMap::from([("job".to_owned(), "systemd-journal".to_owned())]),
            read_from: ReadFrom::default(),
        }
    }
}

/// All that is gathered of logs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogsConfig {
    /// Lists of files.
    pub files: Vec<LogFiles>,
    /// Docker's containers.
    pub docker: DockerLogs,
    /// Kubernetes' containers.
    pub kubernetes: KubernetesLogs,
    /// The journal.
    pub journald: Journald,
}

impl LogsConfig {
    /// Whether anything is gathered.
    pub fn is_on(&self) -> bool {
        self.follows_files() || self.journald.enabled
    }

    /// Whether any file is followed.
    pub fn follows_files(&self) -> bool {
        !self.files.is_empty() || self.docker.enabled || self.kubernetes.enabled
    }

    /// What is wrong with the sections; an empty list says that they are valid.
    pub fn validate(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (place, list) in self.files.iter().enumerate() {
            let key = format!("log_files[{place}]");
            if list.include.is_empty() {
                faults.push(format!(
                    "{key}.include is empty; name a file, such as /var/log/syslog"
                ));
            }
            patterns(&key, &list.include, &list.exclude, &mut faults);
            labels(&key, &list.labels, &mut faults);
            if let Some(multiline) = &list.multiline {
                faults.extend(multiline.fault().map(|fault| format!("{key}.multiline{fault}")));
                if list.format == Format::Container {
                    faults.push(format!(
                        "{key}.multiline has no effect on format: container, whose lines are joined as the engine split them; \
                         remove it"
                    ));
                }
            }
        }
        labels("docker_logs", &self.docker.labels, &mut faults);
        let kubernetes = &self.kubernetes;
        labels("kubernetes_logs", &kubernetes.labels, &mut faults);
        patterns(
            "kubernetes_logs",
            &kubernetes.include,
            &kubernetes.exclude,
            &mut faults,
        );
        labels("journald", &self.journald.labels, &mut faults);
        for text in &self.journald.matches {
            let name = text.split_once('=').map(|(name, _)| name);
            let is_field = |name: &str| {
                let known = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
                !name.is_empty() && name.bytes().all(known)
            };
            if !name.is_some_and(is_field) {
                faults.push(format!(
                    "journald.matches has {text:?}; write a field and its value, such as PRIORITY=3"
                ));
            }
        }
        for unit in &self.journald.units {
            if unit.is_empty() || unit.starts_with('-') {
                faults.push(format!(
                    "journald.units has {unit:?}, which is no unit; write a name such as nginx.service"
                ));
            }
        }
        faults
    }
}

impl MultilineConfig {
    /// The rule that says which line begins an entry.
    pub(super) fn rule(&self) -> Result<(Regex, bool), String> {
        let compile = |key: &str, text: &str| {
            Regex::new(text).map_err(|error| format!(".{key}: {error}; write a regular expression"))
        };
        match (&self.start, &self.go_on) {
            (Some(start), None) => Ok((compile("start", start)?, true)),
            (None, Some(go_on)) => Ok((compile("continue", go_on)?, false)),
            _ => Err(" needs one of start and continue, such as start: '^\\d{4}-'".to_owned()),
        }
    }

    fn fault(&self) -> Option<String> {
        if let Err(fault) = self.rule() {
            return Some(fault);
        }
        (self.max_lines == 0).then(|| ".max_lines is 0; let it be 1 at least".to_owned())
    }
}

fn patterns(key: &str, include: &[String], exclude: &[String], faults: &mut Vec<String>) {
    for (name, list) in [("include", include), ("exclude", exclude)] {
        for text in list {
            if let Err(error) = glob::Pattern::new(text) {
                faults.push(format!("{key}.{name} has {text:?}: {error}; correct the pattern"));
            }
        }
    }
}

fn labels(key: &str, labels: &BTreeMap<String, String>, faults: &mut Vec<String>) {
    for name in labels
        .keys()
        .filter(|name| !model::names::is_legacy_label_name(name))
    {
        faults.push(format!(
            "{key}.labels has {name:?}, which cannot name a label; use letters, digits and underscores"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused_by_key() {
        let check = |text: &str, expected: &str| {
            let files: Vec<LogFiles> = stdx::yaml::read(text).unwrap();
            let config = LogsConfig {
                files,
                ..LogsConfig::default()
            };
            let faults = config.validate();
            assert!(
                faults.len() == 1 && faults[0].contains(expected),
                "{text}: {faults:?}"
            );
        };
        check("[{include: []}]", "log_files[0].include is empty");
        check("[{include: [/a]}, {include: ['/x/[']}]", "log_files[1].include");
        check("[{include: [/a], labels: {a b: c}}]", "labels has \"a b\"");
        check("[{include: [/a], multiline: {}}]", "one of start and continue");
        check("[{include: [/a], multiline: {start: '('}}]", "multiline.start");
        check(
            "[{include: [/a], multiline: {start: a, max_lines: 0}}]",
            "max_lines is 0",
        );
        check(
            "[{include: [/a], format: container, multiline: {start: a}}]",
            "no effect",
        );
        let journald: Journald =
            stdx::yaml::read("{enabled: true, matches: [nothing], units: [-x]}").unwrap();
        let config = LogsConfig {
            journald,
            ..LogsConfig::default()
        };
        assert_eq!(config.validate().len(), 2, "{:?}", config.validate());
        assert!(LogsConfig::default().validate().is_empty() && !LogsConfig::default().follows_files());
    }
}
