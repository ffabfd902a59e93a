//! What earlier runs learnt: of every target the fewest inputs that reach all that was reached, as one archive in `fuzz/kept`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::shell;

/// The same inputs make the same archive, whoever packs them and when.
const SAME_FOR_ALL: [&str; 7] = [
    "--sort=name",
    "--mtime=@0",
    "--owner=0",
    "--group=0",
    "--numeric-owner",
    "--mode=0644",
    "--verbatim-files-from",
];

fn archive(root: &Path, target: &str) -> PathBuf {
    root.join("fuzz/kept").join(format!("{target}.tar.gz"))
}

/// Unpacks what is kept of a target into `folder`, which holds nothing else then. Says whether there is anything.
pub(super) fn unpack(root: &Path, target: &str, folder: &Path) -> Result<bool> {
    let archive = archive(root, target);
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    if !archive.is_file() {
        return Ok(false);
    }
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let status = shell::command(root, &["tar", "--extract", "--gzip", "--file"])
        .arg(&archive)
        .arg("--directory")
        .arg(folder)
        .status()
        .context("cannot run tar")?;
    ensure!(status.success(), "{} does not unpack", archive.display());
    Ok(true)
}

/// Packs the files of `folder` in place of what was kept of a target.
pub(super) fn pack(root: &Path, target: &str, folder: &Path) -> Result<()> {
    let archive = archive(root, target);
    if let Some(parent) = archive.parent() {
        std::fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    }
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .map(|entry| Ok(entry?.file_name()))
        .collect::<Result<_>>()?;
    names.sort_unstable();
    let list = folder.with_extension("names");
    let lines: Vec<String> = names
        .iter()
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    std::fs::write(&list, lines.join("\n")).with_context(|| format!("cannot write {}", list.display()))?;
    let status = shell::command(root, &["tar", "--create", "--use-compress-program=gzip -9 -n"])
        .args(SAME_FOR_ALL)
        .arg("--file")
        .arg(&archive)
        .arg("--directory")
        .arg(folder)
        .arg("--files-from")
        .arg(&list)
        .status()
        .context("cannot run tar")?;
    ensure!(status.success(), "{} cannot be packed", folder.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_unpacks_and_is_the_same_each_time() {
        let root = tempfile::tempdir().unwrap();
        let inputs = root.path().join("inputs");
        std::fs::create_dir(&inputs).unwrap();
        let given: [(&str, &[u8]); 3] = [("b", b"\0\xff"), ("a", b""), ("-c", b"x")];
        for (name, bytes) in given {
            std::fs::write(inputs.join(name), bytes).unwrap();
        }
        let unpacked = root.path().join("unpacked");
        assert!(!unpack(root.path(), "t", &unpacked).unwrap());
        pack(root.path(), "t", &inputs).unwrap();
        let packed = std::fs::read(archive(root.path(), "t")).unwrap();
        assert!(unpack(root.path(), "t", &unpacked).unwrap());
        for (name, bytes) in given {
            assert_eq!(std::fs::read(unpacked.join(name)).unwrap(), bytes);
        }
        pack(root.path(), "t", &unpacked).unwrap();
        assert_eq!(std::fs::read(archive(root.path(), "t")).unwrap(), packed);
    }
}
