//! The program under test as child processes: commands that end, and ones that run until they are
//! killed. Whatever was started is killed by its own id when its handle is dropped.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longest wait for a command that ends by itself.
const COMMAND_MAX: Duration = Duration::from_secs(120);
/// Lines of a long-running process that are kept for the report of a failure.
const LINES_KEPT: usize = 4_000;
/// Lines of them that are printed.
const LINES_SHOWN: usize = 60;

/// The folder that cargo puts this workspace's programs into: this test's own grandparent.
pub(crate) fn target() -> PathBuf {
    let own = std::env::current_exe().expect("a test knows its own path");
    own.parent().and_then(Path::parent).expect("a test lies in target/PROFILE/deps").to_owned()
}

/// The program under test.
pub(crate) fn stockade() -> PathBuf {
    let path = target().join("stockade");
    assert!(
        path.is_file(),
        "{} is missing: run `cargo build -p stockade-app` first (`cargo xtask test` does)",
        path.display()
    );
    path
}

/// Waits until `look` gives something; panics with `what` at the deadline.
pub(crate) async fn until<T>(
    what: &str,
    limit: Duration,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "not seen within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What the program runs in: its variables, and nothing of the caller's but the way to programs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surroundings {
    variables: Vec<(String, String)>,
}

impl Surroundings {
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// A command with these surroundings.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(stockade());
        command.args(arguments).env_clear().stdin(Stdio::null());
        for name in ["PATH", "HOME", "USER", "TMPDIR", "LANG", "STOCKADE_PG_BIN"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Finished {
        self.run_within(arguments, COMMAND_MAX).await
    }

    /// Runs a command that may take long to its end.
    pub(crate) async fn run_within(&self, arguments: &[&str], limit: Duration) -> Finished {
        let mut command = tokio::process::Command::from(self.command(arguments));
        command.kill_on_drop(true);
        let asked = arguments.join(" ");
        let output = tokio::time::timeout(limit, command.output()).await;
        let output =
            output.unwrap_or_else(|_| panic!("stockade {asked}: not ended within {limit:?}"));
        let output = output.unwrap_or_else(|error| panic!("stockade {asked}: {error}"));
        Finished {
            asked,
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Starts a command that runs on.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        Running::new(self.command(arguments), &format!("stockade {}", arguments.join(" ")))
    }
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) asked: String,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    /// It must have ended well.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.ended(0)
    }

    /// It must have ended with this code.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "stockade {}\n{}\n{}",
            self.asked,
            self.stdout,
            self.stderr
        );
        self
    }

    /// Its one document.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!("stockade {}: {error}\n{}\n{}", self.asked, self.stdout, self.stderr)
        })
    }

    /// Its error must hold each of these words.
    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(
                self.stderr.contains(word),
                "stockade {}: \"{word}\" is not in\n{}",
                self.asked,
                self.stderr
            );
        }
        self
    }
}

/// A process that runs on; killed when dropped. After a failed test its last lines are printed.
#[derive(Debug)]
pub(crate) struct Running {
    name: String,
    child: Child,
    lines: Arc<Mutex<VecDeque<String>>>,
    output: Arc<Mutex<VecDeque<String>>>,
}

impl Running {
    pub(crate) fn new(mut command: Command, name: &str) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
        let lines = keep(child.stderr.take().expect("stderr is piped"));
        let output = keep(child.stdout.take().expect("stdout is piped"));
        Self { name: name.to_owned(), child, lines, output }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// kill -9, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end in order.
    pub(crate) fn terminate(&self) {
        signal(self.pid(), "TERM");
    }

    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be asked")
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn wait(&mut self, limit: Duration) -> ExitStatus {
        let end = Instant::now() + limit;
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(
                Instant::now() < end,
                "{} has not ended within {limit:?}\n{}",
                self.name,
                self.errors()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The last lines of its stderr.
    pub(crate) fn errors(&self) -> String {
        text(&self.lines)
    }

    /// The last lines of its stdout.
    pub(crate) fn printed(&self) -> String {
        text(&self.output)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let errors = self.errors();
            let lines: Vec<&str> = errors.lines().collect();
            let shown = lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n");
            eprintln!("--- the last lines of {} (pid {}):\n{shown}", self.name, self.pid());
        }
        self.kill();
    }
}

/// Sends a signal to one process.
pub(crate) fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
    assert!(status.is_ok_and(|status| status.success()), "process {pid} can't be sent SIG{name}");
}

fn text(lines: &Mutex<VecDeque<String>>) -> String {
    let lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
    lines.iter().cloned().collect::<Vec<_>>().join("\n")
}

/// Reads a pipe to its end, so that the writer never waits; keeps the last lines.
fn keep(pipe: impl std::io::Read + Send + 'static) -> Arc<Mutex<VecDeque<String>>> {
    let lines: Arc<Mutex<VecDeque<String>>> = Arc::default();
    let kept = Arc::clone(&lines);
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            let mut lines = kept.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() == LINES_KEPT {
                lines.pop_front();
            }
            lines.push_back(String::from_utf8_lossy(&line).into_owned());
        }
    });
    lines
}

/// Where an exchange that was started listens: the first loopback address that it prints.
pub(crate) async fn address(exchange: &mut Running) -> String {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let said = format!("{}\n{}", exchange.printed(), exchange.errors());
        let mut ports = said
            .split("127.0.0.1:")
            .skip(1)
            .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
        if let Some(port) = ports.find(|port| !port.is_empty() && port != "0") {
            return format!("http://127.0.0.1:{port}");
        }
        if let Some(status) = exchange.ended() {
            panic!("the exchange has ended: {status}\n{said}");
        }
        assert!(Instant::now() < end, "the exchange prints no address\n{said}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
