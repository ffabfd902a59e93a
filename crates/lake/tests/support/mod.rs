//! A catalog for stores of tests, in the database that the product uses.

#![allow(
    dead_code,
    clippy::expect_used,
    reason = "shared by tests, of which each needs a part"
)]

use std::path::Path;
use std::sync::LazyLock;

use lake::Catalog;
use state::State;
use stdx::SystemClock;
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

/// The catalog in a folder.
pub(crate) fn catalog(dir: &Path) -> Catalog {
    Catalog::new(state(dir), RUNTIME.handle().clone())
}

/// The database of a folder.
pub(crate) fn state(dir: &Path) -> State {
    let open = State::open(dir.join("state.db"), SystemClock::shared());
    RUNTIME.block_on(open).expect("a database")
}

/// Waits for what the database is asked.
pub(crate) fn wait<T>(ask: impl Future<Output = T>) -> T {
    RUNTIME.block_on(ask)
}
