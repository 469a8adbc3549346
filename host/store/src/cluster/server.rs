//! The server itself: made, started, adopted, stopped. Callers hold the data folder's lock.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::place::Place;
use super::{ClusterError, USER, binaries, file_error, orphans};
use crate::limits;

/// Rewritten at each start, so that a newer binary's settings hold.
const SETTINGS: &str = "\
# Written by stockade at each start.
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 200
shared_buffers = 128MB
fsync = on
synchronous_commit = on
full_page_writes = on
max_wal_size = 2GB
jit = off
log_line_prefix = '%m [%p] %a '
";

/// Before recovery everything in the data folder is brought to the disk. One call for the whole file
/// system does it in a tenth of the time that a thousand files one by one take, where there is such a
/// call.
const RECOVERY: &str =
    if cfg!(target_os = "linux") { "recovery_init_sync_method = syncfs\n" } else { "" };

/// A server and its programs.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    place: Place,
    programs: PathBuf,
}

impl Server {
    pub(crate) fn new(place: Place) -> Result<Self, ClusterError> {
        let programs = binaries::find()?;
        Ok(Self { place, programs })
    }

    pub(crate) const fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn programs(&self) -> &Path {
        &self.programs
    }

    /// Starts the server unless it runs.
    pub(crate) fn ensure_running(&self) -> Result<(), ClusterError> {
        if !self.place.data.join("PG_VERSION").exists() {
            self.make()?;
        }
        if self.runs() {
            return Ok(());
        }
        self.write_settings()?;
        let started = Instant::now();
        loop {
            // After a kill -9 the server's children hold its shared memory until they end.
            orphans::end(&self.place.data, self.place.user);
            self.forget_dead_server()?;
            let Err(error) = self.start() else {
                return Ok(());
            };
            // Where they could not be ended they take a moment to notice by themselves.
            if started.elapsed() >= limits::CLUSTER_START_FOR / 4 || self.runs() {
                return if self.runs() { Ok(()) } else { Err(error) };
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Makes a cluster beside its place and moves it there whole: a half-made one is never used.
    fn make(&self) -> Result<(), ClusterError> {
        let making = self.place.folder.join("data.making");
        if making.exists() {
            fs::remove_dir_all(&making).map_err(file_error(&making, "can't be removed"))?;
        }
        let mut command = self.program("initdb");
        command.arg("-D").arg(&making).args(["-U", USER, "--auth=trust"]);
        command.args(["--encoding=UTF8", "--no-locale", "--data-checksums"]);
        self.run("initdb", command)?;
        let configuration = making.join("postgresql.conf");
        let mut text = fs::read_to_string(&configuration)
            .map_err(file_error(&configuration, "can't be read"))?;
        text.push_str("\ninclude = 'stockade.conf'\n");
        fs::write(&configuration, text).map_err(file_error(&configuration, "can't be written"))?;
        fs::rename(&making, &self.place.data).map_err(file_error(&making, "can't be moved"))
    }

    fn write_settings(&self) -> Result<(), ClusterError> {
        let path = self.place.data.join("stockade.conf");
        let socket = self.place.socket.display().to_string().replace('\'', "''");
        let text = format!("{SETTINGS}{RECOVERY}unix_socket_directories = '{socket}'\n");
        if fs::read_to_string(&path).is_ok_and(|present| present == text) {
            return Ok(());
        }
        // Whole or not at all: on a full disk a server must not start with half of its settings.
        let half = self.place.data.join("stockade.conf.new");
        fs::write(&half, text).map_err(file_error(&half, "can't be written"))?;
        fs::rename(&half, &path).map_err(file_error(&path, "can't be replaced"))
    }

    fn start(&self) -> Result<(), ClusterError> {
        let mut command = self.program("pg_ctl");
        let seconds = limits::CLUSTER_START_FOR.as_secs().to_string();
        command.args(["start", "-w", "-s", "-t", &seconds]).arg("-D").arg(&self.place.data);
        command.arg("-l").arg(&self.place.log);
        self.run("pg_ctl start", command)
    }

    pub(crate) fn stop(&self) -> Result<(), ClusterError> {
        if !self.runs() {
            return Ok(());
        }
        let mut command = self.program("pg_ctl");
        command.args(["stop", "-w", "-s", "-m", "fast", "-D"]).arg(&self.place.data);
        self.run("pg_ctl stop", command)
    }

    /// Whether the server that the pid file names runs.
    pub(crate) fn runs(&self) -> bool {
        self.pid().is_some_and(is_postgres)
    }

    /// The process id in the server's pid file.
    pub(crate) fn pid(&self) -> Option<u32> {
        let text = fs::read_to_string(self.place.data.join("postmaster.pid")).ok()?;
        text.lines().next()?.trim().parse().ok()
    }

    /// Removes the pid file of a server that is dead for certain. PostgreSQL does this itself,
    /// except where something has its number: another process, after a restart of the machine or
    /// container, or the dead server itself, until its parent takes note of its end (in a container
    /// whose first process doesn't, that is never). Children that are left are still found by the
    /// new server: it looks at the shared memory of the data folder as well.
    fn forget_dead_server(&self) -> Result<(), ClusterError> {
        let Some(pid) = self.pid() else { return Ok(()) };
        if is_known(pid) && !is_postgres(pid) {
            let path = self.place.data.join("postmaster.pid");
            fs::remove_file(&path).map_err(file_error(&path, "can't be removed"))?;
        }
        Ok(())
    }

    fn program(&self, name: &str) -> Command {
        let mut command = self.place.user.command(&self.programs.join(name));
        command.stdin(Stdio::null());
        // A server started under a test or a service must not take its settings from there.
        for name in ["PGDATA", "PGHOST", "PGPORT", "PGOPTIONS", "PGUSER", "PGDATABASE"] {
            command.env_remove(name);
        }
        command
    }

    fn run(&self, program: &'static str, mut command: Command) -> Result<(), ClusterError> {
        // Files, not pipes: the server inherits what pg_ctl has, and would keep a pipe open.
        let capture =
            tempfile::tempfile().map_err(file_error(&std::env::temp_dir(), "can't be written"))?;
        let copy =
            || capture.try_clone().map_err(file_error(&self.place.folder, "can't be shared"));
        command.stdout(copy()?).stderr(copy()?);
        let status = command.status().map_err(file_error(&self.programs, "can't be run"))?;
        if status.success() {
            return Ok(());
        }
        let said = read_again(capture);
        let log = tail(&self.place.log);
        let message = format!("{status}: {said}{log}");
        Err(ClusterError::Program { program, message })
    }
}

fn read_again(mut file: fs::File) -> String {
    use std::io::{Read as _, Seek as _};
    let mut text = Vec::new();
    let read = file.rewind().and_then(|()| file.read_to_end(&mut text));
    read.map(|_| String::from_utf8_lossy(&text).trim().to_owned()).unwrap_or_default()
}

/// The last lines of the server's log.
fn tail(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(5).collect();
    lines.iter().rev().map(|line| format!("\n{line}")).collect()
}

/// Whether the system has a process of this number, dead ones that nobody has waited for included.
fn is_known(pid: u32) -> bool {
    if Path::new("/proc/self").exists() {
        return Path::new(&format!("/proc/{pid}")).exists();
    }
    let output = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output();
    output.is_ok_and(|output| !output.stdout.trim_ascii().is_empty())
}

fn is_postgres(pid: u32) -> bool {
    ps(pid).is_some_and(|name| name.contains("postgres") || name.contains("postmaster"))
}

/// The name of a living process; a dead one that nobody has waited for doesn't live.
fn ps(pid: u32) -> Option<String> {
    if let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) {
        let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
        return (!rest.trim_start().starts_with(['Z', 'X'])).then(|| name.to_owned());
    }
    if Path::new("/proc/self").exists() {
        return None;
    }
    let output: Output =
        Command::new("ps").args(["-o", "stat=,comm=", "-p", &pid.to_string()]).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (!text.is_empty() && !text.starts_with('Z')).then_some(text)
}
