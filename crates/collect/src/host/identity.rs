//! Who this machine is: its name, its system, its kernel.

use crate::error::Error;
use crate::kernel_file::read_once;
use crate::roots::Roots;
use crate::text;
use crate::view::HostSummary;

/// Reads what does not change while the machine runs.
pub(super) fn read(roots: &Roots) -> Result<HostSummary, Error> {
    let name = one_line(&read_once(&roots.proc.join("sys/kernel/hostname"))?);
    if name.is_empty() || name == "(none)" {
        return Err(Error::NoHostName);
    }
    let kernel = read_once(&roots.proc.join("sys/kernel/osrelease"))?;
    let release = read_once(&roots.etc.join("os-release")).unwrap_or_default();
    Ok(HostSummary {
        name,
        os: pretty_name(&release).unwrap_or_else(|| "Linux".to_owned()),
        kernel: one_line(&kernel),
        ..HostSummary::default()
    })
}

fn one_line(content: &[u8]) -> String {
    text::words(content.trim_ascii()).into_owned()
}

/// `PRETTY_NAME` of os-release(5), quotes removed.
pub(super) fn pretty_name(release: &[u8]) -> Option<String> {
    let value = text::lines(release).find_map(|line| line.trim_ascii().strip_prefix(b"PRETTY_NAME="))?;
    let name = text::words(value);
    let name = name.trim_matches(['"', '\'']).trim();
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pretty_name_is_found_and_unquoted() {
        let check = |release: &str, name: Option<&str>| {
            assert_eq!(pretty_name(release.as_bytes()).as_deref(), name);
        };
        check(
            "NAME=Debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n",
            Some("Debian GNU/Linux 12 (bookworm)"),
        );
        check("PRETTY_NAME='Alpine Linux v3.20'", Some("Alpine Linux v3.20"));
        check("PRETTY_NAME=\"\"", None);
        check("NAME=x", None);
    }
}
