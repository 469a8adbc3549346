//! Compiling apart: in a process with limits on time and memory, so that a component that is made to
//! be costly takes neither from those that trade.
//!
//! The process compiles into the cache that the host then loads from; nothing but the cache's own
//! files comes back. Without a cache there is nothing to hand over, and components are compiled in
//! the process itself.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit};
use wasmtime::component::Component;

use crate::engine::{Engine, EngineConfig};
use crate::load_error::LoadError;
use crate::log::{clip, escape};

/// Between two looks at the process.
const LOOK: Duration = Duration::from_millis(5);
/// The process gets so many times its processor time by the clock: it has a low priority.
const PATIENCE: u32 = 10;
/// Its niceness: below everything that trades.
const NICE: i32 = 10;
/// Bytes of what it says that are kept.
const SAID_BYTES_MAX: usize = 500;

/// How components are compiled apart.
#[derive(Debug, Clone)]
pub struct Apart {
    /// The program; it gets the component on its standard input and calls [`compile`].
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<std::ffi::OsString>,
    /// Seconds of processor time that it may take.
    pub seconds: u64,
    /// Bytes of address space that it may take.
    pub memory_bytes: u64,
}

impl Apart {
    /// Has a component compiled.
    pub(crate) fn compile(&self, component: &[u8]) -> Result<(), LoadError> {
        let failed = |message: String| LoadError::Compile { message };
        let mut process = Command::new(&self.program);
        process.args(&self.arguments);
        process.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let child = process.spawn();
        let mut child = child.map_err(|error| failed(format!("no process for it: {error}")))?;
        let mut errors = child.stderr.take();
        let said = std::thread::spawn(move || {
            let mut said = String::new();
            if let Some(errors) = &mut errors {
                // What can't be read is not said.
                let _ = errors.take(1 << 16).read_to_string(&mut said);
            }
            said
        });
        if let Some(mut input) = child.stdin.take() {
            // A process that has ended early says why by itself.
            let _ = input.write_all(component);
        }
        let ended = self.wait(&mut child).map_err(failed)?;
        let said = said.join().unwrap_or_default();
        if ended.success() {
            return Ok(());
        }
        Err(failed(self.why(ended, &said)))
    }

    fn wait(&self, child: &mut Child) -> Result<std::process::ExitStatus, String> {
        let until = Instant::now() + Duration::from_secs(self.seconds) * PATIENCE;
        loop {
            match child.try_wait() {
                Ok(Some(ended)) => return Ok(ended),
                Ok(None) if Instant::now() < until => std::thread::sleep(LOOK),
                Ok(None) => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(self.too_long());
                }
                Err(error) => return Err(format!("its process can't be waited for: {error}")),
            }
        }
    }

    fn too_long(&self) -> String {
        format!(
            "it takes more than the {} seconds of processor time that are allowed (bots.compile_seconds)",
            self.seconds
        )
    }

    fn why(&self, ended: std::process::ExitStatus, said: &str) -> String {
        use std::os::unix::process::ExitStatusExt;
        let said = escape(clip(said.trim(), SAID_BYTES_MAX));
        if said.contains("memory allocation") || said.contains("Cannot allocate memory") {
            let mib = self.memory_bytes >> 20;
            return format!(
                "it takes more than the {mib} MiB of memory that are allowed (bots.compile_memory_mib)"
            );
        }
        match ended.signal() {
            // The system's own end of a process that is beyond its time: SIGXCPU, then SIGKILL.
            Some(24 | 9) => self.too_long(),
            Some(signal) => format!("its process ended with signal {signal}: {said}"),
            None => said,
        }
    }
}

/// The other side: compiles the component on `input` into the cache, within limits that hold for this
/// whole process from now on.
///
/// # Errors
/// Why it can't be compiled, in words.
pub fn compile(
    config: &EngineConfig,
    (seconds, memory_bytes): (u64, u64),
    mut input: impl Read,
) -> Result<(), String> {
    // Where the system does not allow it, compiling only competes more.
    let _ = rustix::process::setpriority_process(None, NICE);
    for (resource, most) in [(Resource::Cpu, seconds), (Resource::As, memory_bytes)] {
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        rustix::process::setrlimit(resource, limit)
            .map_err(|error| format!("a limit can't be set: {error}"))?;
    }
    let mut component = Vec::new();
    input.read_to_end(&mut component).map_err(|error| error.to_string())?;
    let engine = Engine::new(config).map_err(|error| error.to_string())?;
    Component::new(&engine.wasm, &component).map(drop).map_err(|error| format!("{error:#}"))
}
