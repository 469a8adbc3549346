//! Release 1.0 as generated. Later releases take their unchanged types from here.

#![allow(
    unreachable_pub,
    clippy::all,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::unwrap_used,
    reason = "generated code"
)]

wasmtime::component::bindgen!({
    path: "../../wit/1.0",
    world: "bot",
    imports: { default: trappable },
    with: { "stockade:bot/capital.capital": crate::lent::Lease },
});
