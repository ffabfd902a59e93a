//! Refuses a dependency that points up or sideways, past a door, or from a room that stands on no floor.

use super::floors::{refusal, room_named};
use super::{Check, Finding, manifests};
use crate::tree::Tree;

/// The check.
pub const CHECK: Check = Check {
    name: "arrows",
    refuses: "a dependency that points up, sideways or past a door",
    find,
};

fn find(tree: &Tree) -> Vec<Finding> {
    let (manifests, mut findings) = manifests::read_all(tree);
    for manifest in &manifests {
        if manifest.name != manifest.folder {
            let what = format!(
                "the crate is called `{}` and its folder `{}`; give both one name",
                manifest.name, manifest.folder
            );
            findings.push(Finding::of_file(&manifest.path, what));
        }
        let Some(from) = room_named(&manifest.folder) else {
            let what = format!(
                "`{}` stands on no floor; add it to `floors::ROOMS` and to the table of ARCHITECTURE.md",
                manifest.folder
            );
            findings.push(Finding::of_file(&manifest.path, what));
            continue;
        };
        // A room without a floor is named once, at its own manifest.
        let arrows = manifest
            .arrows
            .iter()
            .filter_map(|arrow| Some((room_named(&arrow.to)?, arrow.kind)));
        for (to, kind) in arrows {
            if let Some(what) = refusal(from, to, kind) {
                findings.push(Finding::of_file(&manifest.path, what));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests;
