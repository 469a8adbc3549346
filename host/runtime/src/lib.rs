//! Bots as WebAssembly components: loading, limits, the capital capability, reload.
//!
//! What it guarantees: a bot asks for nothing but what its sleeve's view admits; every call ends,
//! within limits that its outcome names; a call that traps, loops or breaks a limit leaves nothing
//! behind, neither an intent nor a Store. Calls are synchronous and the same bytes, state and
//! events give the same answers on every machine.
//!
//! What it does not do: it keeps no books (`stockade-core`), decides nothing about strikes and
//! back-off (the desk does), and reads no clock of its own except to measure.

mod apart;
mod backtrace;
mod bench;
mod bot;
mod bucket;
mod bytes;
mod call;
mod contract;
mod convert;
mod describe;
mod engine;
mod events;
mod folder;
mod history;
mod host;
mod lent;
mod limits;
mod load_error;
mod log;
mod manifest;
mod package;
mod params;
mod plugin;
mod reload;
mod settle;
mod snapshot;
mod trust;
mod wasi;
mod wire;

pub use apart::{Apart, compile};
pub use bench::{CallOverhead, measure_call_overhead};
pub use bot::{Bot, BotConfig, BotError, BotInstrument};
pub use bytes::{Inspection, Kind, PLUGIN_BYTES_MAX, digest, inspect, pack};
pub use call::{BACKTRACE, CALLED_BY, Call, Cause, Outcome, Strike, Usage};
pub use describe::{BarShape, BarSource, Description, EventKind, Param, ParamType};
pub use engine::{Engine, EngineConfig, EngineError};
pub use events::{
    ActionEvent, ActionKind, Bars, EVENTS_PER_CALL_MAX, Events, SessionEvent, SessionKind,
};
pub use folder::{Folder, FolderError, FolderEvent, load_file, load_file_as};
pub use history::History;
pub use limits::{Limits, Tier};
pub use load_error::{LoadError, Problem};
pub use log::{LogLevel, LogLine};
pub use manifest::{MANIFEST_BYTES_MAX, Manifest};
pub use package::{Package, manifest_path, signature_path};
pub use params::ParamError;
pub use plugin::Plugin;
pub use reload::{Kept, Reloaded, reload, swap};
pub use snapshot::{Snapshot, SnapshotError};
pub use trust::{KeyError, PublicKey, SecretKey, Signed, Trust};
pub use wire::Laid;

#[cfg(test)]
mod tests;
