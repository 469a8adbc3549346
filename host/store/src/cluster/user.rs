//! The user that the server runs under.

use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use super::{ClusterError, file_error};

/// Who runs the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServerUser {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Whether this process is root and must step down for it.
    pub(crate) step_down: bool,
}

impl ServerUser {
    /// This process's user, or for root the first of `postgres` and `nobody` that exists.
    pub(crate) fn find() -> Result<Self, ClusterError> {
        // A file of our own tells who we are, without a system call that needs unsafe code.
        let probe = tempfile::NamedTempFile::new()
            .and_then(|file| file.as_file().metadata())
            .map_err(file_error(&std::env::temp_dir(), "can't be written"))?;
        if probe.uid() != 0 {
            return Ok(Self { uid: probe.uid(), gid: probe.gid(), step_down: false });
        }
        let named =
            |name| Some(Self { uid: id("-u", name)?, gid: id("-g", name)?, step_down: true });
        named("postgres").or_else(|| named("nobody")).ok_or(ClusterError::NoUser)
    }

    /// A command that runs as this user, in a folder that it can enter. Setting the user drops
    /// root's other groups.
    pub(crate) fn command(self, program: &std::path::Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/");
        if self.step_down {
            command.gid(self.gid).uid(self.uid);
        }
        command
    }
}

fn id(which: &str, name: &str) -> Option<u32> {
    let output = Command::new("id").args([which, name]).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
