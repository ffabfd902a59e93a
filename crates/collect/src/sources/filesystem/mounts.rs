//! What is mounted, and which of it is worth a row.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::config::Choices;
use crate::text;

/// A line of `/proc/PID/mountinfo` (proc_pid_mountinfo(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    /// Major and minor number of the device, as written.
    number: Vec<u8>,
    /// Which folder of the filesystem is mounted.
    root: Vec<u8>,
    /// The mount point.
    place: Vec<u8>,
    kind: Vec<u8>,
    device: Vec<u8>,
}

/// The lines of a mount table.
pub(super) fn mounts(text: &[u8]) -> Vec<Mount> {
    let mount = |line: &[u8]| {
        let mut fields = text::fields(line).skip(2);
        let number = fields.next()?.to_vec();
        let root = text::unescape(fields.next()?);
        let place = text::unescape(fields.next()?);
        // Optional fields end with a dash of its own.
        let mut fields = fields.skip_while(|field| *field != b"-").skip(1);
        Some(Mount {
            number,
            root,
            place,
            kind: text::unescape(fields.next()?),
            device: text::unescape(fields.next()?),
        })
    };
    text::lines(text).filter_map(mount).collect()
}

/// The mounts that get a row: those the filters take, what is mounted over another in its place, and of all mounts of
/// one device the plainest.
pub(super) fn chosen(mounts: Vec<Mount>, choices: &Choices) -> Vec<Mount> {
    let mut visible: Vec<Mount> = Vec::with_capacity(mounts.len());
    let mut by_place: HashMap<Vec<u8>, usize> = HashMap::new();
    for mount in mounts {
        // What is mounted later at the same place hides what was there.
        match by_place
            .get(&mount.place)
            .and_then(|place| visible.get_mut(*place))
        {
            Some(hidden) => *hidden = mount,
            None => {
                by_place.insert(mount.place.clone(), visible.len());
                visible.push(mount);
            }
        }
    }
    visible.retain(|mount| mount.is_taken(choices));
    let mut best: HashMap<Vec<u8>, (bool, usize)> = HashMap::new();
    for mount in &visible {
        let known = best
            .entry(mount.number.clone())
            .or_insert_with(|| mount.plainness());
        *known = (*known).min(mount.plainness());
    }
    // Of several as plain the first stays: its entry is taken out when it is met.
    visible.retain(|mount| {
        let is_best = best.get(&mount.number) == Some(&mount.plainness());
        if is_best {
            best.remove(&mount.number);
        }
        is_best
    });
    visible
}

// === impl Mount ===

impl Mount {
    fn is_taken(&self, choices: &Choices) -> bool {
        let kind = text::words(&self.kind);
        // A container's own disk is an overlay at its root; elsewhere overlays show a disk that has its row already.
        let is_container_root =
            kind == "overlay" && self.place == b"/" && !choices.filesystem_types.is_by_name();
        (is_container_root || choices.filesystem_types.takes(&kind))
            && choices.mount_points.takes(&text::words(&self.place))
    }

    /// Whole filesystems before folders of them (bind mounts), short paths before long ones; smaller is plainer.
    fn plainness(&self) -> (bool, usize) {
        (self.root != b"/", self.place.len())
    }

    /// What tells rows apart: all that goes into labels.
    pub(super) fn key(&self) -> Vec<u8> {
        [&*self.device, &*self.place, &*self.kind].join(&0)
    }

    /// Device, mount point and type as labels.
    pub(super) fn words(&self) -> [String; 3] {
        [&self.device, &self.place, &self.kind].map(|field| text::words(field).into_owned())
    }

    pub(super) fn mount_point_words(&self) -> String {
        text::words(&self.place).into_owned()
    }

    /// Where it is mounted, seen from `root`.
    pub(super) fn path_below(&self, root: &Path) -> PathBuf {
        let path = Path::new(OsStr::from_bytes(&self.place));
        root.join(path.strip_prefix("/").unwrap_or(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Filter};

    fn chosen_rows(config: &Config, text: &str) -> Vec<String> {
        chosen(mounts(text.as_bytes()), &config.choices().unwrap())
            .iter()
            .map(|mount| mount.words().join(" "))
            .collect()
    }

    const HOST: &str = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:21 / /proc rw shared:2 - proc proc rw
24 22 0:5 / /dev rw - devtmpfs udev rw
25 24 0:25 / /dev/shm rw - tmpfs tmpfs rw
26 22 0:26 / /run rw - tmpfs tmpfs rw
27 22 8:2 / /mnt/my\\040disk rw - xfs /dev/sda2 rw
28 22 8:2 /sub /srv rw - xfs /dev/sda2 rw
29 22 8:1 /var/x /y rw - ext4 /dev/sda1 rw
30 22 7:0 / /snap/core/1 ro - squashfs /dev/loop0 ro
31 22 0:40 / /var/lib/docker/overlay2/ab/merged rw - overlay overlay rw
32 22 0:41 / /mnt/share rw - nfs4 server:/export rw
33 22 8:3 / /boot rw - ext4 /dev/sda3 rw
34 33 8:4 / /boot rw - vfat /dev/sda4 rw
broken line
";

    #[test]
    fn one_row_a_device_and_nothing_that_is_no_disk() {
        assert_eq!(
            chosen_rows(&Config::default(), HOST),
            [
                "/dev/sda1 / ext4",
                "tmpfs /run tmpfs",
                "/dev/sda2 /mnt/my disk xfs",
                "server:/export /mnt/share nfs4",
                "/dev/sda4 /boot vfat",
            ]
        );
    }

    #[test]
    fn a_container_has_its_root_and_not_its_bound_files() {
        let text = "\
500 400 0:60 / / rw,relatime master:1 - overlay overlay rw,lowerdir=/a
501 500 0:61 / /proc rw - proc proc rw
502 500 8:1 /var/lib/docker/containers/x/hosts /etc/hosts rw - ext4 /dev/sda1 rw
503 500 8:1 /var/lib/docker/volumes/v/_data /data rw - ext4 /dev/sda1 rw
";
        assert_eq!(
            chosen_rows(&Config::default(), text),
            ["overlay / overlay", "/dev/sda1 /data ext4"]
        );
    }

    #[test]
    fn filters_of_ones_own_decide() {
        let config = Config {
            filesystems: Filter {
                include: Some("/mnt/.*".into()),
                exclude: Some(String::new()),
            },
            ..Config::default()
        };
        assert_eq!(
            chosen_rows(&config, HOST),
            ["/dev/sda2 /mnt/my disk xfs", "server:/export /mnt/share nfs4"]
        );
    }
}
