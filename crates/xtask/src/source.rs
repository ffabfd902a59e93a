//! Rust source as far as checks need it: code without comments and literals, and where functions begin and end.
//!
//! A lexer and brackets are enough for that; a parser would be the slowest and largest dependency of the tool.

mod mask;

pub use mask::mask;

/// A function or an inline module and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its name.
    pub name: String,
    /// The line its keyword stands in, counted from 1.
    pub first_line: usize,
    /// How many lines it has, from its keyword to its closing brace.
    pub lines: usize,
}

/// The functions that have a body, in order; `code` is masked.
pub fn functions(code: &str) -> Vec<Item> {
    items(code, "fn")
}

/// The modules that have a body, in order; `code` is masked.
pub fn inline_modules(code: &str) -> Vec<Item> {
    items(code, "mod")
}

/// The names of modules that are declared with a semicolon; `code` is masked.
pub fn declared_modules(code: &str) -> Vec<&str> {
    words(code, "mod")
        .filter_map(|at| {
            let (name, rest) = name_after(code, at + "mod".len())?;
            rest.trim_start().starts_with(';').then_some(name)
        })
        .collect()
}

/// What stands between the braces of the modules called `name` that have a body; `code` is masked.
pub fn module_bodies<'a>(code: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    words(code, "mod").filter_map(move |at| {
        let (found, rest) = name_after(code, at + "mod".len())?;
        let open = code.len() - rest.len() + body_start(rest)?;
        (found == name).then(|| bracketed(code, open))?
    })
}

/// The line of a byte offset, counted from 1.
pub fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    before.split(|byte| *byte == b'\n').count()
}

/// Where `word` stands alone in `text`, as byte offsets.
pub fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let before = text.as_bytes().get(..at).and_then(|bytes| bytes.last());
        let after = text.as_bytes().get(at + word.len());
        !before.is_some_and(|byte| is_name_byte(*byte)) && !after.is_some_and(|byte| is_name_byte(*byte))
    })
}

/// The text between the bracket at `open` and the one that closes it, both left out.
pub fn bracketed(code: &str, open: usize) -> Option<&str> {
    let mut depth = 0usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return code.get(open + 1..at);
                }
            }
            _ => {}
        }
    }
    None
}

/// Whether a byte can stand within a Rust name.
pub fn is_name_byte(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric() || byte >= 0x80
}

/// The name that follows `at`, and what follows the name.
pub fn name_after(code: &str, at: usize) -> Option<(&str, &str)> {
    let rest = code.get(at..)?.trim_start();
    let end = rest
        .bytes()
        .position(|byte| !is_name_byte(byte))
        .unwrap_or(rest.len());
    (end > 0).then(|| rest.split_at(end))
}

fn items(code: &str, keyword: &str) -> Vec<Item> {
    words(code, keyword)
        .filter_map(|at| {
            let (name, rest) = name_after(code, at + keyword.len())?;
            let open = code.len() - rest.len() + body_start(rest)?;
            let inside = bracketed(code, open)?;
            let first_line = line_of(code, at);
            Some(Item {
                name: name.to_owned(),
                first_line,
                lines: line_of(code, open + inside.len() + 1) - first_line + 1,
            })
        })
        .collect()
}

/// Where the body of an item opens; nothing if it ends with a semicolon before.
fn body_start(rest: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            b'{' if depth == 0 => return Some(at),
            b';' if depth == 0 => return None,
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_measured_from_keyword_to_brace() {
        let code = "\
/// A doc comment is not counted.
pub fn one(values: &[u8; 4]) -> [u8; 2] where u8: Copy {
    loop {}
}
trait T { fn none(&self); fn two(&self) {} }
const F: fn(u8) -> u8 = one;
";
        let found: Vec<_> = functions(code)
            .into_iter()
            .map(|item| (item.name, item.first_line, item.lines))
            .collect();
        assert_eq!(found, [("one".into(), 2, 3), ("two".into(), 5, 1)]);
    }

    #[test]
    fn modules_are_told_apart_by_their_end() {
        let code = "pub mod a;\n#[cfg(test)]\nmod tests {\n    mod inner;\n}\nlet models = 1;\n";
        assert_eq!(declared_modules(code), ["a", "inner"]);
        let inline = inline_modules(code);
        assert_eq!(inline.len(), 1);
        assert_eq!((inline[0].name.as_str(), inline[0].lines), ("tests", 3));
        let bodies: Vec<_> = module_bodies(code, "tests").collect();
        assert_eq!(bodies, ["\n    mod inner;\n"]);
    }

    #[test]
    fn brackets_that_never_close_are_no_text() {
        assert_eq!(bracketed("f(a, (b))", 1), Some("a, (b)"));
        assert_eq!(bracketed("f(a", 1), None);
        assert!(functions("fn broken( {").is_empty());
    }
}
