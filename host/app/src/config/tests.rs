use super::*;
use crate::failure::Failure;
use std::path::{Path, PathBuf};
use stockade_runtime::{Limits, Tier};

fn load(flags: Flags, pairs: &[(&str, &str)]) -> Result<Settings, Failure> {
    let data = flags.data.or_else(|| Some(PathBuf::from("/nowhere/data")));
    Settings::load(Flags { data, ..flags }, Environment::of(pairs.iter().copied()))
}

fn with_file(text: &str) -> (tempfile::TempDir, Flags) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stockade.toml");
    std::fs::write(&path, text).unwrap();
    (folder, Flags { config: Some(path), ..Flags::default() })
}

fn usage(result: Result<Settings, Failure>) -> String {
    match result {
        Err(Failure::Usage(text)) => text,
        other => panic!("not a wrong usage: {other:?}"),
    }
}

#[test]
fn flags_over_environment_over_file() {
    let (_folder, flags) =
        with_file("account = \"file\"\nlog = \"debug\"\n[orders]\nunknown_quiet_seconds = 5\n");
    let pairs =
        [("STOCKADE_ACCOUNT", "environment"), ("STOCKADE_ORDERS_UNKNOWN_QUIET_SECONDS", "7")];
    let settings = load(flags.clone(), &pairs).unwrap();
    assert_eq!(settings.account.unwrap().as_str(), "environment");
    assert_eq!((settings.log.as_deref(), settings.unknown_quiet_seconds), (Some("debug"), 7));
    let flags = Flags { account: Some("flag".to_owned()), ..flags };
    assert_eq!(load(flags, &pairs).unwrap().account.unwrap().as_str(), "flag");
}

#[test]
fn defaults_are_those_of_the_list() {
    let data = PathBuf::from("/nowhere/data");
    let settings = load(Flags { data: Some(data.clone()), ..Flags::default() }, &[]).unwrap();
    assert_eq!(settings.plugins, data.join("plugins"));
    assert_eq!(settings.unknown_quiet_seconds, 60);
    assert_eq!(settings.limits.of(Tier::Interpreted, "p", None), Limits::of(Tier::Interpreted));
    assert_eq!(settings.database_url, None);
    assert_eq!(settings.socket(), data.join("stockade.sock"));
}

#[test]
fn an_unknown_key_names_the_nearest() {
    let (folder, flags) = with_file("[limits]\nfue = 1\n");
    let file = folder.path().join("stockade.toml");
    assert_eq!(
        usage(load(flags, &[])),
        format!(
            "{}: \"limits.fue\" is not a known key, the nearest is \"limits.fuel\"",
            file.display()
        )
    );
}

#[test]
fn an_unknown_variable_names_the_nearest() {
    let text = usage(load(Flags::default(), &[("STOCKADE_PLUGIN", "x")]));
    assert_eq!(
        text,
        "environment: \"STOCKADE_PLUGIN\" is not a known variable, the nearest is \"STOCKADE_PLUGINS\""
    );
}

#[test]
fn a_wrong_value_names_its_source_key_and_value() {
    let text = usage(load(Flags::default(), &[("STOCKADE_RECONCILE_INTERVAL_SECONDS", "0")]));
    assert_eq!(
        text,
        "STOCKADE_RECONCILE_INTERVAL_SECONDS: reconcile.interval_seconds is \"0\", \
         a whole number above 0 is allowed"
    );
    let (_folder, flags) = with_file("plugins = [1]\n");
    assert!(usage(load(flags, &[])).contains("plugins is of type array"));
    let (_folder, flags) = with_file("plugins = \n");
    assert!(usage(load(flags, &[])).contains("is not valid"));
    let flags = Flags { config: Some(PathBuf::from("/nowhere/x.toml")), ..Flags::default() };
    assert!(usage(load(flags, &[])).contains("/nowhere/x.toml is no file"));
    let flags = Flags { account: Some("Not A Name".to_owned()), ..Flags::default() };
    assert!(usage(load(flags, &[])).contains("--account"));
}

#[test]
fn keys_of_accounts_come_from_the_environment_and_are_never_printed() {
    let pairs = [("ALPACA_PAPER_API_KEY", "PKABC"), ("ALPACA_PAPER_SECRET_KEY", "verysecret")];
    let settings = load(Flags::default(), &pairs).unwrap();
    let accounts = settings.accounts(false).unwrap();
    assert_eq!(accounts.len(), 1);
    assert_eq!(accounts[0].label, "paper");
    assert!(!format!("{settings:?} {:?}", settings.environment).contains("verysecret"));
    let wrong = load(
        Flags::default(),
        &[("ALPACA_PAPER_API_KEY", "AKX"), ("ALPACA_PAPER_SECRET_KEY", "s")],
    );
    let error = wrong.unwrap().accounts(false).unwrap_err();
    assert!(error.to_string().contains("ALPACA_PAPER_API_KEY does not start with PK"), "{error}");
}

#[test]
fn limits_are_set_over_the_defaults_of_the_tier() {
    let (_folder, flags) = with_file("[limits]\nfuel = 5\nlog_lines = 7\n");
    let limits = load(flags, &[]).unwrap().limits;
    let wanted = Limits { fuel: 5, log_lines: 7, ..Limits::of(Tier::Compiled) };
    assert_eq!(limits.of(Tier::Compiled, "p", Some("b")), wanted);
    let text = usage(load(Flags::default(), &[("STOCKADE_LIMITS_INTENTS_PER_CALL", "65")]));
    assert_eq!(text, "limits.intents_per_call is 65, at most 64 are allowed");
}

#[test]
fn a_bots_limits_come_before_its_plugins_and_those_before_all() {
    let (_folder, flags) = with_file(
        "[limits]\nfuel = 5\nqueue = 6\nhandles = 7\n\
         [limits.plugin.\"a.b\"]\nfuel = 50\nqueue = 60\n[limits.bot.dip]\nfuel = 500\n",
    );
    let limits = load(flags, &[]).unwrap().limits;
    let found = |plugin, bot| {
        let Limits { fuel, queue, handles, .. } = limits.of(Tier::Compiled, plugin, bot);
        (fuel, queue, handles)
    };
    assert_eq!(found("a.b", Some("dip")), (500, 60, 7));
    assert_eq!(found("a.b", Some("other")), (50, 60, 7));
    assert_eq!(found("c", Some("other")), (5, 6, 7));
    let (folder, flags) = with_file("[limits.bot.dip]\nfeul = 1\n");
    let file = folder.path().join("stockade.toml");
    let text = "\"limits.bot.dip.feul\" is not a known key, the nearest is \"limits.fuel\"";
    assert_eq!(usage(load(flags, &[])), format!("{}: {text}", file.display()));
    let (_folder, flags) = with_file("[limits.bot.dip]\nintents_per_call = 65\n");
    let text = "limits.bot.dip.intents_per_call is 65, at most 64 are allowed";
    assert_eq!(usage(load(flags, &[])), text);
}

#[test]
fn every_limit_of_the_runtime_has_a_key() {
    let limits = serde_json::to_value(Limits::default()).unwrap();
    for name in limits.as_object().unwrap().keys() {
        let key = format!("limits.{name}");
        assert!(KEYS.iter().any(|known| known.name == key), "{key}");
        let variable = format!("STOCKADE_LIMITS_{}", name.to_ascii_uppercase());
        let settings = load(Flags::default(), &[(&variable, "3")]).unwrap();
        let set = settings.limits.of(Tier::Compiled, "p", None);
        assert_eq!(serde_json::to_value(set).unwrap()[name], 3, "{key}");
    }
}

#[test]
fn a_place_apart_has_no_database_of_the_users() {
    let settings = load(Flags::default(), &[("STOCKADE_DATABASE_URL", "postgres://x")]).unwrap();
    assert_eq!(settings.database_url.as_deref(), Some("postgres://x"));
    let apart = settings.apart(PathBuf::from("/tour"));
    assert_eq!(apart.database_url, None);
    assert_eq!(apart.plugins, Path::new("/tour/plugins"));
}

#[test]
fn keys_are_in_order_and_have_variables_of_their_own() {
    let names: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
    assert!(names.is_sorted());
    assert!(KEYS.iter().all(|key| !key.help.is_empty()));
    assert_eq!(nearest("plugin", names), Some("plugins"));
}
