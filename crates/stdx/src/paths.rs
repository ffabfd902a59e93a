//! Paths in configuration files: relative ones are looked for beside the file that names them.

use std::path::Path;

/// Makes a relative path one below `base`, the folder of the file that names it. An empty text, which names no file,
/// and an absolute path stay as they are.
pub fn resolve(path: &mut String, base: &Path) {
    if !path.is_empty() && Path::new(path).is_relative() {
        *path = base.join(&*path).to_string_lossy().into_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_relative_paths_move() {
        let check = |path: &str, expected: &str| {
            let mut path = path.to_owned();
            resolve(&mut path, Path::new("/etc/watch"));
            assert_eq!(path, expected);
        };
        check("ca.pem", "/etc/watch/ca.pem");
        check("t/*.json", "/etc/watch/t/*.json");
        check("/abs/ca.pem", "/abs/ca.pem");
        check("", "");
    }
}
