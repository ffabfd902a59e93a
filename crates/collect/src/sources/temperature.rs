//! Temperatures of hardware sensors and thermal zones, where there are any.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::Error;
use crate::kernel_file::{KernelFile, read_once};
use crate::limits;
use crate::metric::Metric;
use crate::rows::Rows;
use crate::slate::{Slate, SlotId};
use crate::sources::{Facts, Moment, Opening, Seen, Source, SourceKind};
use crate::text;

const TEMPERATURE: Metric = Metric::gauge(
    "hw_temperature_celsius",
    &["sensor"],
    "celsius",
    "Temperature of a sensor (chip and label) or thermal zone; only where there is one",
);

pub(super) const KIND: SourceKind = SourceKind {
    name: "temperature",
    metrics: &[TEMPERATURE],
    open,
    every: Duration::ZERO,
    // Sensors behind slow buses take milliseconds to answer.
    slows_down: true,
    parse: |text| {
        let _ = celsius(text);
    },
};

/// A temperature in thousandths of a degree, as both interfaces tell it (Documentation/hwmon/sysfs-interface.rst,
/// Documentation/driver-api/thermal/sysfs-api.rst).
pub(super) fn celsius(text: &[u8]) -> Option<f64> {
    text::signed(text.trim_ascii()).map(|thousandths| thousandths as f64 / 1000.0)
}

struct Temperature {
    hwmon: PathBuf,
    thermal: PathBuf,
    found_at: Option<Duration>,
    /// Names and files of the sensors that were found.
    sensors: BTreeMap<String, KernelFile>,
    rows: Rows<SlotId>,
    refused: u64,
}

fn open(opening: &Opening<'_>, _: &mut Slate) -> Box<dyn Source> {
    let class = opening.roots.sys.join("class");
    Box::new(Temperature {
        hwmon: class.join("hwmon"),
        thermal: class.join("thermal"),
        found_at: None,
        sensors: BTreeMap::new(),
        rows: Rows::new(limits::ROWS_PER_SOURCE_MAX),
        refused: 0,
    })
}

impl Source for Temperature {
    fn observe(&mut self, moment: Moment, slate: &mut Slate, _: &mut Facts) -> Result<Seen, Error> {
        let is_old = |found: Duration| moment.monotonic.saturating_sub(found) >= limits::DISCOVERY_EVERY;
        if self.found_at.is_none_or(is_old) {
            self.find();
            self.found_at = Some(moment.monotonic);
        }
        for (name, file) in &mut self.sensors {
            // A sensor that is asleep or broken answers with an error; that is no reason to lose the others.
            let Ok(Some(value)) = file.read().map(celsius) else {
                continue;
            };
            match self
                .rows
                .at(name.as_bytes(), || slate.slot(&TEMPERATURE, &[name]))
            {
                Some(slot) => slate.set(*slot, value),
                None => self.refused += 1,
            }
        }
        self.rows.sweep(|slot| slate.release(slot));
        Ok(if self.sensors.is_empty() {
            Seen::Absent
        } else {
            Seen::Fresh
        })
    }

    fn rows_refused(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }
}

// === impl Temperature ===

impl Temperature {
    /// Looks for sensors anew; the files of those that are known stay open.
    fn find(&mut self) {
        let mut known = std::mem::take(&mut self.sensors);
        for (name, path) in found_in(&self.hwmon, &self.thermal) {
            let file = known
                .remove(&name)
                .filter(|file| file.path() == path)
                .unwrap_or_else(|| KernelFile::new(path));
            self.sensors.insert(name, file);
        }
    }
}

/// All sensors by a name that tells them apart and stays the same over restarts where the hardware stays.
fn found_in(hwmon: &Path, thermal: &Path) -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    for chip in folders(hwmon, "hwmon") {
        let chip_name = name_in(&chip.join("name")).unwrap_or_else(|| last_part(&chip));
        for input in folders(&chip, "temp") {
            let file_name = last_part(&input);
            let Some(number) = file_name.strip_suffix("_input") else {
                continue;
            };
            let label = name_in(&chip.join(format!("{number}_label"))).unwrap_or_else(|| number.to_owned());
            // Two chips of a kind are told apart by the device they sit on.
            let device = std::fs::read_link(chip.join("device"))
                .map_or_else(|_| last_part(&chip), |target| last_part(&target));
            add(
                &mut found,
                format!("{chip_name}/{label}"),
                &format!("{device}/{number}"),
                input,
            );
        }
    }
    for zone in folders(thermal, "thermal_zone") {
        let place = last_part(&zone);
        let kind = name_in(&zone.join("type")).unwrap_or_else(|| place.clone());
        let file = zone.join("temp");
        if file.exists() {
            add(&mut found, kind, &place, file);
        }
    }
    found
}

fn add(found: &mut BTreeMap<String, PathBuf>, name: String, place: &str, path: PathBuf) {
    let name = if found.contains_key(&name) {
        format!("{name} ({place})")
    } else {
        name
    };
    found.entry(name).or_insert(path);
}

/// What a folder holds under names that start with `prefix`, sorted; nothing where there is no such folder.
fn folders(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    paths
}

fn name_in(path: &Path) -> Option<String> {
    let content = read_once(path).ok()?;
    let name = text::words(content.trim_ascii());
    (!name.is_empty()).then(|| name.into_owned())
}

fn last_part(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousandths_become_degrees() {
        assert_eq!(celsius(b"45500\n"), Some(45.5));
        assert_eq!(celsius(b"-5000\n"), Some(-5.0));
        assert_eq!(celsius(b"hot"), None);
    }

    #[test]
    fn sensors_of_one_name_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let put = |path: &str, content: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        };
        put("hwmon/hwmon0/name", "nvme\n");
        put("hwmon/hwmon0/temp1_input", "40000\n");
        put("hwmon/hwmon0/temp1_label", "Composite\n");
        put("hwmon/hwmon1/name", "nvme\n");
        put("hwmon/hwmon1/temp1_input", "41000\n");
        put("hwmon/hwmon1/temp1_label", "Composite\n");
        put("hwmon/hwmon1/temp2_input", "42000\n");
        put("hwmon/hwmon1/temp2_max", "99000\n");
        put("thermal/thermal_zone0/type", "acpitz\n");
        put("thermal/thermal_zone0/temp", "30000\n");
        std::os::unix::fs::symlink("../../nvme1", folder.path().join("hwmon/hwmon1/device")).unwrap();
        let found = found_in(&folder.path().join("hwmon"), &folder.path().join("thermal"));
        let names: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "acpitz",
                "nvme/Composite",
                "nvme/Composite (nvme1/temp1)",
                "nvme/temp2"
            ]
        );
    }
}
