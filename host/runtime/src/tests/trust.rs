//! Whose components are loaded (U5, L7): every way in which a signature does not count.

use super::wat_bot::*;
use crate::*;

fn key() -> SecretKey {
    SecretKey::of(&[7; 32])
}

fn manifest(component: &[u8]) -> Manifest {
    Manifest {
        name: "tester".to_owned(),
        version: "1.0.0".to_owned(),
        digest: Some(digest(component)),
        ..Manifest::default()
    }
}

fn signed(change: impl FnOnce(&mut Manifest)) -> Package {
    let component = WatBot::default().module();
    let mut manifest = manifest(&component);
    change(&mut manifest);
    let text = manifest.to_toml().unwrap();
    let signature = Some(key().sign(&text).into_bytes());
    Package { component, manifest: Some(text), signature }
}

fn under(trust: Trust) -> Engine {
    Engine::new(&EngineConfig { trust, ..EngineConfig::default() }).unwrap()
}

fn trusting(keys: Vec<PublicKey>, require_signature: bool) -> Engine {
    under(Trust { keys, require_signature, ..Trust::default() })
}

fn refused(engine: &Engine, package: &Package) -> String {
    Plugin::load(engine, package, "tester").unwrap_err().to_string()
}

#[test]
fn a_signature_of_a_trusted_key_counts() {
    let engine = trusting(vec![key().public()], true);
    let package = signed(|_| {});
    let plugin = Plugin::load(&engine, &package, "tester").unwrap();
    assert_eq!(plugin.signed(), Signed::By(key().public()));
    assert_eq!(plugin.manifest().unwrap().version, "1.0.0");
    // As openssl writes it: 64 bytes.
    let digits = String::from_utf8(package.signature.clone().unwrap()).unwrap();
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    let raw: Vec<u8> = (0..64).map(|at| byte(2 * at)).collect();
    let package = Package { signature: Some(raw), ..package };
    assert!(Plugin::load(&engine, &package, "tester").is_ok());
}

#[test]
fn what_is_not_signed_or_by_another_is_refused() {
    let other = SecretKey::of(&[8; 32]).public();
    let package = signed(|_| {});
    let text = refused(&trusting(vec![other], false), &package);
    assert!(text.contains("it is of none of the 1 trusted keys"), "{text}");
    let text = refused(&trusting(Vec::new(), true), &package);
    assert!(text.contains("it is of none of the 0 trusted keys"), "{text}");
    let bare: Package = package.component.clone().into();
    let text = refused(&trusting(vec![key().public()], true), &bare);
    assert!(text.contains("setting bots.require_signature"), "{text}");
    let open = trusting(Vec::new(), false);
    let load = |package| Plugin::load(&open, package, "tester").unwrap().signed();
    assert_eq!((load(&bare), load(&package)), (Signed::No, Signed::Unchecked));
}

#[test]
fn what_was_changed_after_signing_is_refused() {
    let engine = trusting(vec![key().public()], false);
    let package = signed(|_| {});
    let mut changed = package.clone();
    changed.manifest = changed.manifest.map(|text| format!("{text}\n[limits]\nfuel = 9\n"));
    let text = refused(&engine, &changed);
    assert!(text.contains("it is of none of the 1 trusted keys"), "{text}");
    let component = WatBot { pages: 33, ..WatBot::default() }.module();
    let text = refused(&engine, &Package { component, ..package.clone() });
    assert!(text.starts_with("bot.toml: it names digest "), "{text}");
    for signature in [&b""[..], b"zz", &[b'0'; 127], &[b'g'; 128], &[0; 65]] {
        let signature = Some(signature.to_vec());
        let text = refused(&engine, &Package { signature, ..package.clone() });
        assert!(text.contains("neither 64 bytes nor 128 hexadecimal digits"), "{text}");
    }
    let text = refused(&engine, &Package { manifest: None, ..package.clone() });
    assert!(text.contains("it is of a NAME.bot.toml that is not there"), "{text}");
    let text = refused(&engine, &signed(|manifest| manifest.digest = None));
    assert!(text.contains("names no digest"), "{text}");
}

#[test]
fn a_ban_holds_before_everything_else_until_it_is_lifted() {
    let package = signed(|_| {});
    let engine = trusting(vec![key().public()], true);
    assert!(Plugin::load(&engine, &package, "tester").is_ok());
    let banned = [digest(&package.component)].into();
    engine.set_trust(Trust { keys: vec![key().public()], banned, require_signature: true });
    let text = refused(&engine, &package);
    assert!(text.contains("is banned"), "{text}");
    engine.clone().set_trust(Trust::default());
    assert!(Plugin::load(&engine, &package, "tester").is_ok());
}

#[test]
fn a_manifest_narrows_and_never_widens() {
    let limited = |name: &str, value: u64| {
        let package = signed(|manifest| {
            manifest.limits.insert(name.to_owned(), value);
        });
        Plugin::load(&ENGINE, &package, "tester")
    };
    // `init` of the test bot takes some instructions, and fewer than ten thousand.
    let plugin = limited("start_fuel", 10_000).unwrap();
    assert!(Bot::start(&plugin, config()).is_ok());
    let plugin = limited("start_fuel", 1).unwrap();
    let text = Bot::start(&plugin, config()).unwrap_err().to_string();
    assert!(text.contains("start_fuel"), "{text}");
    let plugin = limited("fuel", 10_000_001).unwrap();
    let text = Bot::start(&plugin, config()).unwrap_err().to_string();
    let wanted = "bot.toml asks for fuel 10000001, 10000000 is allowed (setting limits.fuel)";
    assert_eq!(text, wanted);
    for (name, value, wanted) in [
        ("petrol", 1, "\"petrol\" is no limit"),
        ("fuel", 0, "limit fuel is 0"),
        ("handles", u64::from(u32::MAX) + 1, "limit handles is 4294967296"),
    ] {
        let text = limited(name, value).unwrap_err().to_string();
        assert!(text.contains(wanted), "{text}");
    }
    let package = signed(|manifest| {
        manifest.symbols = vec![stockade_core::Symbol::new("ZZZZ").unwrap()];
    });
    let plugin = Plugin::load(&ENGINE, &package, "tester").unwrap();
    let text = Bot::start(&plugin, config()).unwrap_err().to_string();
    assert!(text.ends_with("is not in bot.toml's symbols: ZZZZ"), "{text}");
}

#[test]
fn a_manifest_is_about_its_plugin() {
    let load = |package: &Package| refused(&ENGINE, package);
    let text = load(&signed(|manifest| manifest.version = "2.0.0".to_owned()));
    let wanted = "bot.toml: it gives the version \"2.0.0\", describe gives \"1.0.0\"";
    assert_eq!(text, wanted);
    for (broken, wanted) in [
        ("nonsense", "expected"),
        ("name = 'tester'\nversion = '1.0.0'\nsize = 3\n", "unknown field `size`"),
        ("name = 'tester'\nversion = '1.0.0'\ndigest = 'abc'\n", "digest is \"abc\""),
        ("name = 'tester'\nversion = '1.0.0'\nsymbols = ['a b']\n", "a b"),
    ] {
        let component = WatBot::default().module();
        let package = Package { component, manifest: Some(broken.to_owned()), signature: None };
        let text = load(&package);
        assert!(text.starts_with("bot.toml: ") && text.contains(wanted), "{text}");
    }
}

#[test]
fn keys_are_read_as_they_are_written() {
    let key = key();
    let shown = key.public().to_string();
    assert_eq!(shown.parse::<PublicKey>().unwrap(), key.public());
    let again = SecretKey::from_pem(&key.to_pem().unwrap()).unwrap();
    assert_eq!(again.public(), key.public());
    assert!(!format!("{key:?}").contains("0707"), "{key:?}");
    for text in ["", "ed25519:12", "ed25519:zz", "-----BEGIN CERTIFICATE-----\n"] {
        assert!(text.parse::<PublicKey>().is_err(), "{text}");
    }
    assert!(SecretKey::from_pem("").is_err());
}
