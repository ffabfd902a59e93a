//! The labels of a stream as text, as Loki's clients write them: `{app="shop", env="test"}`.

use std::borrow::Cow;

use model::Labels;
use model::names::is_legacy_label_name;

/// Reads the labels of a stream. Values are in double quotes with Go's escapes, or in backquotes; a comma may end the list.
///
/// # Errors
/// Says what is wrong and at which byte, counted from 1.
pub fn read(text: &str) -> Result<Labels, String> {
    let mut reader = Reader { text, at: 0 };
    let mut pairs: Vec<(&str, Cow<'_, str>)> = Vec::with_capacity(8);
    reader.expect('{')?;
    loop {
        if reader.take('}') {
            break;
        }
        let name = reader.name()?;
        reader.expect('=')?;
        let value = reader.value()?;
        pairs.push((name, value));
        if !reader.take(',') {
            reader.expect('}')?;
            break;
        }
    }
    reader.skip_blanks();
    if reader.at < text.len() {
        return Err(reader.fault("nothing more is expected"));
    }
    sorted(pairs)
}

/// The labels of a stream that come as pairs, in any order.
///
/// # Errors
/// Says which name cannot be one, or comes twice.
pub fn of_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Labels, String> {
    let pairs: Vec<(&str, &str)> = pairs.into_iter().collect();
    if let Some((name, _)) = pairs.iter().find(|(name, _)| !is_legacy_label_name(name)) {
        return Err(format!(
            "{name:?} cannot name a label; use letters, digits and underscores"
        ));
    }
    sorted(pairs)
}

fn sorted<V: AsRef<str>>(mut pairs: Vec<(&str, V)>) -> Result<Labels, String> {
    pairs.sort_unstable_by_key(|(name, _)| *name);
    if let Some(name) = pairs.windows(2).find_map(|two| match two {
        [(name, _), (next, _)] if name == next => Some(name),
        _ => None,
    }) {
        return Err(format!("label {name:?} comes twice"));
    }
    Ok(Labels::from_sorted(
        pairs.iter().map(|(name, value)| (*name, value.as_ref())),
    ))
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn fault(&self, what: &str) -> String {
        format!("1:{}: {what}", self.at + 1)
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn take(&mut self, sign: char) -> bool {
        self.skip_blanks();
        let found = self.rest().starts_with(sign);
        self.at += usize::from(found) * sign.len_utf8();
        found
    }

    fn expect(&mut self, sign: char) -> Result<(), String> {
        if self.take(sign) {
            Ok(())
        } else {
            Err(self.fault(&format!("{sign:?} is expected")))
        }
    }

    fn name(&mut self) -> Result<&'a str, String> {
        self.skip_blanks();
        let rest = self.rest();
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        let name = rest.get(..end).unwrap_or_default();
        if !is_legacy_label_name(name) {
            return Err(self.fault("the name of a label is expected: letters, digits and underscores"));
        }
        self.at += end;
        Ok(name)
    }

    fn value(&mut self) -> Result<Cow<'a, str>, String> {
        if self.take('`') {
            let rest = self.rest();
            let Some(end) = rest.find('`') else {
                return Err(self.fault("the value has no end"));
            };
            self.at += end + 1;
            return Ok(Cow::Borrowed(rest.get(..end).unwrap_or_default()));
        }
        self.expect('"')?;
        let rest = self.rest();
        match rest.find(['"', '\\']) {
            Some(end) if rest.as_bytes().get(end) == Some(&b'"') => {
                self.at += end + 1;
                Ok(Cow::Borrowed(rest.get(..end).unwrap_or_default()))
            }
            Some(_) => self.escaped().map(Cow::Owned),
            None => Err(self.fault("the value has no end")),
        }
    }

    fn escaped(&mut self) -> Result<String, String> {
        let mut bytes = Vec::new();
        let mut chars = self.rest().char_indices();
        while let Some((place, char)) = chars.next() {
            match char {
                '"' => {
                    self.at += place + 1;
                    // Escapes of bytes may make what is no UTF-8.
                    return Ok(String::from_utf8(bytes)
                        .unwrap_or_else(|fault| String::from_utf8_lossy(fault.as_bytes()).into_owned()));
                }
                '\\' => {
                    let left = chars.as_str();
                    let Some(used) = push_escape(left, &mut bytes) else {
                        self.at += place;
                        return Err(self.fault("this escape is not known"));
                    };
                    // Characters of escapes are one byte each.
                    for _ in 0..used {
                        chars.next();
                    }
                }
                plain => {
                    let mut buffer = [0; 4];
                    bytes.extend_from_slice(plain.encode_utf8(&mut buffer).as_bytes());
                }
            }
        }
        Err(self.fault("the value has no end"))
    }
}

/// Adds what an escape of Go's stands for; how many bytes of `text`, which begins behind the backslash, belong to it.
fn push_escape(text: &str, out: &mut Vec<u8>) -> Option<usize> {
    let digits = |range: std::ops::Range<usize>, radix: u32| {
        let digits = text.get(range)?;
        let fits = digits.bytes().all(|byte| char::from(byte).is_digit(radix));
        fits.then(|| u32::from_str_radix(digits, radix).ok()).flatten()
    };
    let push_char = |out: &mut Vec<u8>, code: u32| {
        let char = char::from_u32(code)?;
        out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        Some(())
    };
    let simple = match text.bytes().next()? {
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'a' => 7,
        b'b' => 8,
        b'f' => 12,
        b'v' => 11,
        quote @ (b'\\' | b'"' | b'\'') => quote,
        b'x' => {
            out.push(u8::try_from(digits(1..3, 16)?).ok()?);
            return Some(3);
        }
        b'u' => {
            push_char(out, digits(1..5, 16)?)?;
            return Some(5);
        }
        b'U' => {
            push_char(out, digits(1..9, 16)?)?;
            return Some(9);
        }
        b'0'..=b'7' => {
            out.push(u8::try_from(digits(0..3, 8)?).ok()?);
            return Some(3);
        }
        _ => return None,
    };
    out.push(simple);
    Some(1)
}

#[cfg(test)]
mod tests {
    use model::quoting::quote;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn labels_are_read_as_loki_reads_them() {
        let check =
            |text: &str, printed: &str| assert_eq!(read(text).unwrap().to_string(), printed, "{text}");
        check("{}", "{}");
        check(r#"{app="shop"}"#, r#"{app="shop"}"#);
        check(r#" { b = "2" ,a="1", c=`x\n` ,} "#, r#"{a="1", b="2", c="x\\n"}"#);
        check(r#"{a="\"q\" \u00e9\n\x41\101"}"#, r#"{a="\"q\" é\nAA"}"#);
        check(r#"{a=""}"#, "{}");
        let fault = |text: &str, part: &str| {
            let fault = read(text).unwrap_err();
            assert!(fault.contains(part), "{text}: {fault}");
        };
        fault("", "1:1: '{' is expected");
        fault("{a}", "1:3: '=' is expected");
        fault(r#"{a="b"#, "1:5: the value has no end");
        fault(r#"{a="\q"}"#, "1:5: this escape");
        fault(r#"{9="b"}"#, "1:2: the name");
        fault(r#"{a="b"} x"#, "1:9: nothing more");
        fault(r#"{a="b" c="d"}"#, "1:8: '}'");
        fault(r#"{a="b",a="c"}"#, "comes twice");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in r#"\PC*|[{}a=",`\\x0u]*"#) {
            let _ = read(&text);
        }

        #[test]
        fn what_is_printed_is_read(pairs in prop::collection::btree_map("[a-z_][a-z0-9_]{0,5}", ".{1,12}", 0..6)) {
            let labels = Labels::from_pairs(pairs.clone());
            let parts: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", quote(value))).collect();
            prop_assert_eq!(read(&format!("{{{}}}", parts.join(", "))), Ok(labels));
        }
    }
}
