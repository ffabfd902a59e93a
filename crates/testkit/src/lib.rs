//! What tests of several rooms share: a clock they own, and the store of series that lives in memory.
//!
//! In: `stdx` and `model`.  Out: [`FakeClock`], [`MemorySeries`], [`Random`], [`conformance()`](conformance()); dev-dependency only.
//! Owns: nothing.
//! Invariants: a clock moves only when its test moves it.
//! Not here: product code of any kind; nothing outside tests may depend on this room. The memory store is `model`'s, as rule
//! unit tests play on it too.
//! Start at: [`FakeClock`].

pub mod conformance;
pub mod fake_clock;
pub mod random;

pub use conformance::conformance;
pub use fake_clock::FakeClock;
pub use model::MemorySeries;
pub use random::Random;
