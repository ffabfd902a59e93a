//! What tests of several rooms share: a clock they own and a store of series that lives in memory.
//!
//! In: `stdx` and `model`.  Out: [`FakeClock`], [`MemorySeries`], [`Random`], the notation of histograms;
//! dev-dependency only.
//! Owns: nothing.
//! Invariants: the memory store answers as the doors promise, by the simplest code there is, so that engines can be
//! judged against it (`memory_series::tests`).
//! Not here: product code of any kind; nothing outside tests may depend on this room.
//! Start at: [`MemorySeries`].

pub mod fake_clock;
pub mod histogram_notation;
pub mod memory_series;
pub mod random;

pub use fake_clock::FakeClock;
pub use histogram_notation::{WrittenHistogram, expand_histograms};
pub use memory_series::MemorySeries;
pub use random::Random;
