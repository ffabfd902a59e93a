//! Houses whose arrows point the wrong way, and one whose do not.

use super::super::assert_finds;
use super::*;

fn house(rooms: &[(&str, &str)]) -> Tree {
    rooms.iter().fold(Tree::default(), |tree, (name, sections)| {
        let manifest = format!("[package]\nname = \"{name}\"\n{sections}");
        tree.with(&format!("crates/{name}/Cargo.toml"), manifest)
    })
}

#[test]
fn a_house_whose_arrows_point_down_is_tidy() {
    let tree = house(&[
        ("model", ""),
        ("testkit", "[dependencies]\nmodel.workspace = true\n"),
        (
            "tsdb",
            "[dependencies]\nmodel.workspace = true\n[dev-dependencies]\ntestkit.workspace = true\n",
        ),
        ("alerting", "[dev-dependencies]\ntsdb.workspace = true\n"),
        (
            "watchkeeper",
            "[dependencies]\ntsdb.workspace = true\nalerting.workspace = true\n",
        ),
    ]);
    assert_finds(CHECK, &tree, &[]);
}

#[test]
fn an_arrow_up_is_refused() {
    let tree = house(&[("model", "[dependencies]\nweb.workspace = true\n"), ("web", "")]);
    assert_finds(
        CHECK,
        &tree,
        &[
            "crates/model/Cargo.toml: arrow up: `model` (0 ground) depends on `web` (3 doors); move what is shared \
           down, or join the two on the roof",
        ],
    );
}

#[test]
fn a_sideways_arrow_is_refused_for_tests_too() {
    for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
        let sections = format!("[{section}]\ncollect = {{ path = \"../collect\" }}\n");
        let tree = house(&[("ingest", &sections), ("collect", "")]);
        assert_finds(
            CHECK,
            &tree,
            &[
                "crates/ingest/Cargo.toml: sideways arrow: `ingest` and `collect` both stand on floor \
               `2 services`; share through a lower room, or join the two on the roof with an outlet",
            ],
        );
    }
}

#[test]
fn the_store_is_named_by_the_roof_alone() {
    let tree = house(&[
        ("alerting", "[dependencies]\ntsdb.workspace = true\n"),
        ("tsdb", ""),
    ]);
    assert_finds(
        CHECK,
        &tree,
        &[
            "crates/alerting/Cargo.toml: `alerting` names `tsdb`, which only the roof may; use the doors of \
           `model`",
        ],
    );
}

#[test]
fn a_room_without_a_floor_is_refused() {
    let tree = house(&[
        ("attic", ""),
        ("model", "[dependencies]\nattic.workspace = true\n"),
    ]);
    assert_finds(
        CHECK,
        &tree,
        &[
            "crates/attic/Cargo.toml: `attic` stands on no floor; add it to `floors::ROOMS` and to the table of \
           ARCHITECTURE.md",
        ],
    );
}

#[test]
fn a_crate_is_called_like_its_folder() {
    let tree = Tree::of([("crates/model/Cargo.toml", "[package]\nname = \"nouns\"\n")]);
    assert_finds(
        CHECK,
        &tree,
        &["crates/model/Cargo.toml: the crate is called `nouns` and its folder `model`; give both one name"],
    );
}
