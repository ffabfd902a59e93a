//! Where data lies that others published, for tests of behaviour against it.

use std::path::{Path, PathBuf};

/// Names the folder of the data where it is not beside the repository.
const FOLDER_VARIABLE: &str = "WATCHKEEPER_CONFORMANCE_DIR";

/// A file or folder of the conformance data; `None`, with a printed reason, where it is not here.
#[allow(clippy::print_stdout, reason = "a test that is skipped says so")]
pub fn conformance(area: &str, path: &str) -> Option<PathBuf> {
    let root = std::env::var_os(FOLDER_VARIABLE).map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance"),
        PathBuf::from,
    );
    let found = root.join(path);
    if found.exists() {
        return Some(found);
    }
    println!("conformance {area}: skipped, {} does not exist", found.display());
    None
}
