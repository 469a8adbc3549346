use std::collections::HashMap;

use crate::alpaca::{AccountConfig, ConfigError, Endpoints, accounts};

fn read(pairs: &[(&str, &str)], live: bool) -> Result<Vec<AccountConfig>, ConfigError> {
    let map: HashMap<String, String> =
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    accounts(|name| map.get(name).cloned(), live)
}

const PAIR: [(&str, &str); 2] =
    [("ALPACA_PAPER_API_KEY", "PKONE"), ("ALPACA_PAPER_SECRET_KEY", "hush")];

fn one(more: &[(&str, &str)]) -> Result<AccountConfig, ConfigError> {
    let mut found = read(&[&PAIR, more].concat(), false)?;
    assert_eq!(found.len(), 1);
    Ok(found.remove(0))
}

#[test]
fn without_keys_there_is_no_account_and_the_defaults_are_alpacas_own() {
    assert!(read(&[], true).unwrap().is_empty());
    let account = one(&[]).unwrap();
    assert_eq!((account.label.as_str(), account.live), ("paper", false));
    assert_eq!(
        account.endpoints,
        Endpoints {
            trading: "https://paper-api.alpaca.markets".to_owned(),
            data: "https://data.alpaca.markets".to_owned(),
            account_stream: "wss://paper-api.alpaca.markets/stream".to_owned(),
            stock_stream: "wss://stream.data.alpaca.markets/v2/iex".to_owned(),
            crypto_stream: "wss://stream.data.alpaca.markets/v1beta3/crypto/us".to_owned(),
        }
    );
}

#[test]
fn data_and_streams_follow_a_base_of_ones_own_and_v2_is_stripped() {
    for base in [
        "http://127.0.0.1:8080",
        "http://127.0.0.1:8080/",
        "http://127.0.0.1:8080/v2",
        "http://127.0.0.1:8080/v2/",
    ] {
        let endpoints = one(&[("ALPACA_PAPER_BASE_URL", base)]).unwrap().endpoints;
        assert_eq!(endpoints, Endpoints::at(base).unwrap());
        assert_eq!(endpoints.trading, "http://127.0.0.1:8080");
        assert_eq!(endpoints.data, "http://127.0.0.1:8080");
        assert_eq!(endpoints.account_stream, "ws://127.0.0.1:8080/stream");
        assert_eq!(endpoints.stock_stream, "ws://127.0.0.1:8080/v2/iex");
        assert_eq!(endpoints.crypto_stream, "ws://127.0.0.1:8080/v1beta3/crypto/us");
    }
    let endpoints = one(&[
        ("ALPACA_PAPER_BASE_URL", "https://broker.example/api/v2"),
        ("ALPACA_PAPER_DATA_URL", "http://localhost:1/"),
        ("ALPACA_PAPER_STREAM_URL", "ws://[::1]:2"),
    ])
    .unwrap()
    .endpoints;
    assert_eq!(endpoints.trading, "https://broker.example/api");
    assert_eq!(endpoints.account_stream, "wss://broker.example/api/stream");
    assert_eq!(endpoints.data, "http://localhost:1");
    assert_eq!(endpoints.stock_stream, "ws://[::1]:2/v2/iex");
}

#[test]
fn numbered_aliased_disabled_and_live_accounts() {
    let all = [
        ("APCA_API_KEY_ID", "PKZERO"),
        ("APCA_API_SECRET_KEY", "s0"),
        ("APCA_API_BASE_URL", "http://127.0.0.1:9"),
        ("ALPACA_PAPER_API_KEY_1", "PKONE"),
        ("ALPACA_PAPER_SECRET_KEY_1", "s1"),
        ("ALPACA_PAPER_API_KEY_2", "PKTWO"),
        ("ALPACA_PAPER_SECRET_KEY_2", "s2"),
        ("ALPACA_PAPER_ENABLED_2", "false"),
        ("ALPACA_PAPER_API_KEY_4", "PKFOUR"),
        ("ALPACA_PAPER_SECRET_KEY_4", "s4"),
        ("ALPACA_PAPER_ENABLED_4", "TRUE"),
        ("ALPACA_API_KEY", "AKLIVE"),
        ("ALPACA_SECRET_KEY", "s5"),
    ];
    let labels = |live| -> Vec<String> {
        read(&all, live).unwrap().into_iter().map(|account| account.label).collect()
    };
    assert_eq!(labels(false), ["paper", "paper-1", "paper-4"]);
    assert_eq!(labels(true), ["paper", "paper-1", "paper-4", "live"]);
    assert_eq!(read(&all, false).unwrap()[0].endpoints.trading, "http://127.0.0.1:9");
    let live = read(&all, true).unwrap().pop().unwrap();
    assert!(live.live);
    assert_eq!(live.endpoints.trading, "https://api.alpaca.markets");
}

#[test]
fn what_is_wrong_is_named_by_its_variable_and_no_secret_is_shown() {
    type Case<'a> = (&'a [(&'a str, &'a str)], bool, &'a str);
    let table: &[Case<'_>] = &[
        (
            &[("ALPACA_PAPER_API_KEY", "PKONE")],
            false,
            "ALPACA_PAPER_API_KEY is set, but ALPACA_PAPER_SECRET_KEY is not: both are needed",
        ),
        (
            &[("ALPACA_PAPER_SECRET_KEY_3", "hush")],
            false,
            "ALPACA_PAPER_SECRET_KEY_3 is set, but ALPACA_PAPER_API_KEY_3 is not: both are needed",
        ),
        (
            &[("ALPACA_PAPER_API_KEY", "AKhush"), ("ALPACA_PAPER_SECRET_KEY", "hush")],
            false,
            "ALPACA_PAPER_API_KEY does not start with PK, as the key of a paper account does",
        ),
        (
            &[("APCA_API_KEY_ID", "AKhush"), ("APCA_API_SECRET_KEY", "hush")],
            false,
            "APCA_API_KEY_ID does not start with PK, as the key of a paper account does",
        ),
        (
            &[("ALPACA_PAPER_API_KEY", "PK1"), ("ALPACA_PAPER_SECRET_KEY", "hu sh\u{e9}")],
            false,
            "ALPACA_PAPER_SECRET_KEY holds a character that no key has (only visible ASCII is allowed)",
        ),
        (
            &[("ALPACA_API_KEY", "PKhush"), ("ALPACA_SECRET_KEY", "hush")],
            true,
            "ALPACA_API_KEY starts with PK: that is the key of a paper account (ALPACA_PAPER_API_KEY)",
        ),
        (
            &[PAIR[0], PAIR[1], ("ALPACA_PAPER_ENABLED", "maybe")],
            false,
            "ALPACA_PAPER_ENABLED is \"maybe\", allowed are true and false",
        ),
        (
            &[PAIR[0], PAIR[1], ("ALPACA_PAPER_BASE_URL", "http://10.0.0.8")],
            false,
            "ALPACA_PAPER_BASE_URL is plain http to 10.0.0.8: only a loopback address may be (use https)",
        ),
        (
            &[PAIR[0], PAIR[1], ("ALPACA_PAPER_STREAM_URL", "ws://feed.example")],
            false,
            "ALPACA_PAPER_STREAM_URL is plain http to feed.example: only a loopback address may be (use https)",
        ),
        (
            &[PAIR[0], PAIR[1], ("ALPACA_PAPER_BASE_URL", "https://api.alpaca.markets/v2")],
            false,
            "ALPACA_PAPER_BASE_URL is api.alpaca.markets, which serves live accounts; this account is paper",
        ),
        (
            &[PAIR[0], PAIR[1], ("ALPACA_PAPER_DATA_URL", "https://me:hush@data.example")],
            false,
            "ALPACA_PAPER_DATA_URL is no address: keys don't belong into it",
        ),
        (
            &[PAIR[0], PAIR[1], ("ALPACA_PAPER_BASE_URL", "ftp://x")],
            false,
            "ALPACA_PAPER_BASE_URL is no address: its scheme must be https (or http on loopback)",
        ),
        (
            &[PAIR[0], PAIR[1], ("ALPACA_PAPER_BASE_URL", "nonsense")],
            false,
            "ALPACA_PAPER_BASE_URL is no address: it must be like https://host",
        ),
    ];
    for (pairs, live, expected) in table {
        let error = read(pairs, *live).unwrap_err().to_string();
        assert_eq!(error, *expected);
        assert!(!error.contains("hush"));
    }
    let shown = format!("{:?}", one(&[]).unwrap());
    assert!(!shown.contains("hush") && !shown.contains("PKONE"), "{shown}");
    let live_without_flag = [("ALPACA_API_KEY", "PKhush")];
    assert!(read(&live_without_flag, false).unwrap().is_empty());
}
