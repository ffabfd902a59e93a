//! Which templates the lines of a log follow: a state that takes line after line and says of each which template it belongs to.
//!
//! In: lines.  Out: [`TemplateId`]s, and the texts behind them, with `<_>` where lines differ.
//! Owns: nothing outside its memory.
//! Invariants: memory is bounded and what is evicted is counted (`patterns::tests::memory_is_bounded`); the id of a template is a
//! hash of its text (`patterns::tests::ids_are_fixed_for_ever`); an id that was given out leads to the template that took its
//! lines in (`patterns::tests::retired_ids_lead_on`).
//! Not here: when lines were seen; that is counted by [`counts::PatternCounts`].
//! Start at: [`Patterns::step`].
//!
//! A line is cut into words, marks and wildcards (`tokens`). Lines that are equal then are one template. Templates of the same
//! skeleton (the same marks, words in the same places) become one when enough of them differ in the same places alone (`merge`);
//! this is where it departs from Drain, which takes the first similar enough template at once and so depends on the order of lines.
//!
//! Ids: a template's id is a hash of its text. Most templates are made by masking alone, so that their ids depend on no other line.
//! A template that was made by merging depends on the lines only through which places vary; its id is the same in every process that
//! found the same places. An id that was given out before a merge leads on to the id after it ([`Patterns::resolve`]).

pub mod codec;
pub mod counts;
mod merge;
mod recent;
mod template;
mod tokens;
mod words;

use std::fmt;

use rustc_hash::FxHashMap;

use crate::limits::{CANDIDATES_MAX, LINES_COUNTED_MAX, RETIRED_IDS_PER_TEMPLATE, TEMPLATES_MAX};
use recent::{Place, Recent, Retired};
use template::{Shape, Template};
use tokens::Tokens;

/// What a template is known by: a hash of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TemplateId(pub u64);

/// A template as it is told to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TemplateRef<'p> {
    /// What it is known by.
    pub id: TemplateId,
    /// Its text, with `<_>` where lines differ.
    pub text: &'p str,
    /// How many lines it has taken.
    pub lines: u64,
    /// The number of the last line it took; the first line of a state is number 1.
    pub last_line: u64,
}

/// The templates of a log. Pure: what it knows and says follows from the lines it was given, in their order.
#[derive(Debug)]
pub struct Patterns {
    slots: Vec<Slot>,
    free: Vec<u32>,
    by_id: FxHashMap<TemplateId, u32>,
    /// Of each skeleton its templates, the ones used last at the end.
    skeletons: FxHashMap<u64, Vec<u32>>,
    recent: Recent,
    retired: Retired,
    templates_max: usize,
    lines: u64,
    evicted: u64,
    tokens: Tokens,
    shape: Shape,
}

#[derive(Debug, Default)]
struct Slot {
    /// Counts up whenever the template leaves, so that what points here is known to be old.
    epoch: u32,
    template: Option<Template>,
}

impl Default for Patterns {
    fn default() -> Self {
        Self::new(TEMPLATES_MAX)
    }
}

impl Patterns {
    /// A state without templates that keeps so many at most; the least is 16.
    pub fn new(templates_max: usize) -> Self {
        let templates_max = templates_max.clamp(16, u32::MAX as usize / 2);
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            by_id: FxHashMap::default(),
            skeletons: FxHashMap::default(),
            recent: Recent::default(),
            retired: Retired::new(templates_max * RETIRED_IDS_PER_TEMPLATE),
            templates_max,
            lines: 0,
            evicted: 0,
            tokens: Tokens::default(),
            shape: Shape::default(),
        }
    }

    /// Takes a line in and says which template it follows.
    pub fn step(&mut self, line: &str) -> TemplateId {
        // A line counts for the state and for its template, or for neither: templates never hold more lines than the state.
        let counted = u64::from(self.lines < LINES_COUNTED_MAX);
        self.lines += counted;
        self.tokens.cut(line);
        self.shape.of(&self.tokens, line);
        if let Some(place) = self.recent.get(self.shape.line_hash)
            && let Some(slot) = self.slots.get_mut(place.slot as usize)
            && slot.epoch == place.epoch
            && let Some(template) = &mut slot.template
        {
            template.lines += counted;
            template.last_line = self.lines;
            return template.id;
        }
        self.step_unknown(line, counted)
    }

    /// The id that holds now for one that was given out before: another one where its template became part of a wider one.
    pub fn resolve(&self, id: TemplateId) -> TemplateId {
        let mut now = id;
        // Every step leads to a template with more wildcards; the bound is for states that were loaded.
        for _ in 0..=crate::limits::LINE_WORDS_MAX {
            if self.by_id.contains_key(&now) {
                break;
            }
            match self.retired.get(now) {
                Some(next) => now = next,
                None => break,
            }
        }
        now
    }

    /// The template that an id, or one that led on to it, stands for; none where it was evicted.
    pub fn get(&self, id: TemplateId) -> Option<TemplateRef<'_>> {
        let slot = self.by_id.get(&self.resolve(id))?;
        self.template(*slot).map(Template::told)
    }

    /// All templates, in no order.
    pub fn templates(&self) -> impl Iterator<Item = TemplateRef<'_>> {
        self.slots
            .iter()
            .filter_map(|slot| slot.template.as_ref().map(Template::told))
    }

    /// How many templates there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// How many lines were taken in, up to [`LINES_COUNTED_MAX`].
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// How many templates went because there were too many.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    fn template(&self, slot: u32) -> Option<&Template> {
        self.slots.get(slot as usize)?.template.as_ref()
    }

    fn step_unknown(&mut self, line: &str, counted: u64) -> TemplateId {
        let slot = match self.known_that_takes_in() {
            Some(slot) => slot,
            None => self.insert(line),
        };
        let Some(held) = self.slots.get_mut(slot as usize) else {
            return template::id_of(line);
        };
        let place = Place {
            slot,
            epoch: held.epoch,
        };
        self.recent.insert(self.shape.line_hash, place);
        let Some(template) = &mut held.template else {
            return template::id_of(line);
        };
        template.lines += counted;
        template.last_line = self.lines;
        template.id
    }

    /// A template that says all that the line says; it goes to the end of its skeleton.
    fn known_that_takes_in(&mut self) -> Option<u32> {
        let slots = self.skeletons.get_mut(&self.shape.skeleton)?;
        let first = slots.len().saturating_sub(CANDIDATES_MAX);
        let found = slots.iter().skip(first).rposition(|slot| {
            self.slots
                .get(*slot as usize)
                .and_then(|slot| slot.template.as_ref())
                .is_some_and(|known| merge::takes_in(&known.words, &self.shape.words))
        })?;
        slots.get_mut(first + found..)?.rotate_left(1);
        slots.last().copied()
    }

    /// Adds the template of a line that none takes in, alone or as part of a wider one; returns its slot.
    fn insert(&mut self, line: &str) -> u32 {
        let new = Template::of_line(&self.tokens, line, &self.shape);
        let siblings = self.skeletons.get(&new.skeleton).map_or(&[][..], Vec::as_slice);
        let known: Vec<&Template> = siblings
            .iter()
            .rev()
            .take(CANDIDATES_MAX)
            .filter_map(|slot| self.template(*slot))
            .collect();
        let new = match merge::places_that_vary(&new, &known) {
            Some(places) => self.widen(&new, places),
            None => new,
        };
        self.place(new)
    }

    /// Makes the wider template of a new one, and takes into it all that lie within it.
    fn widen(&mut self, new: &Template, places: u128) -> Template {
        let mut wide = new.widened(places);
        let siblings = self.skeletons.remove(&wide.skeleton).unwrap_or_default();
        let (taken_in, kept): (Vec<u32>, Vec<u32>) = siblings.into_iter().partition(|slot| {
            self.template(*slot)
                .is_some_and(|known| merge::lies_within(&wide.words, &known.words))
        });
        if !kept.is_empty() {
            self.skeletons.insert(wide.skeleton, kept);
        }
        for slot in taken_in {
            if let Some(narrow) = self.vacate(slot) {
                wide.lines += narrow.lines;
                wide.last_line = wide.last_line.max(narrow.last_line);
                self.retired.insert(narrow.id, wide.id);
            }
        }
        self.retired.insert(new.id, wide.id);
        wide
    }

    fn place(&mut self, template: Template) -> u32 {
        if self.by_id.len() >= self.templates_max {
            self.evict();
        }
        // Two templates of different skeletons may read the same, as a line may hold `<_>` itself; they are one.
        if let Some(slot) = self.by_id.get(&template.id) {
            return *slot;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            (self.slots.len() - 1) as u32
        });
        self.retired.remove(template.id);
        self.by_id.insert(template.id, slot);
        self.skeletons.entry(template.skeleton).or_default().push(slot);
        if let Some(held) = self.slots.get_mut(slot as usize) {
            held.template = Some(template);
        }
        slot
    }

    /// Empties a slot. Its skeleton is the caller's affair.
    fn vacate(&mut self, slot: u32) -> Option<Template> {
        let held = self.slots.get_mut(slot as usize)?;
        let template = held.template.take()?;
        held.epoch = held.epoch.wrapping_add(1);
        self.by_id.remove(&template.id);
        self.free.push(slot);
        Some(template)
    }

    /// Removes the sixteenth part that was not seen for longest.
    fn evict(&mut self) {
        let mut ages: Vec<(u64, u32)> = self
            .by_id
            .values()
            .filter_map(|slot| Some((self.template(*slot)?.last_line, *slot)))
            .collect();
        let count = (self.templates_max / 16).max(1).min(ages.len());
        if count < ages.len() {
            ages.select_nth_unstable(count);
        }
        for (_, slot) in ages.iter().take(count) {
            let Some(template) = self.vacate(*slot) else {
                continue;
            };
            self.evicted = (self.evicted + 1).min(LINES_COUNTED_MAX);
            if let Some(siblings) = self.skeletons.get_mut(&template.skeleton) {
                siblings.retain(|sibling| sibling != slot);
                if siblings.is_empty() {
                    self.skeletons.remove(&template.skeleton);
                }
            }
        }
    }
}

impl Template {
    fn told(&self) -> TemplateRef<'_> {
        TemplateRef {
            id: self.id,
            text: &self.text,
            lines: self.lines,
            last_line: self.last_line,
        }
    }
}

impl fmt::Display for TemplateId {
    /// Sixteen hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests;
