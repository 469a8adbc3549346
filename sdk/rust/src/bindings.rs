//! What the contract in `wit/` generates: types, imports and the traits of the exports.
//!
//! The rest of the SDK wraps this module. Use it directly only to do what the SDK does not let you
//! do; it promises nothing beyond the contract itself.

#![allow(
    unsafe_code,
    unreachable_pub,
    missing_docs,
    clippy::all,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::unwrap_used,
    reason = "generated code; it lowers and lifts values by the component model's rules"
)]

wit_bindgen::generate!({
    path: "../../wit/1.1",
    world: "bot",
    pub_export_macro: true,
    default_bindings_module: "stockade_sdk::bindings",
    generate_all,
    // Not for all types at once: a decimal is compared by value, in `decimal`.
    additional_type_attributes: {
        "stockade:bot/types@1.1.0/stop-limit-prices": [#[derive(PartialEq)]],
        "stockade:bot/types@1.1.0/order-type": [#[derive(PartialEq)]],
        "stockade:bot/types@1.1.0/size": [#[derive(PartialEq)]],
        "stockade:bot/types@1.1.0/intent": [#[derive(PartialEq)]],
        "stockade:bot/types@1.1.0/refusal": [#[derive(PartialEq)]],
        "stockade:bot/types@1.1.0/bar": [#[derive(PartialEq)]],
        "stockade:bot/types@1.1.0/quote": [#[derive(PartialEq)]],
        "stockade:bot/types@1.1.0/trade": [#[derive(PartialEq)]],
        "stockade:bot/types@1.1.0/order-event": [#[derive(PartialEq)]],
        "stockade:bot/types@1.1.0/timer-event": [#[derive(PartialEq)]],
        "stockade:bot/types@1.1.0/session-event": [#[derive(PartialEq)]],
        "stockade:bot/types@1.1.0/position": [#[derive(PartialEq)]],
        "stockade:bot/types@1.1.0/open-order": [#[derive(PartialEq)]],
        "stockade:bot/on-actions@1.1.0/action-event": [#[derive(PartialEq)]],
        "stockade:bot/types@1.1.0/bar-shape": [#[derive(PartialEq)]],
        "stockade:bot/types@1.1.0/param": [#[derive(PartialEq)]],
        "stockade:bot/types@1.1.0/description": [#[derive(PartialEq)]],
        "stockade:bot/types@1.1.0/config": [#[derive(PartialEq)]],
        "stockade:bot/types@1.1.0/instrument-info": [#[derive(PartialEq)]],
    },
});
