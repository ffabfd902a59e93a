//! Things that come and go, found by name: CPUs, disks, interfaces, filesystems, sensors.

/// Rows in the order the kernel lists them. That order hardly changes, so finding the next row is one comparison.
#[derive(Debug)]
pub(crate) struct Rows<T> {
    kept: Vec<Row<T>>,
    cursor: usize,
    kept_max: usize,
}

#[derive(Debug)]
struct Row<T> {
    key: Vec<u8>,
    seen: bool,
    thing: T,
}

impl<T> Rows<T> {
    pub(crate) fn new(kept_max: usize) -> Self {
        Self {
            kept: Vec::new(),
            cursor: 0,
            kept_max,
        }
    }

    /// The row named `key`, made now if it is new; `None` where there are too many.
    pub(crate) fn at(&mut self, key: &[u8], make: impl FnOnce() -> T) -> Option<&mut T> {
        let expected = self.kept.get(self.cursor).is_some_and(|row| row.key == key);
        let place = if expected {
            self.cursor
        } else if let Some(place) = self.kept.iter().position(|row| row.key == key) {
            place
        } else if self.kept.len() < self.kept_max {
            let place = self.cursor.min(self.kept.len());
            let row = Row {
                key: key.to_vec(),
                seen: false,
                thing: make(),
            };
            self.kept.insert(place, row);
            place
        } else {
            return None;
        };
        self.cursor = place + 1;
        let row = self.kept.get_mut(place)?;
        row.seen = true;
        Some(&mut row.thing)
    }

    /// Ends a pass: rows that were not asked for since the last are handed to `gone` and dropped.
    pub(crate) fn sweep(&mut self, mut gone: impl FnMut(T)) {
        self.cursor = 0;
        if self.kept.iter().all(|row| row.seen) {
            self.kept.iter_mut().for_each(|row| row.seen = false);
            return;
        }
        for mut row in std::mem::take(&mut self.kept) {
            if row.seen {
                row.seen = false;
                self.kept.push(row);
            } else {
                gone(row.thing);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass(rows: &mut Rows<String>, keys: &[&str]) -> (Vec<String>, Vec<String>) {
        let (mut made, mut gone) = (Vec::new(), Vec::new());
        for key in keys {
            let row = rows.at(key.as_bytes(), || {
                made.push((*key).to_owned());
                (*key).to_owned()
            });
            assert!(row.is_none_or(|row| row == key));
        }
        rows.sweep(|row| gone.push(row));
        (made, gone)
    }

    #[test]
    fn rows_are_made_once_and_dropped_when_unseen() {
        let mut rows = Rows::new(3);
        let none = Vec::<String>::new;
        let check = |outcome: (Vec<String>, Vec<String>), made: &[&str], gone: &[&str]| {
            assert_eq!(outcome.0, made);
            assert_eq!(outcome.1, gone);
        };
        check(pass(&mut rows, &["a", "b"]), &["a", "b"], &[]);
        check(pass(&mut rows, &["a", "b"]), &[], &[]);
        check(pass(&mut rows, &["b", "a"]), &[], &[]);
        check(pass(&mut rows, &["a", "x", "b"]), &["x"], &[]);
        check(pass(&mut rows, &["a", "b"]), &[], &["x"]);
        check(pass(&mut rows, &["c", "d", "e", "f"]), &["c"], &["a", "b"]);
        assert_eq!(pass(&mut rows, &["c"]).0, none());
    }
}
