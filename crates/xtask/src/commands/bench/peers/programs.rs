//! Finds the servers' programs, and installs those that are missing from Debian's packages.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};

use super::system::System;
use crate::shell;

/// A script that says whether a package may start its service.
const SERVICE_POLICY: &str = "/usr/sbin/policy-rc.d";
const NO_SERVICES: &str = "#!/bin/sh\nexit 101\n";

/// The peer's program, installed now where it was missing; nothing where that cannot be done, which is said.
pub(super) fn of_peer(system: System) -> Result<Option<PathBuf>> {
    let name = system.name();
    if let Some(program) = on_path(name) {
        return Ok(Some(program));
    }
    let is_root = shell::output(Path::new("/"), &["id", "-u"])?.trim() == "0";
    if !is_root {
        shell::complain(&format!(
            "{name} is left out: it is not installed, and only root can; run `apt-get install {name}` as root"
        ));
        return Ok(None);
    }
    install(name)?;
    let program = on_path(name);
    ensure!(
        program.is_some(),
        "the package {name} brought no program of that name"
    );
    Ok(program)
}

fn install(package: &str) -> Result<()> {
    shell::say(&format!(
        "installing Debian's package {package} with apt-get, without starting its service"
    ));
    let _policy = ServicePolicy::forbid(Path::new(SERVICE_POLICY))?;
    let update = ["apt-get", "update", "--quiet", "--quiet"];
    ensure!(shell::runs(Path::new("/"), &update)?, "`apt-get update` failed");
    let line = [
        "apt-get",
        "install",
        "--quiet",
        "--yes",
        "--no-install-recommends",
        package,
    ];
    let status = shell::command(Path::new("/"), &line)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .status()
        .context("cannot run apt-get")?;
    ensure!(status.success(), "`{}` ended with {status}", line.join(" "));
    Ok(())
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|place| place.is_file())
}

/// Forbids packages to start services while it lives; a policy that was there already is left as it is.
struct ServicePolicy<'a> {
    written: Option<&'a Path>,
}

impl<'a> ServicePolicy<'a> {
    fn forbid(path: &'a Path) -> Result<Self> {
        if path.exists() {
            return Ok(Self { written: None });
        }
        let place = path.display().to_string();
        std::fs::write(path, NO_SERVICES).with_context(|| format!("cannot write {place}"))?;
        let policy = Self { written: Some(path) };
        ensure!(
            shell::runs(Path::new("/"), &["chmod", "+x", &place])?,
            "cannot make {place} executable"
        );
        Ok(policy)
    }
}

impl Drop for ServicePolicy<'_> {
    fn drop(&mut self) {
        if let Some(path) = self.written {
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_forbidden_only_while_packages_are_installed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy-rc.d");
        let policy = ServicePolicy::forbid(&path).unwrap();
        let ran = shell::command(Path::new("/"), &[&path.display().to_string()])
            .status()
            .unwrap();
        assert_eq!(ran.code(), Some(101));
        drop(policy);
        assert!(!path.exists());

        std::fs::write(&path, "the administrator's").unwrap();
        drop(ServicePolicy::forbid(&path).unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "the administrator's");
    }

    #[test]
    fn programs_are_looked_for_on_the_path() {
        assert!(on_path("sh").is_some_and(|program| program.is_file()));
        assert_eq!(on_path("no-such-program-anywhere"), None);
    }
}
