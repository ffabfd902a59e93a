//! The process' allocator, and how soon it gives memory back.

/// All memory of the process is taken from here.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of mimalloc's `mimalloc.h`, in milliseconds; the bindings do not name it.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Pages that are not used any more go back to the system after so many milliseconds. The library's second lets the pages of many
/// threads pile up under load; what `MIMALLOC_PURGE_DELAY` says comes first.
const PURGE_DELAY_MS: i64 = 100;

/// Lets unused memory go back to the system soon.
pub(crate) fn give_back_soon() {
    #[expect(unsafe_code, reason = "the allocator has no other door")]
    // SAFETY: it stores a number in the table of options, whose place exists in all versions the bindings know.
    unsafe {
        libmimalloc_sys::mi_option_set_default(PURGE_DELAY, PURGE_DELAY_MS);
    }
}
