//! What a user may set about the vitals of this machine.

use serde::{Deserialize, Serialize};
use stdx::HumanDuration;

use model::AnchoredRegex;

use crate::error::Error;
use crate::limits;

/// The `collect` section of the configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whether this machine's vitals are taken.
    pub host: bool,
    /// Whether Watchkeeper's own metrics are kept as series; the roof reads this.
    #[serde(rename = "self")]
    pub self_: bool,
    /// The time between two readings.
    pub interval: HumanDuration,
    /// Which filesystems, by mount point.
    pub filesystems: Filter,
    /// Which filesystems, by type.
    pub filesystem_types: Filter,
    /// Which disks, by kernel name.
    pub disks: Filter,
    /// Which network interfaces, by name.
    pub networks: Filter,
    /// How many executables get series: so many by CPU and so many by memory.
    pub processes_top: usize,
    /// Whether command lines are shown with their arguments, which may hold secrets.
    pub process_arguments: bool,
}

/// Two regular expressions that must fit the whole name: what to take, and what of that to leave out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Takes only names that fit; absent takes all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include: Option<String>,
    /// Leaves out names that fit, in place of what is left out by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude: Option<String>,
}

/// Mount points that never hold a user's data (node_exporter's default, and the files container engines mount).
const MOUNT_POINTS_EXCLUDED: &str = "/(dev|proc|sys|run/credentials/.+|run/user/.+|var/lib/(docker|kubelet|containers/storage|containerd)/.+)(/.*)?\
     |/etc/(hosts|hostname|resolv\\.conf)";

/// Types that hold no data or are full by nature (node_exporter's default). An overlay at `/` is taken all the same:
/// it is what a container has for a disk.
const FILESYSTEM_TYPES_EXCLUDED: &str = "autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|efivarfs|fusectl|\
     fuse\\.(lxcfs|portal|gvfsd-fuse|snapfuse)|hugetlbfs|iso9660|erofs|mqueue|nsfs|overlay|proc|procfs|pstore|ramfs|rootfs|\
     rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs";

/// Memory disks, loop devices, optical and floppy drives, and partitions: a partition's work is in its disk's row.
const DISKS_EXCLUDED: &str = "(z?ram|loop|fd|sr)\\d+|(h|s|v|xv)d[a-z]+\\d+|nvme\\d+n\\d+p\\d+|mmcblk\\d+(p|boot|rpmb).*|nbd\\d+(p\\d+)?";

/// The host's ends of container links and traffic shaping helpers: they come and go, and their bytes are counted
/// elsewhere too.
const NETWORKS_EXCLUDED: &str = "veth.*|cali.*|lxc.*|ifb\\d+|br-[0-9a-f]{12}|fw(br|ln|pr)\\d+.*|tap\\d+i\\d+";

impl Default for Config {
    fn default() -> Self {
        Self {
            host: true,
            self_: true,
            interval: HumanDuration::from_secs(1),
            filesystems: Filter::default(),
            filesystem_types: Filter::default(),
            disks: Filter::default(),
            networks: Filter::default(),
            processes_top: 10,
            process_arguments: false,
        }
    }
}

// === impl Config ===

impl Config {
    /// Says what is wrong, naming the key and the mend.
    pub fn validate(&self) -> Result<(), Error> {
        if !(limits::INTERVAL_MIN..=limits::INTERVAL_MAX).contains(&self.interval.0) {
            return Err(Error::Interval { got: self.interval });
        }
        if self.processes_top > limits::PROCESSES_TOP_MAX {
            return Err(Error::TooManyProcesses {
                got: self.processes_top,
                max: limits::PROCESSES_TOP_MAX,
            });
        }
        self.choices().map(drop)
    }

    /// The filters, compiled.
    pub(crate) fn choices(&self) -> Result<Choices, Error> {
        Ok(Choices {
            mount_points: self.filesystems.compile("filesystems", MOUNT_POINTS_EXCLUDED)?,
            filesystem_types: self
                .filesystem_types
                .compile("filesystem_types", FILESYSTEM_TYPES_EXCLUDED)?,
            disks: self.disks.compile("disks", DISKS_EXCLUDED)?,
            networks: self.networks.compile("networks", NETWORKS_EXCLUDED)?,
        })
    }
}

/// All filters of a configuration, compiled.
#[derive(Debug, Clone)]
pub(crate) struct Choices {
    pub(crate) mount_points: Choice,
    pub(crate) filesystem_types: Choice,
    pub(crate) disks: Choice,
    pub(crate) networks: Choice,
}

/// A [`Filter`], compiled.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    include: Option<AnchoredRegex>,
    exclude: AnchoredRegex,
    by_name: bool,
}

impl Choice {
    /// Whether `name` is taken.
    pub(crate) fn takes(&self, name: &str) -> bool {
        self.include.as_ref().is_none_or(|include| include.is_match(name)) && !self.exclude.is_match(name)
    }

    /// Whether the user named what is wanted, rather than leaving it to the default.
    pub(crate) fn is_by_name(&self) -> bool {
        self.by_name
    }
}

// === impl Filter ===

impl Filter {
    fn compile(&self, key: &'static str, exclude_default: &str) -> Result<Choice, Error> {
        let regex = |end: &'static str, pattern: &str| {
            AnchoredRegex::new(pattern).map_err(|source| Error::BadFilter { key, end, source })
        };
        let include = self.include.as_deref();
        let exclude = self.exclude.as_deref().unwrap_or(exclude_default);
        Ok(Choice {
            include: include.map(|pattern| regex("include", pattern)).transpose()?,
            exclude: regex("exclude", exclude)?,
            by_name: self.include.is_some() || self.exclude.is_some(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_leaves_out_what_is_no_disk() {
        let config = Config::default();
        config.validate().unwrap();
        let choices = config.choices().unwrap();
        let check = |choice: &Choice, taken: &[&str], left_out: &[&str]| {
            for name in taken {
                assert!(choice.takes(name), "{name} must be taken");
            }
            for name in left_out {
                assert!(!choice.takes(name), "{name} must be left out");
            }
        };
        check(
            &choices.disks,
            &["sda", "nvme0n1", "vda", "xvdb", "dm-0", "md127", "mmcblk0"],
            &["sda1", "nvme0n1p2", "loop7", "ram0", "zram0", "sr0", "mmcblk0p1"],
        );
        check(
            &choices.mount_points,
            &["/", "/home", "/run", "/tmp", "/developer", "/var/lib/docker"],
            &[
                "/dev/shm",
                "/proc",
                "/sys/fs/cgroup",
                "/var/lib/docker/overlay2/x/merged",
                "/etc/hosts",
            ],
        );
        check(
            &choices.filesystem_types,
            &["ext4", "xfs", "btrfs", "tmpfs", "nfs4", "zfs"],
            &["overlay", "squashfs", "proc"],
        );
        check(
            &choices.networks,
            &["lo", "eth0", "enp3s0", "docker0", "wlan0", "bond0"],
            &["veth12ab", "ifb0"],
        );
    }

    #[test]
    fn a_filter_of_ones_own_replaces_the_default() {
        let config = Config {
            disks: Filter {
                include: Some("sd.*".into()),
                exclude: Some("sdb".into()),
            },
            ..Config::default()
        };
        let disks = config.choices().unwrap().disks;
        assert!(disks.takes("sda1") && !disks.takes("sdb") && !disks.takes("vda"));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_mend() {
        let check = |config: Config, words: &str| {
            let error = config.validate().unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        };
        let filter = Filter {
            include: None,
            exclude: Some("(".into()),
        };
        check(
            Config {
                networks: filter,
                ..Config::default()
            },
            "collect.networks.exclude",
        );
        check(
            Config {
                interval: HumanDuration::from_millis(5),
                ..Config::default()
            },
            "collect.interval",
        );
        check(
            Config {
                processes_top: 100_000,
                ..Config::default()
            },
            "collect.processes_top",
        );
    }
}
