//! A grid of braille dots, two across and four down in each cell, or of one mark a cell.

/// The first of the braille patterns; the low eight bits are the dots.
const BRAILLE: u32 = 0x2800;

/// Bits of the dots in a cell, by row and column (Unicode chapter 21.1).
const DOTS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

/// How finely is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grain {
    /// Braille dots: eight to a cell.
    Dots,
    /// A mark of the series' own in each cell: tells series apart without colour.
    Marks,
}

/// What is drawn in one cell.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    dots: u8,
    /// The series that drew here last.
    series: usize,
}

/// A grid to draw on; the origin is its lower left.
#[derive(Debug)]
pub(super) struct Canvas {
    grain: Grain,
    columns: usize,
    cells: Vec<Cell>,
}

impl Canvas {
    pub(super) fn new(columns: usize, rows: usize, grain: Grain) -> Self {
        Self {
            grain,
            columns,
            cells: vec![Cell::default(); columns * rows],
        }
    }

    fn rows(&self) -> usize {
        self.cells.len() / self.columns.max(1)
    }

    /// How many points there are across and up.
    pub(super) fn size(&self) -> (usize, usize) {
        match self.grain {
            Grain::Dots => (self.columns * 2, self.rows() * 4),
            Grain::Marks => (self.columns, self.rows()),
        }
    }

    /// Sets a point; one outside of the grid is left out.
    pub(super) fn set(&mut self, (x, y): (usize, usize), series: usize) {
        let (width, height) = self.size();
        if x >= width || y >= height {
            return;
        }
        let down = height - 1 - y;
        let (column, row, dots) = match self.grain {
            Grain::Dots => {
                let dot = DOTS.get(down % 4).and_then(|dots| dots.get(x % 2));
                (x / 2, down / 4, dot.copied().unwrap_or_default())
            }
            Grain::Marks => (x, down, u8::MAX),
        };
        if let Some(cell) = self.cells.get_mut(row * self.columns + column) {
            // Another series' dots in a cell of one colour would look like this one's.
            if cell.series != series {
                cell.dots = 0;
            }
            cell.dots |= dots;
            cell.series = series;
        }
    }

    /// Draws a line, both ends included (Bresenham).
    pub(super) fn line(&mut self, from: (usize, usize), to: (usize, usize), series: usize) {
        let (mut x, mut y) = (from.0 as i64, from.1 as i64);
        let (to_x, to_y) = (to.0 as i64, to.1 as i64);
        let (across, up) = ((to_x - x).abs(), -(to_y - y).abs());
        let (step_x, step_y) = ((to_x - x).signum(), (to_y - y).signum());
        let mut error = across + up;
        loop {
            self.set((x as usize, y as usize), series);
            if (x, y) == (to_x, to_y) {
                return;
            }
            let twice = 2 * error;
            if twice >= up {
                error += up;
                x += step_x;
            }
            if twice <= across {
                error += across;
                y += step_y;
            }
        }
    }

    /// The cells from the top row down: what stands there, and the series it belongs to.
    pub(super) fn rows_drawn(&self, marks: &[char]) -> Vec<Vec<(char, Option<usize>)>> {
        let drawn = |cell: &Cell| {
            if cell.dots == 0 {
                return (' ', None);
            }
            let char = match self.grain {
                Grain::Dots => char::from_u32(BRAILLE + u32::from(cell.dots)).unwrap_or('*'),
                Grain::Marks => marks
                    .get(cell.series % marks.len().max(1))
                    .copied()
                    .unwrap_or('*'),
            };
            (char, Some(cell.series))
        };
        self.cells
            .chunks(self.columns.max(1))
            .map(|row| row.iter().map(drawn).collect())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(canvas: &Canvas) -> String {
        let rows = canvas.rows_drawn(&['*', '+']);
        let rows = rows
            .iter()
            .map(|row| row.iter().map(|(char, _)| *char).collect::<String>());
        rows.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn lines_run_from_corner_to_corner() {
        let mut canvas = Canvas::new(2, 1, Grain::Dots);
        canvas.line((0, 0), (3, 3), 0);
        assert_eq!(shown(&canvas), "⡠⠊");
        let mut canvas = Canvas::new(4, 2, Grain::Marks);
        canvas.line((0, 1), (3, 0), 0);
        canvas.set((9, 9), 0);
        canvas.set((3, 0), 1);
        assert_eq!(shown(&canvas), "**  \n  *+");
    }
}
