//! `cargo x ui`: builds the web interface into `ui/dist` and tests it.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};

use super::steps::Steps;
use crate::shell;

/// The oldest Node that the build's tools run on.
const NODE_MIN: (u32, u32) = (20, 19);

/// Installs what package-lock.json pins, builds, checks and tests.
pub fn run(root: &Path) -> Result<ExitCode> {
    let mend = "the web interface is built with Node 20.19 or newer and its npm; the server itself needs neither, \
                because ui/dist is committed";
    let Ok(version) = shell::output(root, &["node", "--version"]) else {
        bail!("Node is missing: {mend}");
    };
    if node_version(&version).is_none_or(|version| version < NODE_MIN) {
        bail!("Node is {}: {mend}", version.trim());
    }
    let folder = root.join("ui");
    let mut steps = Steps::default();
    steps.run("install", &folder, &["npm", "ci", "--no-audit", "--no-fund"])?;
    steps.run("build", &folder, &["npm", "run", "build"])?;
    steps.run("check", &folder, &["npm", "run", "check"])?;
    steps.run("test", &folder, &["npm", "test"])?;
    Ok(steps.end())
}

/// Major and minor of `v20.19.2`.
fn node_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim().strip_prefix('v')?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert_eq!(node_version("v20.19.2\n"), Some((20, 19)));
        assert!(node_version("v9.30.0").unwrap() < NODE_MIN);
        assert!(node_version("v22.1.0").unwrap() > NODE_MIN);
        assert_eq!(node_version("nonsense"), None);
    }
}
