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
    path: "../../wit",
    world: "bot",
    pub_export_macro: true,
    default_bindings_module: "stockade_sdk::bindings",
    generate_all,
});
