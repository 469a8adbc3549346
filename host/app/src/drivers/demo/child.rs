//! A child process of the tour: started by it, ended by its process id, killed when it is dropped.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{self, Command};

/// How long a child may take to end in good order.
const END_MAX: Duration = Duration::from_secs(15);
/// How long a child may take to say its first line.
const FIRST_LINE_MAX: Duration = Duration::from_secs(60);
/// Lines of a log that an error repeats.
const LOG_LINES: usize = 5;

/// A running child.
pub(super) struct Child {
    name: &'static str,
    process: process::Child,
    pid: u32,
    log: PathBuf,
}

impl Child {
    /// Starts it; what it logs goes to `log`.
    pub(super) fn start(name: &'static str, mut command: Command, log: &Path) -> Result<Self> {
        let file = File::options().create(true).append(true).open(log);
        let file = file.with_context(|| format!("{} can't be written", log.display()))?;
        // A group of its own: ctrl-C reaches the tour alone, which then ends its children in order.
        command.stdin(Stdio::null()).stderr(file).kill_on_drop(true).process_group(0);
        let process = command.spawn().with_context(|| format!("the {name} can't be started"))?;
        let pid = process.id().with_context(|| format!("the {name} has no process id"))?;
        Ok(Self { name, process, pid, log: log.to_owned() })
    }

    pub(super) const fn pid(&self) -> u32 {
        self.pid
    }

    /// The first line that it prints; its stdout has to be piped.
    pub(super) async fn first_line(&mut self) -> Result<String> {
        let stdout = self
            .process
            .stdout
            .take()
            .with_context(|| format!("the {} has no stdout", self.name))?;
        let mut lines = BufReader::new(stdout).lines();
        let line = tokio::time::timeout(FIRST_LINE_MAX, lines.next_line()).await;
        // Later lines are read, so that the child never waits for a reader.
        let read =
            tokio::spawn(async move { while matches!(lines.next_line().await, Ok(Some(_))) {} });
        drop(read);
        match line {
            Ok(Ok(Some(line))) => Ok(line),
            _ => bail!(
                "the {} said nothing within {FIRST_LINE_MAX:?}{}",
                self.name,
                self.last_words()
            ),
        }
    }

    /// An error where it has ended by itself.
    pub(super) fn check(&mut self) -> Result<()> {
        match self.process.try_wait()? {
            None => Ok(()),
            Some(status) => {
                bail!("the {} ended by itself with {status}{}", self.name, self.last_words())
            }
        }
    }

    /// kill -9, and waits until it is gone.
    pub(super) async fn kill(mut self) -> Result<()> {
        self.process.kill().await.with_context(|| format!("the {} can't be killed", self.name))
    }

    /// Asks it to end, and waits; one that doesn't is killed, which is an error.
    pub(super) async fn end(mut self) -> Result<()> {
        if self.process.try_wait()?.is_none() {
            let pid = i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw);
            let pid = pid.with_context(|| format!("the {} has no process id", self.name))?;
            // Not waited for yet, so the number is still this child's.
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)
                .with_context(|| format!("the {} can't be signalled", self.name))?;
        }
        let Ok(status) = tokio::time::timeout(END_MAX, self.process.wait()).await else {
            let _ = self.process.kill().await;
            bail!(
                "the {} did not end within {END_MAX:?} and was killed{}",
                self.name,
                self.last_words()
            );
        };
        let status = status?;
        if status.success() {
            return Ok(());
        }
        bail!("the {} ended with {status}{}", self.name, self.last_words())
    }

    /// The end of its log.
    fn last_words(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let last = &lines[lines.len().saturating_sub(LOG_LINES)..];
        if last.is_empty() {
            String::new()
        } else {
            format!("; its log ends with:\n{}", last.join("\n"))
        }
    }
}
