//! Patterns as bytes, so that ids and counts outlive the process. Layout in docs/formats/patterns.md. Whoever keeps the bytes checks
//! that they are whole.

use crate::error::InsightsError;
use crate::limits::{LINE_BYTES_MAX, LINE_WORDS_MAX, SAVED_BYTES_MAX, SAVED_LINES_MAX};

use super::template::{WILDCARD, Word};
use super::{Patterns, Template, TemplateId};

const MAGIC: &[u8; 4] = b"WKPT";
/// The version that is written, and the only one that is read.
const VERSION: u8 = 1;
/// A text is at most as long as a line, each of whose words may have become a longer wildcard, and one wildcard behind it.
const TEXT_BYTES_MAX: usize = LINE_BYTES_MAX + (LINE_WORDS_MAX + 1) * WILDCARD.len();

/// Writes a state.
pub fn encode_patterns(patterns: &Patterns) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(MAGIC);
    out.push(VERSION);
    out.extend(patterns.lines.to_le_bytes());
    out.extend(patterns.evicted.to_le_bytes());
    out.extend((patterns.by_id.len() as u32).to_le_bytes());
    // Skeletons in a fixed order, so that equal states are equal bytes; their templates in their own.
    let mut skeletons: Vec<(&u64, &Vec<u32>)> = patterns.skeletons.iter().collect();
    skeletons.sort_unstable();
    let slots = skeletons.into_iter().flat_map(|(_, slots)| slots);
    for template in slots.filter_map(|slot| patterns.template(*slot)) {
        encode_template(&mut out, template);
    }
    let retired = patterns.retired.pairs();
    out.extend((retired.len() as u32).to_le_bytes());
    for (id, leads_to) in retired {
        out.extend(id.0.to_le_bytes());
        out.extend(leads_to.0.to_le_bytes());
    }
    out
}

fn encode_template(out: &mut Vec<u8>, template: &Template) {
    out.extend(template.skeleton.to_le_bytes());
    out.extend(template.lines.to_le_bytes());
    out.extend(template.last_line.to_le_bytes());
    out.extend((template.text.len() as u32).to_le_bytes());
    out.extend_from_slice(template.text.as_bytes());
    out.push(template.words.len() as u8);
    for word in &template.words {
        out.extend((word.start as u16).to_le_bytes());
        out.extend((word.end as u16).to_le_bytes());
    }
}

/// Reads a state that [`encode_patterns`] wrote; it keeps at most so many templates from now on.
pub fn decode_patterns(bytes: &[u8], templates_max: usize) -> Result<Patterns, InsightsError> {
    let mut read = Reader { bytes, at: 0 };
    if bytes.len() > SAVED_BYTES_MAX {
        return Err(read.fault("more bytes than are read"));
    }
    if read.take(MAGIC.len())? != MAGIC {
        return Err(read.fault("these are no patterns"));
    }
    if read.take(1)? != [VERSION] {
        return Err(read.fault("written by a version that this one does not know"));
    }
    let mut patterns = Patterns::new(templates_max);
    let (lines, evicted) = (read.u64()?, read.u64()?);
    if lines.max(evicted) > SAVED_LINES_MAX {
        return Err(read.fault("more lines than there can have been"));
    }
    for _ in 0..read.u32()? {
        let template = read.template()?;
        if template.last_line > lines {
            return Err(read.fault("a template was seen after the last line"));
        }
        if template.lines > lines {
            return Err(read.fault("a template of more lines than there were"));
        }
        patterns.place(template);
    }
    for _ in 0..read.u32()? {
        let (id, leads_to) = (TemplateId(read.u64()?), TemplateId(read.u64()?));
        if !patterns.by_id.contains_key(&id) {
            patterns.retired.insert(id, leads_to);
        }
    }
    if read.at != bytes.len() {
        return Err(read.fault("more follows than was written"));
    }
    patterns.lines = lines;
    patterns.evicted += evicted;
    Ok(patterns)
}

#[derive(Debug)]
struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Reader<'b> {
    fn fault(&self, what: &'static str) -> InsightsError {
        InsightsError::BadSavedPatterns { at: self.at, what }
    }

    fn take(&mut self, count: usize) -> Result<&'b [u8], InsightsError> {
        let end = self.at.saturating_add(count);
        let taken = self.bytes.get(self.at..end);
        let taken = taken.ok_or_else(|| self.fault("the bytes end early"))?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], InsightsError> {
        let taken = self.take(N)?;
        taken.try_into().map_err(|_| self.fault("the bytes end early"))
    }

    fn u64(&mut self) -> Result<u64, InsightsError> {
        self.array().map(u64::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, InsightsError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u16(&mut self) -> Result<u16, InsightsError> {
        self.array().map(u16::from_le_bytes)
    }

    fn template(&mut self) -> Result<Template, InsightsError> {
        let (skeleton, lines, last_line) = (self.u64()?, self.u64()?, self.u64()?);
        let text_bytes = self.u32()? as usize;
        if text_bytes > TEXT_BYTES_MAX {
            return Err(self.fault("a text longer than any line"));
        }
        let text = std::str::from_utf8(self.take(text_bytes)?);
        let text = text.map_err(|_| self.fault("a text that is not UTF-8"))?;
        let [count] = self.array()?;
        if usize::from(count) > LINE_WORDS_MAX {
            return Err(self.fault("more words than a line may have"));
        }
        let mut words = Vec::with_capacity(usize::from(count));
        let mut behind = 0;
        for _ in 0..count {
            let (start, end) = (u32::from(self.u16()?), u32::from(self.u16()?));
            let word = text
                .get(start as usize..end as usize)
                .filter(|word| !word.is_empty());
            let word = word.filter(|_| start >= behind);
            words.push(Word::new(
                word.ok_or_else(|| self.fault("a word outside its text"))?,
                start,
                end,
            ));
            behind = end;
        }
        Ok(Template {
            id: super::template::id_of(text),
            text: text.into(),
            words: words.into(),
            skeleton,
            lines,
            last_line,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some_patterns() -> Patterns {
        let mut patterns = Patterns::default();
        for line in [
            "unknown user ann asks for entry",
            "unknown user bob asks for entry",
            "unknown user cid asks for entry",
            "started in 5 ms",
            "a literal <_> stays",
            "",
        ] {
            patterns.step(line);
        }
        patterns
    }

    #[test]
    fn numbers_that_cannot_be_are_refused() {
        let mut patterns = Patterns::new(8);
        patterns.step("a line");
        let mut bytes = encode_patterns(&patterns);
        let at = MAGIC.len() + 1;
        bytes[at..at + 8].copy_from_slice(&u64::MAX.to_le_bytes());
        let error = decode_patterns(&bytes, 8).unwrap_err();
        assert!(error.to_string().contains("more lines"), "{error}");
    }

    #[test]
    fn a_saved_state_knows_its_lines() {
        let mut before = some_patterns();
        let bytes = encode_patterns(&before);
        let mut after = decode_patterns(&bytes, 1000).unwrap();
        assert_eq!(encode_patterns(&after), bytes);
        let ann = crate::patterns::template::id_of("unknown user ann asks for entry");
        assert_ne!(before.resolve(ann), ann);
        assert_eq!(before.resolve(ann), after.resolve(ann));
        for line in [
            "unknown user eve asks for entry",
            "started in 7 s",
            "a literal <_> stays",
            "new",
        ] {
            assert_eq!(before.step(line), after.step(line), "{line}");
        }
        assert_eq!((before.len(), before.lines()), (after.len(), after.lines()));
    }

    #[test]
    fn faults_name_their_place() {
        let bytes = encode_patterns(&some_patterns());
        for length in 0..bytes.len() {
            assert!(decode_patterns(&bytes[..length], 100).is_err(), "{length}");
        }
        let mut more = bytes.clone();
        more.push(0);
        let error = decode_patterns(&more, 100).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "cannot read the saved patterns: at byte {}: more follows than was written",
                bytes.len()
            )
        );
    }

    /// Written by version 1; this file stays for ever.
    const FIXTURE: &[u8] = include_bytes!("../../tests/fixtures/patterns-v1.bin");

    #[test]
    fn version_1_is_read_for_ever() {
        let patterns = decode_patterns(FIXTURE, 1000).unwrap();
        assert_eq!(encode_patterns(&patterns), FIXTURE);
        let mut texts: Vec<&str> = patterns.templates().map(|template| template.text).collect();
        texts.sort_unstable();
        let expected = [
            "",
            "a literal <_> stays",
            "started in <_>",
            "unknown user <_> asks for entry",
        ];
        assert_eq!(texts, expected);
        assert_eq!(encode_patterns(&some_patterns()), FIXTURE);
    }

    proptest::proptest! {
        #[test]
        fn any_state_reads_back(lines in proptest::collection::vec("[a-c] ?[a-c]{0,2}[=(]?[0-9]?[a-d]{0,3}", 0..200)) {
            let mut patterns = Patterns::new(16);
            for line in &lines {
                patterns.step(line);
            }
            let bytes = encode_patterns(&patterns);
            let read = decode_patterns(&bytes, 16).unwrap();
            proptest::prop_assert_eq!(encode_patterns(&read), bytes);
        }

        #[test]
        fn any_bytes_are_refused_or_read(change in 0_usize..400, to: u8) {
            let mut bytes = FIXTURE.to_vec();
            if let Some(byte) = bytes.get_mut(change) {
                *byte = to;
            }
            if let Ok(mut patterns) = decode_patterns(&bytes, 16) {
                patterns.step("unknown user eve asks for entry");
                patterns.step("started in 5 ms");
            }
        }
    }
}
