//! The part of the page of benchmarks that holds what was measured last.

use std::path::Path;

use anyhow::{Context, Result};

/// The page, relative to the repository.
pub(super) const PATH: &str = "docs/benchmarks.md";
const BEGIN: &str = "<!-- peers: begin -->";
const END: &str = "<!-- peers: end -->";

/// Replaces what stands between the page's markers.
pub(super) fn write(root: &Path, report: &str) -> Result<()> {
    let path = root.join(PATH);
    let page = std::fs::read_to_string(&path).with_context(|| format!("cannot read {PATH}"))?;
    let page = replaced(&page, report)
        .with_context(|| format!("{PATH} must hold one line `{BEGIN}` and after it one line `{END}`"))?;
    std::fs::write(&path, page).with_context(|| format!("cannot write {PATH}"))
}

fn replaced(page: &str, report: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    let is_once = !rest.contains(BEGIN) && !after.contains(END);
    is_once.then(|| format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", report.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_markers_is_replaced() {
        let page = format!("# Page\n\n{BEGIN}\nold\n{END}\n\nafter\n");
        let expected = format!("# Page\n\n{BEGIN}\n\nnew\n\n{END}\n\nafter\n");
        assert_eq!(replaced(&page, "new\n"), Some(expected.clone()));
        assert_eq!(replaced(&expected, "new"), Some(expected));
        for broken in [
            "",
            BEGIN,
            &format!("{END}{BEGIN}"),
            &format!("{BEGIN}{BEGIN}{END}"),
            &format!("{BEGIN}{END}{END}"),
        ] {
            assert_eq!(replaced(broken, "new"), None, "{broken}");
        }
    }

    #[test]
    fn the_repositorys_page_has_its_markers() {
        let page = include_str!("../../../../../../docs/benchmarks.md");
        assert!(replaced(page, "new").is_some());
    }
}
