//! What the terminal can show.

use std::io::IsTerminal;

/// Columns where there is no terminal to ask.
const COLUMNS_DEFAULT: usize = 80;

/// Columns of standard output.
pub(super) fn width() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stdout());
    size.ok()
        .map(|size| usize::from(size.ws_col))
        .filter(|columns| *columns > 0)
        .unwrap_or(COLUMNS_DEFAULT)
}

/// Whether standard output is a terminal that is not to be left without colour (no-color.org).
pub(super) fn is_coloured() -> bool {
    let is_off = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    std::io::stdout().is_terminal() && !is_off && !is_dumb
}
