//! What lists and texts take of memory, so that a query knows what it holds.

/// Bytes that the allocator gives for so many.
pub(super) fn allocated(bytes: usize) -> usize {
    bytes.next_multiple_of(16)
}

/// Bytes that a list or table of this size takes when it moves to a place twice as large: both are there until the move is over.
/// Counting so much from the beginning, nobody needs to be asked in the midst of it.
pub(super) fn through_growth(bytes: usize) -> usize {
    bytes.saturating_mul(3)
}
