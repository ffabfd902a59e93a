//! Moves the relative addresses of the built page below the address of its build.

/// Attributes that hold addresses of the page's own files.
const ATTRIBUTES: [&str; 2] = ["src=\"", "href=\""];

/// Puts `prefix` before every relative address. Absolute addresses, fragments and other schemes stay.
pub(super) fn with_assets_under(html: &str, prefix: &str) -> String {
    let mut out = String::with_capacity(html.len() + 256);
    let mut rest = html;
    while let Some(end) = next_attribute(rest) {
        let (before, after) = rest.split_at(end);
        out.push_str(before);
        let value = after.split('"').next().unwrap_or_default();
        if is_relative(value) {
            out.push_str(prefix);
            rest = after.strip_prefix("./").unwrap_or(after);
        } else {
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

/// Where the value of the next such attribute begins.
fn next_attribute(html: &str) -> Option<usize> {
    ATTRIBUTES
        .iter()
        .filter_map(|name| {
            let start = html.find(name)?;
            Some(start + name.len())
        })
        .min()
}

fn is_relative(value: &str) -> bool {
    let scheme_end = value.find(':');
    let path_start = value.find('/');
    let has_scheme = scheme_end.is_some_and(|colon| path_start.is_none_or(|slash| colon < slash));
    !value.is_empty() && !value.starts_with(['/', '#', '?']) && !has_scheme
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_relative_addresses_move() {
        let check = |html: &str, expected: &str| assert_eq!(with_assets_under(html, "/_a/1/"), expected);
        check(
            r#"<script src="./assets/a.js">"#,
            r#"<script src="/_a/1/assets/a.js">"#,
        );
        check(
            r#"<link href="assets/a.css"><img src="x.svg">"#,
            r#"<link href="/_a/1/assets/a.css"><img src="/_a/1/x.svg">"#,
        );
        for same in [
            r#"<a href="/metrics">"#,
            r##"<a href="#main">"##,
            r#"<a href="https://example.org/a">"#,
            r#"<img src="data:image/png;base64,AA">"#,
            r#"<a href="">"#,
            "no attribute",
        ] {
            check(same, same);
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(html in "(src=\"|href=\"|\\./|/|:|#|a|\"|<|ü){0,20}") {
            let _ = with_assets_under(&html, "/_a/1/");
        }
    }
}
