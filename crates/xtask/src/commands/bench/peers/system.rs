//! The servers that are measured: what each is called, how it is started, and where its figures lie.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueEnum;

use super::super::server::Launch;
use crate::shell;

/// A server under the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(in crate::commands) enum System {
    Watchkeeper,
    VictoriaMetrics,
    Prometheus,
}

const READY_WITHIN: Duration = Duration::from_mins(1);
/// What a server holds in memory it may write before it ends.
const STOPPED_WITHIN: Duration = Duration::from_mins(3);

/// Nothing but what the generator sends: no readings of the machine, no rules, no ports besides the one.
const WATCHKEEPER_CONFIG: &str = "\
server: { grpc_listen: \"off\", otlp_http_listen: \"off\" }
collect: { host: false, self: false }
alerting: { builtin_rules: false }
";
/// As a configuration that scrapes nothing is written.
const PROMETHEUS_CONFIG: &str = "global: {}\n";

impl System {
    /// In the order of measurement.
    pub(in crate::commands) const ALL: [Self; 3] =
        [Self::Watchkeeper, Self::VictoriaMetrics, Self::Prometheus];

    /// Its name in tables and files; for a peer also its program and its Debian package.
    pub(in crate::commands) fn name(self) -> &'static str {
        match self {
            Self::Watchkeeper => "watchkeeper",
            Self::VictoriaMetrics => "victoria-metrics",
            Self::Prometheus => "prometheus",
        }
    }

    /// POSTed to after the last acknowledgement, so that what is counted on disk is in its final form.
    pub(in crate::commands) fn flush_path(self) -> &'static str {
        match self {
            Self::Watchkeeper => "/-/flush",
            Self::VictoriaMetrics => "/internal/force_flush",
            Self::Prometheus => "/api/v1/admin/tsdb/snapshot",
        }
    }

    /// The entry of the data folder that counts as its size, where that is not the whole folder: Prometheus writes blocks
    /// every two hours only, and a snapshot is what they will be.
    pub(in crate::commands) fn disk_part(self) -> Option<&'static str> {
        (self == Self::Prometheus).then_some("snapshots")
    }

    /// The command line on a fresh data folder, its configuration written beside it.
    pub(in crate::commands) fn launch(self, program: &Path, place: &Place) -> Result<Launch> {
        let (address, data) = (place.address, place.data.display());
        let mut command = Command::new(program);
        let ready_path = match self {
            Self::Watchkeeper => {
                let config = place.write_config("yaml", WATCHKEEPER_CONFIG)?;
                command.arg("serve").arg("--config").arg(config);
                command.arg("--data-dir").arg(&place.data);
                command.args(["--listen", &address.to_string()]);
                "/-/ready"
            }
            Self::VictoriaMetrics => {
                command.arg(format!("-storageDataPath={data}"));
                command.arg(format!("-httpListenAddr={address}"));
                command.arg("-retentionPeriod=3");
                "/health"
            }
            Self::Prometheus => {
                let config = place.write_config("yml", PROMETHEUS_CONFIG)?;
                command.arg(format!("--config.file={}", config.display()));
                command.arg(format!("--storage.tsdb.path={data}"));
                command.arg(format!("--web.listen-address={address}"));
                command.args(["--web.enable-remote-write-receiver", "--web.enable-admin-api"]);
                "/-/ready"
            }
        };
        Ok(Launch {
            command,
            address,
            ready_path,
            log: Some(place.log.clone()),
            ready_within: READY_WITHIN,
            stopped_within: STOPPED_WITHIN,
        })
    }

    /// The version that the program says it is, or that its package has.
    pub(in crate::commands) fn version(self, program: &Path) -> String {
        let program = program.display().to_string();
        let line = match self {
            Self::Watchkeeper => [program.as_str(), "version"],
            Self::VictoriaMetrics => [program.as_str(), "-version"],
            Self::Prometheus => [program.as_str(), "--version"],
        };
        let said = shell::output(Path::new("/"), &line).unwrap_or_default();
        let of_package = || {
            let line = ["dpkg-query", "--show", "--showformat=${Version}", self.name()];
            shell::output(Path::new("/"), &line).ok()
        };
        version_said(&said)
            .or_else(of_package)
            .unwrap_or_else(|| "of unknown version".to_owned())
    }
}

/// Where one server lives during its measurement.
#[derive(Debug)]
pub(in crate::commands) struct Place {
    pub(in crate::commands) address: SocketAddr,
    pub(in crate::commands) data: PathBuf,
    pub(in crate::commands) log: PathBuf,
}

impl Place {
    fn write_config(&self, ending: &str, text: &str) -> Result<PathBuf> {
        let path = self.log.with_extension(ending);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

/// The first word of the first line that looks like a version: digits with dots between.
fn version_said(text: &str) -> Option<String> {
    let is_version =
        |word: &&str| word.starts_with(|letter: char| letter.is_ascii_digit()) && word.contains('.');
    text.lines()
        .next()?
        .split_whitespace()
        .find(is_version)
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_programs_say() {
        let prometheus =
            "prometheus, version 2.42.0+ds (branch: debian/sid, revision: 2.42.0+ds-5)\n  build user: x";
        assert_eq!(version_said(prometheus).as_deref(), Some("2.42.0+ds"));
        assert_eq!(
            version_said("watchkeeper 0.1.0 (release build, x86_64-linux)\n").as_deref(),
            Some("0.1.0")
        );
        assert_eq!(version_said("\n"), None);
        assert_eq!(version_said(""), None);
    }

    #[test]
    fn every_server_gets_its_own_data_folder_and_port() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place {
            address: SocketAddr::from(([127, 0, 0, 1], 4242)),
            data: folder.path().join("data"),
            log: folder.path().join("server.log"),
        };
        for system in System::ALL {
            let launch = system.launch(Path::new("/program"), &place).unwrap();
            let line = format!("{:?}", launch.command);
            assert!(line.contains("127.0.0.1:4242"), "{line}");
            assert!(line.contains(&place.data.display().to_string()), "{line}");
            assert_eq!(launch.log.as_ref(), Some(&place.log));
        }
        let written = std::fs::read_to_string(folder.path().join("server.yml")).unwrap();
        assert_eq!(written, PROMETHEUS_CONFIG);
    }
}
