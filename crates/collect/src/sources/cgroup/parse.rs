//! The texts of control groups (Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/).

use crate::text;

/// A line of `/proc/PID/cgroup`: `hierarchy:controllers:path`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Membership<'a> {
    /// Comma-separated names; empty for version 2.
    pub(super) controllers: &'a [u8],
    /// The path below the root of the hierarchy.
    pub(super) path: &'a [u8],
}

impl Membership<'_> {
    pub(super) fn has(&self, controller: &[u8]) -> bool {
        self.controllers
            .split(|byte| *byte == b',')
            .any(|name| name == controller)
    }
}

/// The lines of `/proc/PID/cgroup`.
pub(super) fn memberships(text: &[u8]) -> impl Iterator<Item = Membership<'_>> {
    text::lines(text).filter_map(|line| {
        let mut parts = line.splitn(3, |byte| *byte == b':');
        text::number(parts.next()?)?;
        Some(Membership {
            controllers: parts.next()?,
            path: parts.next()?,
        })
    })
}

/// `cpu.max`: quota and period in microseconds, as cores; `None` where there is no limit.
pub(super) fn cpu_max(text: &[u8]) -> Option<f64> {
    let mut fields = text::fields(text);
    let quota = text::number(fields.next()?)?;
    let period = text::number(fields.next()?)?;
    (quota > 0 && period > 0).then(|| quota as f64 / period as f64)
}

/// `cpu.cfs_quota_us` and `cpu.cfs_period_us` as cores; a quota of -1 is no limit.
pub(super) fn cfs_cores(quota: &[u8], period: &[u8]) -> Option<f64> {
    let quota = text::only_number(quota)?;
    let period = text::only_number(period)?;
    (quota > 0 && period > 0).then(|| quota as f64 / period as f64)
}

/// `memory.max` or `memory.limit_in_bytes`; `None` for `max` and for version 1's way to say so, a number near 2^63.
pub(super) fn memory_max(text: &[u8]) -> Option<u64> {
    text::only_number(text).filter(|bytes| *bytes < 1 << 60)
}

/// The number behind a key, of files with a key and a number on each line.
pub(super) fn keyed(text: &[u8], key: &[u8]) -> Option<u64> {
    text::lines(text).find_map(|line| {
        let mut fields = text::fields(line);
        (fields.next() == Some(key))
            .then(|| fields.next().and_then(text::number))
            .flatten()
    })
}

/// CPU time used according to version 2's `cpu.stat`.
pub(super) fn usage_seconds(stat: &[u8]) -> Option<f64> {
    keyed(stat, b"usage_usec").map(|us| us as f64 / 1e6)
}

/// Time held back according to `cpu.stat`.
pub(super) fn throttled_seconds(stat: &[u8], is_v2: bool) -> Option<f64> {
    if is_v2 {
        keyed(stat, b"throttled_usec").map(|us| us as f64 / 1e6)
    } else {
        keyed(stat, b"throttled_time").map(|ns| ns as f64 / 1e9)
    }
}

/// A hierarchy's place in `/proc/PID/mountinfo`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CgroupMount {
    /// Which part of the hierarchy is mounted.
    pub(super) root: Vec<u8>,
    /// Where it is mounted.
    pub(super) mount_point: Vec<u8>,
    /// Whether it is version 2.
    pub(super) is_v2: bool,
    /// Superblock options: version 1 names its controllers here.
    pub(super) options: Vec<u8>,
}

impl CgroupMount {
    pub(super) fn has(&self, controller: &[u8]) -> bool {
        self.options
            .split(|byte| *byte == b',')
            .any(|name| name == controller)
    }
}

/// The cgroup mounts of `/proc/PID/mountinfo` (proc_pid_mountinfo(5)).
pub(super) fn cgroup_mounts(text: &[u8]) -> impl Iterator<Item = CgroupMount> {
    text::lines(text).filter_map(|line| {
        let mut fields = text::fields(line).skip(3);
        let root = text::unescape(fields.next()?);
        let mount_point = text::unescape(fields.next()?);
        let mut fields = fields.skip_while(|field| *field != b"-").skip(1);
        let is_v2 = match fields.next()? {
            b"cgroup2" => true,
            b"cgroup" => false,
            _ => return None,
        };
        Some(CgroupMount {
            root,
            mount_point,
            is_v2,
            options: fields.nth(1)?.to_vec(),
        })
    })
}

/// Tries every parser of this file.
pub(super) fn any(text: &[u8]) {
    let _ = memberships(text).filter(|line| line.has(b"memory")).count();
    let _ = cgroup_mounts(text).filter(|mount| mount.has(b"memory")).count();
    let _ = (cpu_max(text), cfs_cores(text, text), memory_max(text));
    let _ = (
        usage_seconds(text),
        throttled_seconds(text, true),
        throttled_seconds(text, false),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_and_no_limit_is_none() {
        assert_eq!(cpu_max(b"150000 100000\n"), Some(1.5));
        assert_eq!(cpu_max(b"max 100000\n"), None);
        assert_eq!(cpu_max(b"0 0"), None);
        assert_eq!(cfs_cores(b"50000\n", b"100000\n"), Some(0.5));
        assert_eq!(cfs_cores(b"-1\n", b"100000\n"), None);
        assert_eq!(memory_max(b"max\n"), None);
        assert_eq!(memory_max(b"9223372036854771712\n"), None);
        assert_eq!(memory_max(b"1073741824\n"), Some(1 << 30));
    }

    #[test]
    fn mounts_of_both_versions_are_found() {
        let text = b"31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n\
            35 31 0:32 /docker/ab /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n\
            41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n";
        let mounts: Vec<CgroupMount> = cgroup_mounts(text).collect();
        assert_eq!(mounts.len(), 2);
        assert!(!mounts[0].is_v2 && mounts[0].has(b"memory") && !mounts[0].has(b"cpu"));
        assert_eq!(
            (mounts[0].root.as_slice(), mounts[0].mount_point.as_slice()),
            (&b"/docker/ab"[..], &b"/sys/fs/cgroup/memory"[..])
        );
        assert!(mounts[1].is_v2);
    }

    #[test]
    fn membership_lines_keep_colons_in_paths() {
        let lines: Vec<_> = memberships(b"0::/a:b\n2:cpu,cpuacct:/x\nbad\n").collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].path, b"/a:b");
        assert!(lines[1].has(b"cpuacct") && !lines[1].has(b"cp"));
    }
}
