//! What is kept of the values of a pane, and how panes become windows.

/// What is kept of some values.
pub(crate) trait State: Clone {
    /// Of one value.
    fn new(at_ns: i64, value: f64) -> Self;
    /// Another value.
    fn add(&mut self, at_ns: i64, value: f64);
    /// The values of a pane behind this one.
    fn merge(&mut self, later: &Self);
    /// Whether it takes no more values; another one is made for them.
    fn is_full(&self) -> bool {
        false
    }
    /// Bytes behind the state itself.
    fn heap_bytes(&self) -> usize {
        0
    }
}

/// The sum; of ones, how many there are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sum(pub(crate) f64);

impl State for Sum {
    fn new(_: i64, value: f64) -> Self {
        Self(value)
    }

    fn add(&mut self, _: i64, value: f64) {
        self.0 += value;
    }

    fn merge(&mut self, later: &Self) {
        self.0 += later.0;
    }
}

/// The sum, and of how many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mean {
    pub(crate) sum: f64,
    pub(crate) count: f64,
}

impl State for Mean {
    fn new(_: i64, value: f64) -> Self {
        Self {
            sum: value,
            count: 1.0,
        }
    }

    fn add(&mut self, _: i64, value: f64) {
        self.sum += value;
        self.count += 1.0;
    }

    fn merge(&mut self, later: &Self) {
        self.sum += later.sum;
        self.count += later.count;
    }
}

/// The least value; what is no number counts only where there is nothing else.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Least(pub(crate) f64);

impl State for Least {
    fn new(_: i64, value: f64) -> Self {
        Self(value)
    }

    fn add(&mut self, _: i64, value: f64) {
        if value < self.0 || self.0.is_nan() {
            self.0 = value;
        }
    }

    fn merge(&mut self, later: &Self) {
        self.add(0, later.0);
    }
}

/// The greatest value, as [`Least`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Most(pub(crate) f64);

impl State for Most {
    fn new(_: i64, value: f64) -> Self {
        Self(value)
    }

    fn add(&mut self, _: i64, value: f64) {
        if value > self.0 || self.0.is_nan() {
            self.0 = value;
        }
    }

    fn merge(&mut self, later: &Self) {
        self.add(0, later.0);
    }
}

/// How far values are from their mean (Welford's method).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Spread {
    pub(crate) fn variance(&self) -> f64 {
        self.squares / self.count
    }
}

impl State for Spread {
    fn new(_: i64, value: f64) -> Self {
        Self {
            count: 1.0,
            mean: value,
            // Zero, unless the value is none that can be computed with.
            squares: if value.is_finite() { 0.0 } else { f64::NAN },
        }
    }

    fn add(&mut self, _: i64, value: f64) {
        self.count += 1.0;
        let delta = value - self.mean;
        self.mean += delta / self.count;
        self.squares += delta * (value - self.mean);
    }

    fn merge(&mut self, later: &Self) {
        let count = self.count + later.count;
        let delta = later.mean - self.mean;
        self.squares += later.squares + delta * delta * self.count * later.count / count;
        self.mean += delta * later.count / count;
        self.count = count;
    }
}

/// The first value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct First(i64, pub(crate) f64);

impl State for First {
    fn new(at_ns: i64, value: f64) -> Self {
        Self(at_ns, value)
    }

    fn add(&mut self, at_ns: i64, value: f64) {
        if at_ns < self.0 {
            *self = Self(at_ns, value);
        }
    }

    fn merge(&mut self, later: &Self) {
        self.add(later.0, later.1);
    }
}

/// The last value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Last(i64, pub(crate) f64);

impl State for Last {
    fn new(at_ns: i64, value: f64) -> Self {
        Self(at_ns, value)
    }

    fn add(&mut self, at_ns: i64, value: f64) {
        if at_ns >= self.0 {
            *self = Self(at_ns, value);
        }
    }

    fn merge(&mut self, later: &Self) {
        self.add(later.0, later.1);
    }
}

/// Values of one list: many lists grow without a jump that nobody has counted on.
const SAMPLES_MAX: usize = 4096;

/// All values with their times.
#[derive(Debug, Clone)]
pub(crate) struct Samples(pub(crate) Vec<(i64, f64)>);

impl State for Samples {
    fn new(at_ns: i64, value: f64) -> Self {
        Self(vec![(at_ns, value)])
    }

    fn add(&mut self, at_ns: i64, value: f64) {
        self.0.push((at_ns, value));
    }

    fn merge(&mut self, later: &Self) {
        self.0.extend_from_slice(&later.0);
    }

    fn is_full(&self) -> bool {
        self.0.len() >= SAMPLES_MAX
    }

    fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<(i64, f64)>()
    }
}
