//! Words that say something about what stands beside them: units, days and months, names of things that have names.

/// Lower-case, behind a number.
const UNITS: [&str; 40] = [
    "b", "kb", "mb", "gb", "tb", "kib", "mib", "gib", "tib", "k", "m", "g", "ns", "us", "ms", "s", "sec",
    "secs", "second", "seconds", "min", "mins", "minute", "minutes", "h", "hour", "hours", "day", "days",
    "hz", "khz", "mhz", "ghz", "bit", "bits", "byte", "bytes", "percent", "am", "pm",
];

const CALENDAR: [&str; 37] = [
    "mon",
    "tue",
    "wed",
    "thu",
    "fri",
    "sat",
    "sun",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
    "january",
    "february",
    "march",
    "april",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// What follows such a word is most often the name of one of many.
const NAMED_THINGS: [&str; 44] = [
    "user",
    "username",
    "login",
    "account",
    "host",
    "hostname",
    "server",
    "client",
    "node",
    "machine",
    "device",
    "disk",
    "interface",
    "port",
    "file",
    "filename",
    "path",
    "directory",
    "folder",
    "name",
    "id",
    "key",
    "job",
    "task",
    "process",
    "service",
    "domain",
    "address",
    "url",
    "uri",
    "group",
    "role",
    "table",
    "database",
    "topic",
    "queue",
    "container",
    "pod",
    "image",
    "package",
    "module",
    "class",
    "session",
    "member",
];

/// Values of switches. Two lines that differ by one of these say different things.
const SWITCHES: [&str; 11] = [
    "true", "false", "yes", "no", "on", "off", "null", "none", "nil", "enabled", "disabled",
];

const LONGEST: usize = 9;

/// Whether a word behind a number is the number's unit.
pub(super) fn is_unit(word: &[u8]) -> bool {
    word.len() <= 7 && is_one_of(&UNITS, word)
}

/// Whether a word is the name of a day or a month.
pub(super) fn is_calendar(word: &[u8]) -> bool {
    (3..=LONGEST).contains(&word.len()) && is_one_of(&CALENDAR, word)
}

/// Whether a word announces a name.
pub(super) fn announces_a_name(word: &str) -> bool {
    is_one_of(&NAMED_THINGS, word.as_bytes())
}

/// Whether a word is the value of a switch.
pub(super) fn is_switch(word: &str) -> bool {
    is_one_of(&SWITCHES, word.as_bytes())
}

fn is_one_of(words: &[&str], word: &[u8]) -> bool {
    words
        .iter()
        .any(|known| known.len() == word.len() && known.as_bytes().eq_ignore_ascii_case(word))
}
