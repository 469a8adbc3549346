//! The contract in `wit/`, as generated. Nothing outside of this crate sees these types.

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
    path: "../../wit",
    world: "bot",
    imports: { default: trappable },
    with: { "stockade:bot/capital.capital": crate::lent::Lease },
});
