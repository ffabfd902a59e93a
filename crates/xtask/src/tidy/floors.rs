//! Which room stands on which floor, and which arrows between rooms are allowed.

use std::fmt;

/// The floors, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Floor {
    /// What every room may stand on.
    Ground,
    /// What keeps and evaluates data.
    Engines,
    /// What hears, gathers, judges and tells.
    Services,
    /// What clients speak to.
    Doors,
    /// Where everything is joined.
    Roof,
    /// Tools and tests; no part of the product.
    Beside,
}

/// A crate's place.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// The crate.
    pub name: &'static str,
    /// Its floor.
    pub floor: Floor,
    /// Whether only the roof may depend on it, tests excepted: others see it through a door of `model`.
    pub is_behind_a_door: bool,
}

/// What kind of dependency an arrow is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArrowKind {
    /// Part of the product.
    Normal,
    /// Only for tests, examples and benches.
    Dev,
}

const fn room(name: &'static str, floor: Floor) -> Room {
    Room {
        name,
        floor,
        is_behind_a_door: false,
    }
}

/// The rooms, in the order of ARCHITECTURE.md. On the ground floor a room may depend on those above it in this table.
pub const ROOMS: [Room; 19] = [
    room("stdx", Floor::Ground),
    room("model", Floor::Ground),
    room("disk", Floor::Ground),
    room("state", Floor::Ground),
    room("pack", Floor::Ground),
    room("gotemplate", Floor::Ground),
    Room {
        is_behind_a_door: true,
        ..room("tsdb", Floor::Engines)
    },
    room("promql", Floor::Engines),
    room("logql", Floor::Engines),
    Room {
        is_behind_a_door: true,
        ..room("sql", Floor::Engines)
    },
    Room {
        is_behind_a_door: true,
        ..room("lake", Floor::Engines)
    },
    room("ingest", Floor::Services),
    room("collect", Floor::Services),
    room("alerting", Floor::Services),
    room("insights", Floor::Services),
    room("web", Floor::Doors),
    room("watchkeeper", Floor::Roof),
    room("testkit", Floor::Beside),
    room("xtask", Floor::Beside),
];

/// The room of that name.
pub fn room_named(name: &str) -> Option<&'static Room> {
    ROOMS.iter().find(|room| room.name == name)
}

/// Why `from` may not depend on `to`; nothing where it may.
pub fn refusal(from: &Room, to: &Room, kind: ArrowKind) -> Option<String> {
    let (a, b) = (from.name, to.name);
    if to.name == "xtask" || from.name == "xtask" {
        return Some(format!(
            "`{a}` and `{b}` must not know each other: the developer's tool stands alone"
        ));
    }
    if to.name == "testkit" {
        let what = "the test kit is no product code; make it a dev-dependency";
        return (kind == ArrowKind::Normal).then(|| format!("`{a}` depends on `{b}`: {what}"));
    }
    if from.floor == Floor::Beside {
        let what = "the test kit stands on the ground floor only";
        return (to.floor != Floor::Ground).then(|| format!("`{a}` depends on `{b}`: {what}"));
    }
    if to.floor > from.floor {
        return Some(format!(
            "arrow up: `{a}` ({}) depends on `{b}` ({}); move what is shared down, or join the two on the roof",
            from.floor, to.floor
        ));
    }
    if to.floor == from.floor && !is_ground_order(from, to) {
        return Some(format!(
            "sideways arrow: `{a}` and `{b}` both stand on floor `{}`; share through a lower room, or join the two on \
             the roof with an outlet",
            from.floor
        ));
    }
    (to.is_behind_a_door && kind == ArrowKind::Normal && from.floor != Floor::Roof)
        .then(|| format!("`{a}` names `{b}`, which only the roof may; use the doors of `model`"))
}

fn is_ground_order(from: &Room, to: &Room) -> bool {
    let place = |room: &Room| ROOMS.iter().position(|other| other.name == room.name);
    from.floor == Floor::Ground && place(to) < place(from)
}

impl fmt::Display for Floor {
    /// Prints as the table of ARCHITECTURE.md does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ground => "0 ground",
            Self::Engines => "1 engines",
            Self::Services => "2 services",
            Self::Doors => "3 doors",
            Self::Roof => "4 roof",
            Self::Beside => "beside",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(from: &str, to: &str, kind: ArrowKind) -> String {
        refusal(room_named(from).unwrap(), room_named(to).unwrap(), kind).unwrap_or_else(|| "allowed".into())
    }

    #[test]
    fn arrows_point_down() {
        use ArrowKind::{Dev, Normal};
        for (from, to, kind, expected) in [
            ("web", "alerting", Normal, "allowed"),
            ("watchkeeper", "tsdb", Normal, "allowed"),
            ("state", "model", Normal, "allowed"),
            ("alerting", "tsdb", Dev, "allowed"),
            ("disk", "testkit", Dev, "allowed"),
            ("testkit", "model", Normal, "allowed"),
            ("model", "state", Normal, "sideways"),
            ("promql", "web", Normal, "arrow up"),
            ("promql", "ingest", Dev, "arrow up"),
            ("promql", "tsdb", Normal, "sideways"),
            ("ingest", "alerting", Normal, "sideways"),
            ("ingest", "collect", Dev, "sideways"),
            ("alerting", "tsdb", Normal, "only the roof may"),
            ("web", "testkit", Normal, "dev-dependency"),
            ("testkit", "promql", Normal, "ground floor only"),
            ("web", "xtask", Dev, "stands alone"),
            ("xtask", "model", Normal, "stands alone"),
        ] {
            let got = why(from, to, kind);
            assert!(got.contains(expected), "{from} to {to}: {got}");
        }
    }
}
