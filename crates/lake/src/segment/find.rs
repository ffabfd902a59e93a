//! Which rows of a segment may hold some texts.

use model::ReadError;

use super::needle::{Hits, Needle, rows_holding};
use super::reader::PartReader;
use super::rows::RowReader;
use crate::limits::PAGE_ROWS;
use crate::table::WHOLE;

/// Rows of a segment.
#[derive(Debug)]
pub(crate) enum Found {
    /// All may.
    All,
    /// These may, in ascending order.
    Rows(Vec<u32>),
}

/// The rows that may hold a text of every group.
pub(crate) fn find(
    segment: PartReader<'_>,
    lines: &mut RowReader<'_>,
    groups: &[Vec<Needle<'_>>],
) -> Result<Found, ReadError> {
    if groups.is_empty() {
        return Ok(Found::All);
    }
    let meta = &segment.contents().lines;
    let mut hits = Vec::with_capacity(meta.tables.len());
    for (id, table) in meta.tables.iter().enumerate() {
        let found = if table.rows == 0 {
            Hits::None
        } else {
            rows_holding(lines.table(id as u16)?, groups, id == usize::from(WHOLE))?
        };
        hits.push(found);
    }
    let mut rows = Vec::new();
    for (page, bases) in meta.bases.iter().enumerate() {
        let next = meta.bases.get(page + 1);
        let may_be_here = bases
            .iter()
            .any(|(table, base)| match hits.get(usize::from(*table)) {
                Some(Hits::All) => true,
                Some(Hits::Rows(rows)) => {
                    // The table's rows up to the page after the next in which it stands again; the page itself decides.
                    let first = rows.partition_point(|row| row < base);
                    let end = next.map_or(usize::MAX, |_| *base as usize + PAGE_ROWS);
                    rows.get(first).is_some_and(|row| (*row as usize) < end)
                }
                Some(Hits::None) | None => false,
            });
        if may_be_here {
            let places = lines.places(page)?;
            for (place, (table, local)) in places.tables.iter().zip(&places.locals).enumerate() {
                let is_hit = match hits.get(usize::from(*table)) {
                    Some(Hits::All) => true,
                    Some(Hits::Rows(rows)) => rows.binary_search(local).is_ok(),
                    Some(Hits::None) | None => false,
                };
                if is_hit {
                    rows.push((page * PAGE_ROWS + place) as u32);
                }
            }
        }
    }
    Ok(Found::Rows(rows))
}
