//! What people want to know of the few processes that are shown: command and owner.

use crate::limits;
use crate::roots::Roots;
use crate::text;

use super::folder::ProcFolder;
use super::users::Users;

/// Looks details up.
pub(super) struct Details {
    users: Users,
    with_arguments: bool,
}

/// Details of one process.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Detail {
    pub(super) command: String,
    pub(super) user: String,
}

impl Details {
    pub(super) fn new(roots: &Roots, with_arguments: bool) -> Self {
        Self {
            users: Users::new(roots.etc.join("passwd")),
            with_arguments,
        }
    }

    pub(super) fn refresh_users(&mut self) {
        self.users.refresh();
    }

    /// Reads them now: a process may take another command or another owner at any time.
    pub(super) fn of(&self, folder: &mut ProcFolder, pid: u32, name: &str) -> Detail {
        let executable = folder.link_of(pid, "exe");
        let command = folder
            .file_of(pid, "cmdline")
            .and_then(|line| shown(line, executable.as_deref(), self.with_arguments))
            .unwrap_or_else(|| name.to_owned());
        let user = folder.file_of(pid, "status").and_then(effective_user);
        Detail {
            command,
            user: user.map_or_else(String::new, |user| self.users.name_of(user)),
        }
    }
}

/// A command for people, of a command line whose arguments end with NUL each; `None` for processes without one.
///
/// Arguments often hold passwords and tokens, and some programs write them into the first argument too. So without
/// leave only the executable's path and the number of arguments are told.
pub(super) fn shown(line: &[u8], executable: Option<&[u8]>, with_arguments: bool) -> Option<String> {
    let line = line.strip_suffix(b"\0").unwrap_or(line);
    if line.is_empty() {
        return None;
    }
    let mut arguments = line.split(|byte| *byte == 0);
    let first = arguments.next()?;
    if with_arguments {
        let all = line
            .iter()
            .map(|byte| if byte.is_ascii_control() { b' ' } else { *byte });
        return Some(cut(&text::words(&all.collect::<Vec<u8>>())));
    }
    let linked = executable.map(|path| path.strip_suffix(b" (deleted)").unwrap_or(path));
    let path = linked.or_else(|| text::fields(first).next())?;
    let path = cut(&text::words(path));
    Some(match arguments.count() {
        0 => path,
        1 => format!("{path} (1 argument)"),
        count => format!("{path} ({count} arguments)"),
    })
}

/// The effective user of `/proc/PID/status`.
pub(super) fn effective_user(status: &[u8]) -> Option<u32> {
    let ids = text::lines(status).find_map(|line| line.strip_prefix(b"Uid:"))?;
    let id = text::fields(ids).nth(1).and_then(text::number)?;
    u32::try_from(id).ok()
}

fn cut(text: &str) -> String {
    let trimmed = text.trim();
    let end = trimmed.floor_char_boundary(limits::COMMAND_BYTES_MAX);
    trimmed.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &[u8] = b"/usr/bin/db --password=hunter2\0--port\x0099\0";

    #[test]
    fn arguments_are_only_counted_without_leave() {
        let check = |line: &[u8], executable: Option<&[u8]>, command: Option<&str>| {
            assert_eq!(shown(line, executable, false).as_deref(), command);
        };
        check(LINE, None, Some("/usr/bin/db (2 arguments)"));
        check(LINE, Some(b"/opt/db (deleted)"), Some("/opt/db (2 arguments)"));
        check(
            b"sleep\x001\0",
            Some(b"/bin/sleep"),
            Some("/bin/sleep (1 argument)"),
        );
        check(b"top\0", None, Some("top"));
        check(b"postgres: user secret [local]", None, Some("postgres:"));
        check(b"", Some(b"/x"), None);
        check(b"\0", None, None);
    }

    #[test]
    fn with_leave_the_whole_line_is_shown_up_to_a_length() {
        assert_eq!(
            shown(LINE, None, true).unwrap(),
            "/usr/bin/db --password=hunter2 --port 99"
        );
        let long = "é".repeat(limits::COMMAND_BYTES_MAX);
        let command = shown(long.as_bytes(), None, true).unwrap();
        assert!(command.len() <= limits::COMMAND_BYTES_MAX && command.starts_with('é'));
    }

    #[test]
    fn the_effective_user_is_the_second_number() {
        assert_eq!(effective_user(b"Name:\tx\nUid:\t1000\t0\t0\t0\n"), Some(0));
        assert_eq!(effective_user(b"Uid:\t1000\n"), None);
        assert_eq!(effective_user(b""), None);
    }
}
