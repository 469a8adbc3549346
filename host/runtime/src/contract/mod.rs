//! The contract in `wit/`: every release that this host speaks, behind one trait.
//!
//! A release adds interfaces and changes no type, so all of them share the types and the imports
//! of the first; what differs is what a component exports. Nothing outside of this crate sees the
//! generated types.

mod release;
mod v1_0;
mod v1_1;
mod world;

pub(crate) use release::{RELEASES, Release, Version, spoken};
pub(crate) use v1_0::stockade::bot::{capital, host, types};
pub(crate) use v1_1::exports::stockade::bot::on_actions as actions;
pub(crate) use world::{Crossing, Prepared, World};

use wasmtime::component::{HasSelf, Linker};

use crate::host::Host;

/// Defines every import of the contract. Versions of one major release are one name to the linker,
/// so that the imports of the first serve the bots of all.
pub(crate) fn define(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    v1_0::Bot::add_to_linker::<Host, HasSelf<Host>>(linker, |host| host)
}
