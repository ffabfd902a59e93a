//! Patterns as bytes, so that ids and counts outlive the process. Layout in docs/formats/patterns.md. Whoever keeps the bytes checks
//! that they are whole.

use crate::error::InsightsError;
use crate::limits::{LINE_BYTES_MAX, LINE_WORDS_MAX, LINES_COUNTED_MAX, SAVED_BYTES_MAX};

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
    if lines.max(evicted) > LINES_COUNTED_MAX {
        return Err(read.fault("more lines than there can have been"));
    }
    let mut lines_of_templates = 0_u64;
    for _ in 0..read.u32()? {
        let template = read.template()?;
        if template.last_line > lines {
            return Err(read.fault("a template was seen after the last line"));
        }
        lines_of_templates = lines_of_templates.saturating_add(template.lines);
        if lines_of_templates > lines {
            return Err(read.fault("templates of more lines than there were"));
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
    patterns.evicted = (patterns.evicted + evicted).min(LINES_COUNTED_MAX);
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
mod tests;
