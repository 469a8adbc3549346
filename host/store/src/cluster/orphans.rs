//! What a killed server leaves behind: its children.
//!
//! A child notices that its parent is gone only when it next waits; until the last one has ended it
//! holds the shared memory, and no new server starts. They are told to end at once, as their parent
//! would have told them (SIGQUIT, and SIGKILL for one that doesn't listen): what they had
//! committed is in the log on disk, what they had not is undone by recovery.
//!
//! Only processes of this cluster are touched: of the server's user, working in this data folder,
//! under the title that PostgreSQL gives its children and never its server. A process is held by a
//! descriptor before it is looked at, so that its number can't become another's in between. Where
//! there is no `/proc` nothing is done: the children then end by themselves, within seconds.

use std::path::Path;
use std::time::Duration;

use super::user::ServerUser;

/// How long a child may take to end in order.
const QUIT_FOR: Duration = Duration::from_millis(300);
/// How long the system may take to clear away what was killed.
const GONE_FOR: Duration = Duration::from_secs(2);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);

/// Ends the children that a dead server has left in `data`. The caller holds the data folder's
/// lock and knows that the server is dead.
#[cfg(target_os = "linux")]
pub(crate) fn end(data: &Path, user: ServerUser) {
    use rustix::process::{Signal, pidfd_send_signal};
    let Ok(data) = data.canonicalize() else { return };
    for (signal, patience) in [(Signal::QUIT, QUIT_FOR), (Signal::KILL, GONE_FOR)] {
        let left = children(&data, user);
        if left.is_empty() {
            return;
        }
        tracing::warn!(processes = left.len(), ?signal, "a dead PostgreSQL's children are ended");
        for child in &left {
            // One that has just gone needs no signal.
            let _ = pidfd_send_signal(child, signal);
        }
        let until = std::time::Instant::now() + patience;
        while !children(&data, user).is_empty() && std::time::Instant::now() < until {
            std::thread::sleep(LOOK);
        }
    }
}

/// Without `/proc` nobody can tell whose child a process is.
#[cfg(not(target_os = "linux"))]
pub(crate) fn end(_data: &Path, _user: ServerUser) {}

#[cfg(target_os = "linux")]
fn children(data: &Path, user: ServerUser) -> Vec<std::os::fd::OwnedFd> {
    use rustix::process::{Pid, PidfdFlags, pidfd_open};
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers
        .filter_map(|number| {
            // Most processes are others': looked at before the descriptor, to save it, and again
            // behind it, to be sure.
            let proc = Path::new("/proc").join(number.to_string());
            if !is_child(&proc, data, user) {
                return None;
            }
            let held = pidfd_open(Pid::from_raw(number)?, PidfdFlags::empty()).ok()?;
            is_child(&proc, data, user).then_some(held)
        })
        .collect()
}

#[cfg(target_os = "linux")]
fn is_child(proc: &Path, data: &Path, user: ServerUser) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let owned = proc.metadata().is_ok_and(|metadata| metadata.uid() == user.uid);
    // A zombie has neither a folder nor a title: it holds nothing any more.
    owned
        && std::fs::read_link(proc.join("cwd")).is_ok_and(|folder| folder == data)
        && std::fs::read(proc.join("cmdline")).is_ok_and(|title| title.starts_with(b"postgres: "))
}
