//! Where a bot was when it was stopped: its own functions, by the names in its component.
//!
//! The names are those of the name section; the profile that the bots are built with keeps it, and a
//! component without one gives the functions' numbers.

use wasmtime::WasmBacktrace;

use crate::log::{clip, escape};

/// Functions that are told of: the innermost ones tell the most, and a line has to stay readable.
const FRAMES_MAX: usize = 12;
/// Bytes of a function's name that are kept.
const NAME_BYTES_MAX: usize = 120;

/// The functions of an error, the innermost first. Recursion shows once, with its depth.
pub(crate) fn of(error: &wasmtime::Error) -> Vec<String> {
    let Some(found) = error.downcast_ref::<WasmBacktrace>() else {
        return Vec::new();
    };
    let mut named: Vec<(String, usize)> = Vec::new();
    for frame in found.frames() {
        let name = match frame.func_name() {
            Some(name) => spoken(name),
            None => format!("function {}", frame.func_index()),
        };
        match named.last_mut() {
            Some((last, times)) if *last == name => *times += 1,
            _ => named.push((name, 1)),
        }
    }
    named.truncate(FRAMES_MAX);
    let line = |(name, times)| if times > 1 { format!("{name} (x{times})") } else { name };
    named.into_iter().map(line).collect()
}

/// A name as its author wrote it, without what a terminal acts on.
fn spoken(name: &str) -> String {
    // The alternate form leaves the compiler's hash out.
    let plain = format!("{:#}", rustc_demangle::demangle(name));
    escape(clip(&plain, NAME_BYTES_MAX))
}

/// The error without the runtime's own picture of the stack.
pub(crate) fn cause_alone(error: &wasmtime::Error) -> String {
    let has_stack = error.downcast_ref::<WasmBacktrace>().is_some();
    let texts: Vec<String> = error.chain().map(ToString::to_string).collect();
    let stack = |text: &&String| has_stack && text.contains("wasm backtrace");
    let told: Vec<&str> = texts.iter().filter(|text| !stack(text)).map(String::as_str).collect();
    told.join(": ")
}
