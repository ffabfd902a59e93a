//! Refuses a floor table in ARCHITECTURE.md that is not the one in code, and rooms in it that do not exist.

use super::floors::ROOMS;
use super::{Check, Finding};
use crate::tree::Tree;

/// The check.
pub const CHECK: Check = Check {
    name: "floor-map",
    refuses: "a floor table in ARCHITECTURE.md that differs from the code or from the tree",
    find,
};

const MAP: &str = "ARCHITECTURE.md";

fn find(tree: &Tree) -> Vec<Finding> {
    let Some(text) = tree.text(MAP) else {
        return vec![Finding::of_file(MAP, "the map of the house is missing")];
    };
    let written = rows(text);
    let mut findings = Vec::new();
    for (line, floor, name) in &written {
        if !tree.crate_names().any(|present| present == *name) {
            let what = format!(
                "`{name}` is in the table and not under crates/; build it first, or take the row out"
            );
            findings.push(Finding::at(MAP, *line, what));
        }
        match ROOMS.iter().find(|room| room.name == *name) {
            None => findings.push(Finding::at(
                MAP,
                *line,
                format!("`{name}` is not in `floors::ROOMS`; add it"),
            )),
            Some(room) if room.floor.to_string() != *floor => {
                let what = format!(
                    "`{name}` stands on `{floor}` here and on `{}` in `floors::ROOMS`",
                    room.floor
                );
                findings.push(Finding::at(MAP, *line, what));
            }
            Some(_) => {}
        }
    }
    for room in ROOMS
        .iter()
        .filter(|room| !written.iter().any(|(_, _, name)| *name == room.name))
    {
        let what = format!(
            "`{}` ({}) of `floors::ROOMS` is missing in the table",
            room.name, room.floor
        );
        findings.push(Finding::of_file(MAP, what));
    }
    if findings.is_empty()
        && !written
            .iter()
            .map(|(_, _, name)| *name)
            .eq(ROOMS.iter().map(|room| room.name))
    {
        findings.push(Finding::of_file(
            MAP,
            "the table and `floors::ROOMS` list the rooms in different orders",
        ));
    }
    findings
}

/// The rows of the table whose first column is headed `floor` and whose second is headed `crate`: line, floor, name.
fn rows(text: &str) -> Vec<(usize, &str, &str)> {
    let mut rows = Vec::new();
    let mut is_inside = false;
    for (at, line) in text.lines().enumerate() {
        let mut cells = line.split('|').skip(1).map(str::trim);
        let (Some(floor), Some(name)) = (cells.next(), cells.next()) else {
            is_inside = false;
            continue;
        };
        if (floor, name) == ("floor", "crate") {
            is_inside = true;
        } else if let Some(name) = name.strip_prefix('`').and_then(|name| name.strip_suffix('`'))
            && is_inside
        {
            rows.push((at + 1, floor, name));
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::super::assert_finds;
    use super::*;

    fn house(map: &str) -> Tree {
        ROOMS
            .iter()
            .fold(Tree::default(), |tree, room| {
                tree.with(&format!("crates/{}/Cargo.toml", room.name), "")
            })
            .with(MAP, map)
    }

    fn true_map() -> String {
        let rows: Vec<String> = ROOMS
            .iter()
            .map(|room| format!("| {} | `{}` | its job |", room.floor, room.name))
            .collect();
        let rows = rows.join("\n");
        format!(
            "# Map\n\n| floor | crate | its one job |\n| --- | --- | --- |\n{rows}\n\n| other | table |\n| a | `b` |\n"
        )
    }

    /// Where the row of `room` stands in [`true_map`], counted from 1: after the heading, an empty line and the two lines
    /// that open the table.
    fn line_of(room: &str) -> usize {
        let index = ROOMS.iter().position(|known| known.name == room);
        index.map_or(0, |index| index + 5)
    }

    #[test]
    fn the_table_of_the_code_is_accepted() {
        assert_finds(CHECK, &house(&true_map()), &[]);
    }

    #[test]
    fn a_room_on_the_wrong_floor_is_refused() {
        let map = true_map().replace("| 3 doors | `web` |", "| 2 services | `web` |");
        let line = line_of("web");
        let finding = format!(
            "ARCHITECTURE.md:{line}: `web` stands on `2 services` here and on `3 doors` in `floors::ROOMS`"
        );
        assert_finds(CHECK, &house(&map), &[&finding]);
    }

    #[test]
    fn rooms_that_are_missing_or_made_up_are_refused() {
        let map = true_map().replace("`web`", "`cellar`");
        let line = line_of("web");
        assert_finds(
            CHECK,
            &house(&map),
            &[
                &format!(
                    "ARCHITECTURE.md:{line}: `cellar` is in the table and not under crates/; build it first, or take the row out"
                ),
                &format!("ARCHITECTURE.md:{line}: `cellar` is not in `floors::ROOMS`; add it"),
                "ARCHITECTURE.md: `web` (3 doors) of `floors::ROOMS` is missing in the table",
            ],
        );
        assert_finds(
            CHECK,
            &Tree::default(),
            &["ARCHITECTURE.md: the map of the house is missing"],
        );
    }
}
