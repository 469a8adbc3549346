//! Release 1.1 as generated: what it shares with 1.0 is that of 1.0.

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
    path: "../../wit/1.1",
    world: "bot",
    imports: { default: trappable },
    with: {
        "stockade:bot/types": crate::contract::v1_0::stockade::bot::types,
        "stockade:bot/capital": crate::contract::v1_0::stockade::bot::capital,
        "stockade:bot/host": crate::contract::v1_0::stockade::bot::host,
    },
});
