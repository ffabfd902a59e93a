//! Which control groups this process is in, from the outermost that can be seen to its own, and their limits.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use crate::error::Error;
use crate::kernel_file::read_once;
use crate::limits;
use crate::roots::Roots;

use super::parse::{self, CgroupMount};

/// A control group: a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    folder: PathBuf,
    pub(super) is_v2: bool,
}

/// The groups that limit CPU and those that limit memory, outermost first.
#[derive(Debug, Default)]
pub(super) struct Groups {
    pub(super) cpu: Vec<Group>,
    pub(super) memory: Vec<Group>,
}

impl Group {
    /// The file of this group, by its name in either version.
    pub(super) fn file(&self, v2: &str, v1: &str) -> PathBuf {
        let is_usage_v1 = !self.is_v2 && v1.starts_with("cpuacct.");
        if is_usage_v1 {
            return self.accounting_file(v1);
        }
        self.folder.join(if self.is_v2 { v2 } else { v1 })
    }

    /// Version 1 may count CPU time in a hierarchy of its own, mounted beside that of the limit.
    fn accounting_file(&self, name: &str) -> PathBuf {
        let here = self.folder.join(name);
        if here.exists() {
            return here;
        }
        let is_cpu = |part: &Component<'_>| part.as_os_str() == "cpu";
        let beside: PathBuf = self
            .folder
            .components()
            .map(|part| {
                if is_cpu(&part) {
                    OsStr::new("cpuacct")
                } else {
                    part.as_os_str()
                }
            })
            .collect();
        beside.join(name)
    }
}

/// The limit of a group in cores, where it has one.
pub(super) fn cpu_limit_cores(group: &Group) -> Option<f64> {
    if group.is_v2 {
        parse::cpu_max(&read_once(&group.folder.join("cpu.max")).ok()?)
    } else {
        let quota = read_once(&group.folder.join("cpu.cfs_quota_us")).ok()?;
        let period = read_once(&group.folder.join("cpu.cfs_period_us")).ok()?;
        parse::cfs_cores(&quota, &period)
    }
}

/// The limit of a group in bytes, where it has one.
pub(super) fn memory_limit_bytes(group: &Group) -> Option<u64> {
    let name = if group.is_v2 {
        "memory.max"
    } else {
        "memory.limit_in_bytes"
    };
    parse::memory_max(&read_once(&group.folder.join(name)).ok()?)
}

/// The groups this process is in. A machine without control groups has none.
pub(super) fn groups_of_self(roots: &Roots) -> Result<Groups, Error> {
    let Ok(memberships) = read_once(&roots.proc.join("self/cgroup")) else {
        return Ok(Groups::default());
    };
    let mounts: Vec<CgroupMount> =
        parse::cgroup_mounts(&read_once(&roots.proc.join("self/mountinfo"))?).collect();
    let mut groups = Groups::default();
    for membership in parse::memberships(&memberships) {
        let is_v2 = membership.controllers.is_empty();
        let find = |controller: &[u8]| {
            let mount = mounts
                .iter()
                .find(|mount| mount.is_v2 == is_v2 && (is_v2 || mount.has(controller)))?;
            Some(levels(roots, mount, membership.path))
        };
        // In a mixed set-up version 2 is mounted without controllers: its groups have no limit files and do no harm.
        if is_v2 || membership.has(b"cpu") {
            groups.cpu.extend(find(b"cpu").unwrap_or_default());
        }
        if is_v2 || membership.has(b"memory") {
            groups.memory.extend(find(b"memory").unwrap_or_default());
        }
    }
    Ok(groups)
}

/// The folders from the mounted root of a hierarchy down to the group at `path`.
fn levels(roots: &Roots, mount: &CgroupMount, path: &[u8]) -> Vec<Group> {
    let group = |folder: &Path| Group {
        folder: folder.to_owned(),
        is_v2: mount.is_v2,
    };
    let mut folder = located(roots, &mount.mount_point);
    let mut found = vec![group(&folder)];
    let path = Path::new(OsStr::from_bytes(path));
    let root = Path::new(OsStr::from_bytes(&mount.root));
    // A container sees only its own part of the hierarchy; a path outside of that part leaves the root alone.
    let Ok(below) = path.strip_prefix(root) else {
        return found;
    };
    for part in below.components().take(limits::CGROUP_LEVELS_MAX) {
        let Component::Normal(name) = part else {
            break;
        };
        folder.push(name);
        if !folder.is_dir() {
            break;
        }
        found.push(group(&folder));
    }
    found
}

/// Where a mount point of this machine is, below the folders that are read.
fn located(roots: &Roots, mount_point: &[u8]) -> PathBuf {
    let mount_point = Path::new(OsStr::from_bytes(mount_point));
    match mount_point.strip_prefix("/sys") {
        Ok(below) => roots.sys.join(below),
        Err(_) => roots
            .root
            .join(mount_point.strip_prefix("/").unwrap_or(mount_point)),
    }
}
