//! Bytes that are no plugin, each refused by name; the folder.

use tokio::sync::mpsc::channel;

use super::wat_bot::*;
use crate::*;

fn load(bytes: &[u8]) -> LoadError {
    Plugin::load(&ENGINE, &bytes.to_vec().into(), "tester").unwrap_err()
}

#[test]
fn damaged_bytes_are_named() {
    let module = WatBot::default().module();
    let component = pack(&module).unwrap().into_owned();
    for bytes in [&module, &component] {
        for cut in [0, 3, 7, 9, 100, bytes.len() / 2, bytes.len() - 1] {
            let error = load(&bytes[..cut]);
            assert!(
                matches!(error, LoadError::Truncated { .. }),
                "{cut} of {}: {error}",
                bytes.len()
            );
            assert!(error.may_be_unfinished());
        }
    }
    let error = load(b"#!/bin/sh\necho");
    assert_eq!(error.to_string(), "not WebAssembly: it begins with 23 21 2f 62 69 6e 2f 73");
    assert!(matches!(load(b"\x7fELF\x02\x01\x01"), LoadError::Precompiled));
    let compiled = ENGINE.wasm.precompile_component(&component).unwrap();
    assert!(matches!(load(&compiled), LoadError::Precompiled));
}

#[test]
fn flipped_bits_never_panic() {
    let bytes = pack(&WatBot::default().module()).unwrap().into_owned();
    let mut refused = 0;
    for at in (8..bytes.len()).step_by(bytes.len() / 60) {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x55;
        refused += u32::from(Plugin::load(&ENGINE, &bytes.into(), "tester").is_err());
    }
    assert!(refused > 20, "{refused}");
}

#[test]
fn another_contract_version_is_named() {
    for contract in ["0.1.0", "1.2.0", "2.0.0"] {
        let error = load(&WatBot { contract, ..WatBot::default() }.module());
        let LoadError::Contract { problems } = &error else { panic!("{error}") };
        assert_eq!(problems.len(), 1);
        let text = format!("it speaks contract {contract}, this host speaks 1.0 to 1.1");
        assert_eq!(error.to_string(), text);
    }
    let patch = WatBot { contract: "1.0.7", ..WatBot::default() }.module();
    assert!(inspect(&patch).unwrap().problems.is_empty(), "the patch number does not matter");
    // What a release added has to be there in a bot of that release, and in no older one.
    let half = load(&WatBot { contract: "1.1.0", ..WatBot::default() }.module()).to_string();
    assert_eq!(half, "it does not export stockade:bot/on-actions");
}

#[test]
fn every_problem_is_named() {
    let component = wat::parse_str(
        r#"(component
            (import "stockade:bot/host@1.0.0" (instance))
            (import "stockade:bot/backdoor@1.0.0" (instance))
            (import "wasi:sockets/tcp@0.2.3" (instance))
            (import "wasi:clocks/wall-clock@0.3.0" (instance))
            (import "env" (func)))"#,
    );
    let error = load(&component.unwrap());
    let text = error.to_string();
    for part in [
        "wasi:sockets/tcp@0.2.3: a bot has no network",
        "stockade:bot/backdoor@1.0.0: it is no part of the contract",
        "wasi:clocks/wall-clock@0.3.0: this part of WASI",
        "it imports env",
        "does not export stockade:bot/lifecycle",
        "does not export stockade:bot/on-bars",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn a_component_that_is_no_bot_is_named() {
    assert_eq!(load(&wat::parse_str("(component)").unwrap()), LoadError::NoContract);
    let error = load(&wat::parse_str("(module)").unwrap());
    assert!(matches!(error, LoadError::Pack { .. } | LoadError::NoContract), "{error}");
}

#[test]
fn a_resource_of_its_own_is_refused() {
    let exports =
        ["lifecycle", "on-bars", "on-quotes", "on-trades", "on-orders", "on-timer", "on-session"]
            .map(|name| format!(r#"(export "stockade:bot/{name}@1.0.0" (instance $i))"#))
            .concat();
    let text = format!(
        "(component (type $r (resource (rep i32))) (core func $new (canon resource.new $r))
          (instance $i) {exports})"
    );
    let error = load(&wat::parse_str(text).unwrap());
    assert_eq!(error, LoadError::Contract { problems: vec![Problem::Resources] });
}

#[test]
fn the_right_names_with_wrong_functions_are_refused() {
    let exports =
        ["lifecycle", "on-bars", "on-quotes", "on-trades", "on-orders", "on-timer", "on-session"]
            .map(|name| format!(r#"(export "stockade:bot/{name}@1.0.0" (instance $i))"#))
            .concat();
    let text = format!("(component (instance $i) {exports})");
    let error = load(&wat::parse_str(text).unwrap());
    assert!(matches!(error, LoadError::Link { .. }), "{error}");
}

#[test]
fn the_name_must_be_the_files_stem() {
    let error = Plugin::load(&ENGINE, &WatBot::default().module().into(), "other").unwrap_err();
    assert_eq!(error, LoadError::Name { found: "tester".to_owned(), stem: "other".to_owned() });
}

#[test]
fn what_bytes_are_is_said_without_running_them() {
    let module = WatBot::default().module();
    let inspection = inspect(&module).unwrap();
    assert_eq!((inspection.kind, inspection.wasi), (Kind::CoreModule, false));
    assert_eq!(inspection.contract.as_deref(), Some("1.0.0"));
    assert_eq!(inspection.problems, [""; 0]);
    assert_eq!(inspection.digest, digest(&module));
    let packed = pack(&module).unwrap();
    assert_eq!(inspect(&packed).unwrap().kind, Kind::Component);
    assert_eq!(pack(&packed).unwrap(), packed, "packed already");
    let plugin = Plugin::load(&ENGINE, &module.clone().into(), "tester").unwrap();
    assert_eq!(**plugin.digest(), digest(&module), "the digest is of the bytes that were given");
    let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(digest(b"abc"), known);
}

#[test]
fn compiled_code_comes_from_the_cache_the_second_time() {
    let folder = tempfile::tempdir().unwrap();
    let config = EngineConfig { cache: Some(folder.path().to_path_buf()), ..Default::default() };
    let module = WatBot::default().module();
    for _ in 0..2 {
        let engine = Engine::new(&config).unwrap();
        let plugin = Plugin::load(&engine, &module.clone().into(), "tester").unwrap();
        assert_eq!(
            call(&mut Bot::start(&plugin, super::wat_bot::config()).unwrap(), 3).unwrap().handled,
            3
        );
    }
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_some());
}

#[test]
fn the_folder_tells_what_appears_changes_breaks_and_goes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tester.wasm");
    let (sender, mut events) = channel(16);
    std::fs::write(&path, WatBot::default().module()).unwrap();
    let _watch = Folder::watch(&ENGINE, folder.path(), sender).unwrap();
    let mut next = || events.blocking_recv().unwrap();
    let FolderEvent::Added { plugin, .. } = next() else { panic!() };
    let first = plugin.digest().clone();
    let second = WatBot::bars(&format!("(nop) {DONE}")).module();
    std::fs::write(folder.path().join("notes.txt"), "not looked at").unwrap();
    std::fs::write(&path, &second).unwrap();
    let FolderEvent::Changed { plugin, .. } = next() else { panic!() };
    assert_ne!(first, *plugin.digest());
    // Half a file: an error after it has stayed so, and nothing before.
    std::fs::write(&path, &second[..second.len() / 2]).unwrap();
    let FolderEvent::Failed { error, .. } = next() else { panic!() };
    assert!(error.to_string().contains("truncated"), "{error}");
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(next(), FolderEvent::Removed { path: gone } if gone == path));
}
