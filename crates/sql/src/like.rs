//! Patterns of `LIKE`: what a text surely holds that fits one.

/// The texts between the wildcards `%` and `_`, `\` taking their meaning from them.
pub(crate) fn texts(pattern: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut text = String::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '%' | '_' => texts.push(std::mem::take(&mut text)),
            '\\' => text.push(characters.next().unwrap_or('\\')),
            other => text.push(other),
        }
    }
    texts.push(text);
    texts.retain(|text| !text.is_empty());
    texts
}

#[cfg(test)]
mod tests {
    use super::texts;

    #[test]
    fn texts_lie_between_wildcards() {
        assert_eq!(
            texts("%checkout failed%order_7%"),
            ["checkout failed", "order", "7"]
        );
        assert_eq!(texts(r"100\%%"), ["100%"]);
        assert_eq!(texts("%_%"), Vec::<String>::new());
        assert_eq!(texts(r"a\"), [r"a\"]);
    }
}
