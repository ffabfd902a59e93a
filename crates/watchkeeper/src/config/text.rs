//! The text of a configuration file: read within its limit, variables in place.

use std::path::Path;

use super::problem::Problem;
use super::variables;

/// The largest configuration file that is read, in bytes.
const CONFIG_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Reads a configuration file.
pub(super) fn read_text(path: &Path) -> Result<String, Vec<Problem>> {
    let cannot = |why: String| vec![Problem::at(path, None, why)];
    let size = std::fs::metadata(path)
        .map_err(|error| {
            cannot(format!(
                "cannot read the configuration: {error}; name another file with --config"
            ))
        })?
        .len();
    if size > CONFIG_BYTES_MAX {
        return Err(cannot(format!(
            "the file has {size} bytes, the limit is {CONFIG_BYTES_MAX}"
        )));
    }
    std::fs::read_to_string(path).map_err(|error| cannot(format!("cannot read the configuration: {error}")))
}

/// The text with variables of this process' environment in place.
pub(super) fn replaced(text: &str, path: &Path) -> Result<String, Vec<Problem>> {
    variables::replace(text, path, environment)
}

/// A variable of this process' environment.
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
