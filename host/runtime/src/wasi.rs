//! WASI 0.2 as the standard libraries of Rust, Python and JavaScript import it, with nothing
//! behind it: the clock shows the event's time, randomness comes from the bot's seed, output goes
//! to its log, there are no files and no network, and whoever would wait traps.
//!
//! Functions that the interfaces have and no bot can need (all of `filesystem/types`, since there
//! is no descriptor to call them with) trap by name.

use stockade_core::Timestamp;
use wasmtime::StoreContextMut;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{
    Component, ComponentType, Lift, Linker, LinkerInstance, Lower, Resource, ResourceType,
};

use crate::call::Cause;
use crate::host::Host;
use crate::log::LogLevel;

/// Interfaces that a component may import, without their version.
const INTERFACES: [&str; 21] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/timezone",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
];

/// Bytes of an unfinished line of output that are kept.
const PARTIAL_MAX: usize = 4_096;
/// Numbers of pollables that are ready, or never will be.
const READY: u32 = 1;
const NEVER: u32 = 2;
/// Numbers of the two output streams.
const STDOUT: u32 = 1;
const STDERR: u32 = 2;
/// What `check-write` allows at once.
const WRITE_MAX: u64 = 4_096;

struct Pollable;
struct IoError;
struct InputStream;
struct OutputStream;
struct Nothing;

type Cx<'a> = StoreContextMut<'a, Host>;

/// What WASI keeps for a bot.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) now: Timestamp,
    random: u64,
    out: Vec<u8>,
    err: Vec<u8>,
    handles: u64,
}

impl State {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { now: Timestamp(0), random: seed, out: Vec::new(), err: Vec::new(), handles: 0 }
    }

    /// Handles that the bot has made and not dropped.
    pub(crate) const fn handles(&self) -> u64 {
        self.handles
    }

    /// SplitMix64: plain, seeded, and the same everywhere.
    const fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn nanos(&self) -> u64 {
        u64::try_from(self.now.0).unwrap_or(0)
    }
}

#[derive(ComponentType, Lift, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    LastOperationFailed(Resource<IoError>),
    #[component(name = "closed")]
    Closed,
}

/// Whether an import is WASI's and lawful; the version counts as far as 0.2.
pub(crate) fn is_allowed(import: &str) -> bool {
    import
        .split_once('@')
        .is_some_and(|(name, version)| INTERFACES.contains(&name) && version.starts_with("0.2."))
}

/// Defines what `component` imports of WASI.
pub(crate) fn define(
    linker: &mut Linker<Host>,
    component: &Component,
    engine: &wasmtime::Engine,
) -> wasmtime::Result<()> {
    for (import, item) in component.component_type().imports(engine) {
        let ComponentItem::ComponentInstance(interface) = item.ty else {
            continue;
        };
        if !is_allowed(import) {
            continue;
        }
        let name = import.split('@').next().unwrap_or(import);
        let mut instance = linker.instance(import)?;
        for (member, item) in interface.exports(engine) {
            match item.ty {
                ComponentItem::Resource(_) => resource(&mut instance, member)?,
                ComponentItem::ComponentFunc(_) if !function(&mut instance, name, member)? => {
                    trap(&mut instance, name, member)?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn resource(instance: &mut LinkerInstance<'_, Host>, name: &str) -> wasmtime::Result<()> {
    let kind = match name {
        "pollable" => ResourceType::host::<Pollable>(),
        "error" => ResourceType::host::<IoError>(),
        "input-stream" => ResourceType::host::<InputStream>(),
        "output-stream" => ResourceType::host::<OutputStream>(),
        _ => ResourceType::host::<Nothing>(),
    };
    instance.resource(name, kind, |mut cx: Cx<'_>, _| {
        let host = cx.data_mut();
        host.wasi.handles = host.wasi.handles.saturating_sub(1);
        Ok(())
    })
}

fn trap(
    instance: &mut LinkerInstance<'_, Host>,
    interface: &str,
    name: &str,
) -> wasmtime::Result<()> {
    let what = format!("{interface}#{name} is not there for bots");
    instance.func_new(name, move |mut cx: Cx<'_>, _, _, _| {
        cx.data_mut().stop(Cause::Trap { what: what.clone() })
    })
}

/// Counts a host call and a new handle.
fn handle<T: 'static>(host: &mut Host, number: u32) -> wasmtime::Result<(Resource<T>,)> {
    host.charge(0)?;
    host.wasi.handles += 1;
    let (found, allowed) = (host.wasi.handles, u64::from(host.limits.handles));
    if found > allowed {
        let what = "handles of host resources:";
        return host.stop(Cause::Limit { what, found, allowed, setting: "handles" });
    }
    Ok((Resource::new_own(number),))
}

/// Defines a function that a bot can use; `false` when it is none of those.
fn function(
    instance: &mut LinkerInstance<'_, Host>,
    interface: &str,
    name: &str,
) -> wasmtime::Result<bool> {
    let short = interface.trim_start_matches("wasi:");
    match short {
        "cli/environment" | "cli/exit" | "filesystem/preopens" => surroundings(instance, name),
        "clocks/monotonic-clock" | "clocks/wall-clock" => clock(instance, short, name),
        "random/random" | "random/insecure" | "random/insecure-seed" => random(instance, name),
        "io/poll" => poll(instance, name),
        "io/streams" => streams(instance, name),
        "cli/stdin" | "cli/stdout" | "cli/stderr" => standard_streams(instance, name),
        "cli/terminal-stdin" | "cli/terminal-stdout" | "cli/terminal-stderr" => {
            instance.func_wrap(name, |mut cx: Cx<'_>, (): ()| {
                cx.data_mut().charge(0)?;
                Ok((None::<Resource<Nothing>>,))
            })?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

fn surroundings(instance: &mut LinkerInstance<'_, Host>, name: &str) -> wasmtime::Result<bool> {
    match name {
        "get-environment" => {
            instance.func_wrap(name, |_: Cx<'_>, (): ()| Ok((Vec::<(String, String)>::new(),)))?;
        }
        "get-arguments" => {
            instance.func_wrap(name, |_: Cx<'_>, (): ()| Ok((Vec::<String>::new(),)))?;
        }
        "initial-cwd" => {
            instance.func_wrap(name, |_: Cx<'_>, (): ()| Ok((None::<String>,)))?;
        }
        "get-directories" => {
            let none = |_: Cx<'_>, (): ()| Ok((Vec::<(Resource<Nothing>, String)>::new(),));
            instance.func_wrap(name, none)?;
        }
        "exit" => {
            instance.func_wrap(name, |mut cx: Cx<'_>, (status,): (Result<(), ()>,)| {
                let what =
                    format!("it called exit ({})", if status.is_ok() { "ok" } else { "error" });
                cx.data_mut().stop::<()>(Cause::Trap { what })
            })?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn clock(
    instance: &mut LinkerInstance<'_, Host>,
    interface: &str,
    name: &str,
) -> wasmtime::Result<bool> {
    match (interface, name) {
        ("clocks/wall-clock", "now") => {
            instance.func_wrap(name, |mut cx: Cx<'_>, (): ()| {
                cx.data_mut().charge(0)?;
                let nanos = cx.data().wasi.nanos();
                let nanoseconds = u32::try_from(nanos % 1_000_000_000)?;
                Ok((Datetime { seconds: nanos / 1_000_000_000, nanoseconds },))
            })?;
        }
        ("clocks/wall-clock", "resolution") => {
            instance.func_wrap(name, |_: Cx<'_>, (): ()| {
                Ok((Datetime { seconds: 0, nanoseconds: 1 },))
            })?;
        }
        (_, "now") => {
            instance.func_wrap(name, |mut cx: Cx<'_>, (): ()| {
                cx.data_mut().charge(0)?;
                Ok((cx.data().wasi.nanos(),))
            })?;
        }
        (_, "resolution") => {
            instance.func_wrap(name, |_: Cx<'_>, (): ()| Ok((1_u64,)))?;
        }
        (_, "subscribe-duration") => {
            instance.func_wrap(name, |mut cx: Cx<'_>, (nanos,): (u64,)| {
                handle::<Pollable>(cx.data_mut(), if nanos == 0 { READY } else { NEVER })
            })?;
        }
        (_, "subscribe-instant") => {
            instance.func_wrap(name, |mut cx: Cx<'_>, (at,): (u64,)| {
                let ready = at <= cx.data().wasi.nanos();
                handle::<Pollable>(cx.data_mut(), if ready { READY } else { NEVER })
            })?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn random(instance: &mut LinkerInstance<'_, Host>, name: &str) -> wasmtime::Result<bool> {
    match name {
        "get-random-bytes" | "get-insecure-random-bytes" => {
            instance.func_wrap(name, |mut cx: Cx<'_>, (len,): (u64,)| {
                let host = cx.data_mut();
                let (found, allowed) = (len, u64::from(host.limits.host_bytes));
                if found > allowed {
                    let what = "random bytes of one host call:";
                    return host.stop(Cause::Limit { what, found, allowed, setting: "host_bytes" });
                }
                let len = usize::try_from(len)?;
                host.charge(len / 8)?;
                let bytes: Vec<u8> = (0..len.div_ceil(8))
                    .flat_map(|_| host.wasi.random().to_le_bytes())
                    .take(len)
                    .collect();
                Ok((bytes,))
            })?;
        }
        "get-random-u64" | "get-insecure-random-u64" => {
            instance.func_wrap(name, |mut cx: Cx<'_>, (): ()| {
                cx.data_mut().charge(0)?;
                Ok((cx.data_mut().wasi.random(),))
            })?;
        }
        "insecure-seed" | "get-insecure-seed" => {
            instance.func_wrap(name, |mut cx: Cx<'_>, (): ()| {
                let wasi = &mut cx.data_mut().wasi;
                Ok(((wasi.random(), wasi.random()),))
            })?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn poll(instance: &mut LinkerInstance<'_, Host>, name: &str) -> wasmtime::Result<bool> {
    let waits =
        || Cause::Trap { what: "it waited: nothing that it waits for can happen".to_owned() };
    match name {
        "[method]pollable.ready" => {
            instance.func_wrap(name, |mut cx: Cx<'_>, (this,): (Resource<Pollable>,)| {
                cx.data_mut().charge(0)?;
                Ok((this.rep() == READY,))
            })?;
        }
        "[method]pollable.block" => {
            instance.func_wrap(name, move |mut cx: Cx<'_>, (this,): (Resource<Pollable>,)| {
                cx.data_mut().charge(0)?;
                if this.rep() == READY { Ok(()) } else { cx.data_mut().stop(waits()) }
            })?;
        }
        "poll" => {
            instance.func_wrap(
                name,
                move |mut cx: Cx<'_>, (list,): (Vec<Resource<Pollable>>,)| {
                    cx.data_mut().charge(list.len())?;
                    let ready = list.iter().zip(0_u32..).filter(|(item, _)| item.rep() == READY);
                    let ready: Vec<u32> = ready.map(|(_, index)| index).collect();
                    if ready.is_empty() { cx.data_mut().stop(waits()) } else { Ok((ready,)) }
                },
            )?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn standard_streams(instance: &mut LinkerInstance<'_, Host>, name: &str) -> wasmtime::Result<bool> {
    match name {
        "get-stdin" => {
            instance.func_wrap(name, |mut cx: Cx<'_>, (): ()| {
                handle::<InputStream>(cx.data_mut(), 0)
            })?;
        }
        "get-stdout" => {
            instance.func_wrap(name, |mut cx: Cx<'_>, (): ()| {
                handle::<OutputStream>(cx.data_mut(), STDOUT)
            })?;
        }
        "get-stderr" => {
            instance.func_wrap(name, |mut cx: Cx<'_>, (): ()| {
                handle::<OutputStream>(cx.data_mut(), STDERR)
            })?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn streams(instance: &mut LinkerInstance<'_, Host>, name: &str) -> wasmtime::Result<bool> {
    type Out = Resource<OutputStream>;
    match name {
        "[method]input-stream.read" | "[method]input-stream.blocking-read" => {
            instance.func_wrap(name, |mut cx: Cx<'_>, _: (Resource<InputStream>, u64)| {
                cx.data_mut().charge(0)?;
                Ok((Err::<Vec<u8>, _>(StreamError::Closed),))
            })?;
        }
        "[method]input-stream.subscribe" => {
            instance.func_wrap(name, |mut cx: Cx<'_>, _: (Resource<InputStream>,)| {
                handle::<Pollable>(cx.data_mut(), READY)
            })?;
        }
        "[method]output-stream.subscribe" => {
            instance.func_wrap(name, |mut cx: Cx<'_>, _: (Out,)| {
                handle::<Pollable>(cx.data_mut(), READY)
            })?;
        }
        "[method]output-stream.check-write" => {
            instance.func_wrap(name, |mut cx: Cx<'_>, _: (Out,)| {
                cx.data_mut().charge(0)?;
                Ok((Ok::<u64, StreamError>(WRITE_MAX),))
            })?;
        }
        "[method]output-stream.write" | "[method]output-stream.blocking-write-and-flush" => {
            instance.func_wrap(name, |mut cx: Cx<'_>, (this, bytes): (Out, Vec<u8>)| {
                cx.data_mut().charge(0)?;
                write(cx.data_mut(), this.rep(), &bytes);
                Ok((Ok::<(), StreamError>(()),))
            })?;
        }
        "[method]output-stream.flush" | "[method]output-stream.blocking-flush" => {
            instance.func_wrap(name, |mut cx: Cx<'_>, _: (Out,)| {
                cx.data_mut().charge(0)?;
                Ok((Ok::<(), StreamError>(()),))
            })?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Output becomes log lines; an unfinished line waits for its end.
fn write(host: &mut Host, stream: u32, bytes: &[u8]) {
    let (level, buffer) = if stream == STDERR {
        (LogLevel::Warn, &mut host.wasi.err)
    } else {
        (LogLevel::Info, &mut host.wasi.out)
    };
    buffer.extend_from_slice(bytes);
    let mut lines = Vec::new();
    while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
        lines.push(buffer.drain(..=end).collect::<Vec<u8>>());
    }
    if buffer.len() > PARTIAL_MAX {
        lines.push(std::mem::take(buffer));
    }
    for line in lines {
        let text = String::from_utf8_lossy(&line);
        host.log.add(
            level,
            text.trim_end_matches('\n'),
            host.limits.log_lines,
            host.limits.log_bytes,
        );
    }
}
