//! Draws the series of a range query into a terminal: lines of braille dots over time, with axes and a legend.
//!
//! In: the series of an answer.  Out: text that fits the terminal's width.
//! Owns: nothing.
//! Invariants: no line is wider than it may be (`tests::no_line_is_too_wide`); what is missing or not a number leaves the line
//! open (`tests::gaps_stay_open`); without colour series are told apart by their marks (`tests::series_have_marks`).
//! Not here: how answers are asked for. No library: those that draw charts into plain text know neither gaps, nor times on an
//! axis, nor a legend, and what remains of the work is `canvas`.
//! Start at: [`draw`].

mod axis;
mod canvas;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use super::answer::{Point, Row, time};
use axis::{human, human_alone, time_ticks, value_ticks};
use canvas::{Canvas, Grain};

/// Rows of the plot, axes not counted.
const ROWS: usize = 16;
/// No plot is narrower, however narrow the terminal.
const COLUMNS_MIN: usize = 20;
/// Rows between two ticks of the axis of values.
const ROWS_PER_TICK: usize = 4;
/// Columns between two ticks of the axis of time, their labels included.
const COLUMNS_PER_TICK: usize = 14;
/// Series that are drawn; more are only counted.
pub(super) const SERIES_MAX: usize = 20;
/// Marks of series where there is no colour.
const MARKS: [char; 10] = ['*', '+', 'o', 'x', '#', '@', '%', '&', '=', '~'];
/// Colours of series (ECMA-48 SGR): those that read on a dark and on a light ground.
const COLOURS: [u8; 10] = [32, 33, 36, 35, 34, 31, 92, 95, 96, 94];

/// How to draw.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    /// Columns of the terminal.
    pub(super) width: usize,
    /// Whether it shows colours.
    pub(super) is_coloured: bool,
    /// The ends of the question, milliseconds since the Unix epoch.
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
    /// How far apart two points are; what is further apart is not joined.
    pub(super) step_ms: i64,
}

/// Draws the series.
pub(super) fn draw(rows: &[Row], frame: Frame) -> String {
    let drawn = rows.get(..SERIES_MAX).unwrap_or(rows);
    let numbers = drawn.iter().flat_map(|row| &row.points).filter_map(finite);
    let (low, high) = numbers.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    if low > high {
        return "nothing to draw: no series has a number in this range\n".to_owned();
    }
    let ticks = value_ticks(low, high, ROWS / ROWS_PER_TICK);
    let (bottom, top) = (
        ticks.first().copied().unwrap_or(low),
        ticks.last().copied().unwrap_or(high),
    );
    let step = (top - bottom) / (ticks.len().max(2) - 1) as f64;
    let labels: Vec<String> = ticks.iter().map(|tick| human(*tick, step)).collect();
    let margin = labels
        .iter()
        .map(|label| label.chars().count())
        .max()
        .unwrap_or_default();
    let columns = frame.width.saturating_sub(margin + 2).max(COLUMNS_MIN);
    let is_marked = drawn.len() > 1 && !frame.is_coloured;
    let grain = if is_marked { Grain::Marks } else { Grain::Dots };
    let mut canvas = Canvas::new(columns, ROWS, grain);
    for (series, row) in drawn.iter().enumerate() {
        trace(&mut canvas, row, series, frame, (bottom, top));
    }
    // Writing to a text cannot fail.
    let mut text = String::new();
    let row_of = |tick: &f64| ((top - tick) / (top - bottom) * (ROWS - 1) as f64).round() as usize;
    for (index, cells) in canvas.rows_drawn(&MARKS).into_iter().enumerate() {
        let tick = ticks.iter().position(|tick| row_of(tick) == index);
        let label = tick.and_then(|tick| labels.get(tick)).map_or("", String::as_str);
        let rule = if label.is_empty() { '│' } else { '┤' };
        let _ = write!(text, "{label:>margin$} {rule}");
        text.push_str(&line(&cells, frame.is_coloured));
        text.push('\n');
    }
    text.push_str(&time_axis(frame, columns, margin));
    text.push_str(&legend(rows, frame, is_marked));
    text
}

fn finite(point: &Point) -> Option<f64> {
    point.number.filter(|number| number.is_finite())
}

/// Draws one series: a line between neighbours, a dot where a point stands alone.
fn trace(canvas: &mut Canvas, row: &Row, series: usize, frame: Frame, (bottom, top): (f64, f64)) {
    let (width, height) = canvas.size();
    let span_ms = (frame.to_ms.saturating_sub(frame.from_ms)).max(1) as f64;
    let place = |point: &Point| {
        let value = finite(point)?;
        // Divided first: the span of the largest numbers is no number.
        let up = (value / 2.0 - bottom / 2.0) / (top / 2.0 - bottom / 2.0);
        let across = point.at_ms.saturating_sub(frame.from_ms) as f64 / span_ms;
        let x = (across * (width - 1) as f64).round() as usize;
        Some((x, (up * (height - 1) as f64).round() as usize))
    };
    let mut before: Option<(&Point, (usize, usize))> = None;
    for point in &row.points {
        let Some(here) = place(point) else {
            before = None;
            continue;
        };
        match before {
            // A little more than a step: times are rounded to milliseconds.
            Some((last, from))
                if (point.at_ms - last.at_ms) <= frame.step_ms.saturating_add(frame.step_ms / 2) =>
            {
                canvas.line(from, here, series);
            }
            _ => canvas.set(here, series),
        }
        before = Some((point, here));
    }
}

/// The cells of a row, blanks at the end left out.
fn line(cells: &[(char, Option<usize>)], is_coloured: bool) -> String {
    let end = cells
        .iter()
        .rposition(|(_, series)| series.is_some())
        .map_or(0, |last| last + 1);
    let mut text = String::new();
    let mut colour = None;
    for (char, series) in cells.iter().take(end) {
        if is_coloured && *series != colour {
            match series {
                Some(series) => text.push_str(&start_of(*series)),
                None => text.push_str("\u{1b}[0m"),
            }
            colour = *series;
        }
        text.push(*char);
    }
    if colour.is_some() {
        text.push_str("\u{1b}[0m");
    }
    text
}

fn start_of(series: usize) -> String {
    let colour = COLOURS.get(series % COLOURS.len()).copied().unwrap_or_default();
    format!("\u{1b}[{colour}m")
}

/// The axis of time: a rule with ticks, their labels below, and the ends in full.
fn time_axis(frame: Frame, columns: usize, margin: usize) -> String {
    let span_ms = frame.to_ms.saturating_sub(frame.from_ms).max(1) as f64;
    let mut rule: Vec<char> = vec!['─'; columns];
    let mut labels: Vec<char> = vec![' '; columns];
    let mut free_from = 0;
    for (at_ms, label) in time_ticks(frame.from_ms, frame.to_ms, columns / COLUMNS_PER_TICK) {
        let across = at_ms.saturating_sub(frame.from_ms) as f64 / span_ms;
        let column = (across * (columns - 1) as f64).round() as usize;
        if let Some(place) = rule.get_mut(column) {
            *place = '┬';
        }
        let length = label.chars().count();
        let start = column
            .saturating_sub(length / 2)
            .min(columns.saturating_sub(length));
        if start < free_from {
            continue;
        }
        for (place, char) in labels.iter_mut().skip(start).zip(label.chars()) {
            *place = char;
        }
        free_from = start + length + 1;
    }
    let (rule, labels): (String, String) = (rule.iter().collect(), labels.iter().collect());
    format!(
        "{:margin$} └{rule}\n{:margin$}  {}\n{:margin$}  {} to {}\n",
        "",
        "",
        labels.trim_end(),
        "",
        time(frame.from_ms),
        time(frame.to_ms)
    )
}

/// A line for each series: its mark or colour, its last, least and greatest value, its name as far as there is room.
fn legend(rows: &[Row], frame: Frame, is_marked: bool) -> String {
    let mut text = String::new();
    for (index, row) in rows.iter().take(SERIES_MAX).enumerate() {
        let mark = if is_marked {
            MARKS.get(index % MARKS.len()).copied().unwrap_or('*')
        } else {
            '■'
        };
        let values: Vec<f64> = row.points.iter().filter_map(finite).collect();
        let of = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), human_alone);
        let facts = format!(
            "last {}, min {}, max {}",
            of(values.last().copied()),
            of(values.iter().copied().reduce(f64::min)),
            of(values.iter().copied().reduce(f64::max))
        );
        let name = if row.series.is_empty() {
            "value"
        } else {
            &row.series
        };
        let is_histogram = row.points.iter().any(|point| point.is_histogram);
        let what = if is_histogram {
            " (observations of the histogram)"
        } else {
            ""
        };
        let room = frame.width.saturating_sub(facts.chars().count() + 4);
        let name = shortened(&format!("{name}{what}"), room);
        if frame.is_coloured {
            let _ = writeln!(text, "{}{mark}\u{1b}[0m {name}  {facts}", start_of(index));
        } else {
            let _ = writeln!(text, "{mark} {name}  {facts}");
        }
    }
    if rows.len() > SERIES_MAX {
        let more = rows.len() - SERIES_MAX;
        let _ = writeln!(text, "and {more} more series, not drawn; ask for fewer");
    }
    text
}

/// The text, cut in its middle where it is longer than `room`.
fn shortened(text: &str, room: usize) -> String {
    let length = text.chars().count();
    if length <= room {
        return text.to_owned();
    }
    let kept = room.saturating_sub(1);
    let head: String = text.chars().take(kept - kept / 2).collect();
    let tail: String = text.chars().skip(length - kept / 2).collect();
    format!("{head}…{tail}")
}
