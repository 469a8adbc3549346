//! Releases of the contract stay what they were: their text, their order, and a compiled bot of each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::wat_bot::*;
use crate::contract::RELEASES;
use crate::*;

/// Digest of each release's text, a line each.
const FROZEN: &str = include_str!("../../../../wit/FROZEN");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Versions and texts of the folders in `wit/`.
fn releases() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(root().join("wit")).unwrap() {
        let folder = entry.unwrap().path();
        if folder.is_dir() {
            let files: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
            assert_eq!(files.len(), 1, "{}: a release is one file", folder.display());
            let version = folder.file_name().unwrap().to_string_lossy().into_owned();
            found.insert(version, std::fs::read_to_string(folder.join("bot.wit")).unwrap());
        }
    }
    found
}

#[test]
fn no_release_has_changed_since_it_was_frozen() {
    let frozen: BTreeMap<&str, &str> =
        FROZEN.lines().filter_map(|line| line.split_once(' ')).collect();
    let releases = releases();
    for (version, text) in &releases {
        let found = digest(text.as_bytes());
        let was = frozen.get(version.as_str()).copied().unwrap_or("not frozen yet");
        assert_eq!(
            found, was,
            "wit/{version}/bot.wit is not what it was when it was frozen. Take the change back: \
             bots of this release are out there. What is new goes into a folder of its own beside \
             it, with a line in wit/FROZEN, a row in RELEASES and a compiled bot in tests/releases"
        );
    }
    let spoken: Vec<String> = RELEASES.iter().map(|release| release.version.to_string()).collect();
    assert!(
        releases.keys().eq(spoken.iter()),
        "wit/ has {:?}, RELEASES {spoken:?}",
        releases.keys()
    );
    assert_eq!(frozen.len(), releases.len(), "wit/FROZEN has a line for each release");
}

/// The text of each interface and each line of the world, without comments and white space.
fn items(text: &str) -> (BTreeMap<String, String>, Vec<String>) {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with("//"));
    let (mut interfaces, mut world, mut name) = (BTreeMap::new(), Vec::new(), None);
    for line in lines.filter(|line| !line.is_empty()) {
        let opens = |word| line.strip_prefix(word).and_then(|rest| rest.strip_suffix(" {"));
        if let Some(interface) = opens("interface ") {
            name = Some(interface.to_owned());
        } else if opens("world ").is_some() {
            name = None;
        } else if let Some(name) = &name {
            let body: &mut String = interfaces.entry(name.clone()).or_default();
            body.push_str(line);
            body.push('\n');
        } else if !line.starts_with("package ") {
            world.push(line.to_owned());
        }
    }
    (interfaces, world)
}

#[test]
fn every_release_has_all_of_the_older_ones_unchanged() {
    let texts = releases();
    let all: Vec<_> = RELEASES.iter().map(|release| release.version.to_string()).collect();
    for (place, newer) in all.iter().enumerate() {
        for older in &all[..place] {
            let (old, old_world) = items(&texts[older]);
            let (new, new_world) = items(&texts[newer]);
            assert!(old.len() >= 10 && old_world.len() >= 10, "{older} was read");
            for (name, body) in &old {
                assert_eq!(
                    Some(body),
                    new.get(name),
                    "interface {name} of {older} is another one in {newer}: types are closed for \
                     ever, what is new is an interface of its own"
                );
            }
            for line in &old_world {
                assert!(new_world.contains(line), "{newer} lacks \"{line}\" of {older}");
            }
        }
    }
}

#[test]
fn a_bot_of_each_release_loads_trades_and_keeps_its_state() {
    for release in RELEASES {
        let version = release.version.to_string();
        let path = root().join("tests/releases").join(&version).join("sma-cross.wasm");
        let bytes = std::fs::read(&path).unwrap_or_else(|error| {
            panic!("{}: {error}: a bot of each release is kept for ever", path.display())
        });
        let built_for = inspect(&bytes).unwrap().contract.unwrap();
        assert!(
            built_for.starts_with(&format!("{version}.")),
            "{} is of {built_for}",
            path.display()
        );
        let plugin = load_file(&ENGINE, &path).unwrap();
        let mut bot = Bot::start(&plugin, config()).unwrap();
        // Closes rise without end: the fast mean is above the slow one once there are thirty.
        let outcome = call(&mut bot, 40).unwrap();
        assert_eq!((outcome.handled, outcome.requests.len()), (30, 1), "{version}");
        let state = bot.save().unwrap();
        let mut again = Bot::start(&plugin, config()).unwrap();
        again.restore(&state).unwrap();
        assert_eq!(again.save().unwrap(), state, "{version}");
        let action = ActionEvent {
            at: Timestamp(50),
            instrument: instrument(0).id,
            kind: ActionKind::Split,
            ratio_new: 2.into(),
            ratio_old: 1.into(),
            amount: Default::default(),
            symbol: None,
        };
        let (view, prices) = (view("100"), TestPrices::default());
        let (events, now) = (Events::Actions(std::slice::from_ref(&action)), Timestamp(50));
        let call = Call { events, warm_up: false, view: &view, prices: &prices, now };
        assert_eq!(bot.call(&call).unwrap().handled, 1, "{version}: known or not, it is handled");
    }
}

use stockade_core::Timestamp;
