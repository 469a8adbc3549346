use clap::{CommandFactory, FromArgMatches};

use super::Cli;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    let matches = super::command::definition().try_get_matches_from(words(line))?;
    Cli::from_arg_matches(&matches)
}

/// Words of a command line, with double quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            other => words.last_mut().unwrap().push(other),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Every command without subcommands, with its path.
fn leaves(command: &clap::Command, path: &str, found: &mut Vec<(String, clap::Command)>) {
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        let path = format!("{path} {}", sub.get_name());
        if sub.has_subcommands() {
            leaves(sub, &path, found);
        } else {
            found.push((path, sub.clone()));
        }
    }
}

fn all() -> Vec<(String, clap::Command)> {
    let mut found = Vec::new();
    leaves(&Cli::command(), "stockade", &mut found);
    found
}

#[test]
fn the_definitions_are_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_has_help_and_an_example_that_parses() {
    for (path, command) in all() {
        assert!(command.get_about().is_some(), "{path} has no help");
        let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let examples = after.split_once("Example:\n").or_else(|| after.split_once("Examples:\n"));
        let (_, examples) = examples.unwrap_or_else(|| panic!("{path} has no example"));
        for example in examples.lines().map(str::trim) {
            assert!(example.starts_with(&path), "{path}: {example}");
            let example = example.split(" > ").next().unwrap();
            parse(example).unwrap_or_else(|error| panic!("{example}: {error}"));
        }
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{path}: {} has no help", argument.get_id());
        }
    }
}

#[test]
fn every_reading_command_gives_json() {
    let reading = [
        "list",
        "show",
        "health",
        "check",
        "logs",
        "inspect",
        "figures",
        "reconcile",
        "demo",
        "bench",
        "backtest",
        "sim",
    ];
    for (path, command) in all() {
        if reading.iter().any(|name| path.ends_with(name)) {
            assert!(command.get_arguments().any(|argument| argument.get_id() == "json"), "{path}");
        }
    }
}

#[test]
fn the_commands_of_the_reference_exist() {
    let found: Vec<String> = all().into_iter().map(|(path, _)| path).collect();
    for line in [
        "demo",
        "run",
        "exchange",
        "new",
        "pack",
        "plugin inspect",
        "plugin list",
        "plugin add",
        "plugin remove",
        "bot deploy",
        "bot list",
        "bot show",
        "bot set",
        "bot start",
        "bot stop",
        "bot reload",
        "bot release",
        "bot logs",
        "bot remove",
        "capital allocate",
        "capital add",
        "capital withdraw",
        "capital move",
        "capital show",
        "sleeve create",
        "sleeve set",
        "sleeve list",
        "sleeve show",
        "order submit",
        "order list",
        "order show",
        "order cancel",
        "order replace",
        "position assign",
        "position move",
        "position list",
        "lot list",
        "roundtrip list",
        "execution list",
        "journal list",
        "import fills",
        "refusal list",
        "export",
        "statement",
        "figures",
        "reconcile",
        "break list",
        "break show",
        "break resolve",
        "risk show",
        "risk set",
        "risk halt",
        "risk resume",
        "account list",
        "account health",
        "backtest",
        "sim",
        "db check",
        "db psql",
        "db migrate",
        "bench",
        "completions",
    ] {
        assert!(found.contains(&format!("stockade {line}")), "{line}");
    }
}

#[test]
fn wrong_usage_ends_with_two() {
    let submit = "stockade order submit --sleeve mine --symbol AAPL --side buy";
    let digits = "9".repeat(40);
    for (line, says) in [
        (format!("{submit} --qty {digits}"), "is not a decimal number of at most 28 digits"),
        (format!("{submit} --notional {digits}"), "is not a decimal number of at most 28 digits"),
        (
            format!("{submit} --qty 1 --limit {digits}"),
            "is not a decimal number of at most 28 digits",
        ),
        (format!("{submit} --qty -1"), "not above zero"),
        (format!("{submit} --qty 0"), "not above zero"),
        (format!("{submit} --qty 1 --notional 1"), "cannot be used with"),
        (submit.to_owned(), "required"),
        ("stockade sleeve create Bad_Name --capital 1".to_owned(), "is no name"),
        ("stockade sleeve create a --capital 1 --lots dearest".to_owned(), "is no lot method"),
        ("stockade lot list --from yesterday".to_owned(), "is no time"),
        ("stockade lot list --limit 0".to_owned(), "0 is not in 1.."),
        ("stockade lot list --at yesterday".to_owned(), "is no time"),
        ("stockade export entry --format xml --out x".to_owned(), "invalid value"),
        ("stockade order list --side long".to_owned(), "invalid value"),
        ("stockade lot list --after what".to_owned(), "is no cursor"),
        ("stockade lot list --page".to_owned(), "required"),
        ("stockade statement mine --from 2026-01-01".to_owned(), "required"),
        ("stockade figures".to_owned(), "required"),
        ("stockade capital add a -1".to_owned(), "not above zero"),
        ("stockade capital add a 0".to_owned(), "not above zero"),
        ("stockade capital move a b -1".to_owned(), "not above zero"),
        ("stockade capital allocate a -1".to_owned(), "below zero"),
        ("stockade sleeve create c --capital -5".to_owned(), "below zero"),
        (
            "stockade position assign X -1 --to a --cost 1 --opened 2026-01-01".to_owned(),
            "not above zero",
        ),
        ("stockade position move a b X -1".to_owned(), "not above zero"),
        ("stockade lot list --limit -1".to_owned(), "-1 is not in 1.."),
        ("stockade exchange --cash -1".to_owned(), "below zero"),
        ("stockade backtest --plugin x --bars y --capital 0".to_owned(), "not above zero"),
        ("stockade backtest --plugin x --bars y --capital 1 --fee -1".to_owned(), "below zero"),
        (
            "stockade backtest --plugin x --bars y --capital 1 --max-participation 0".to_owned(),
            "above 0 to 100",
        ),
        (
            "stockade backtest --plugin x --bars y --capital 1 --slippage-bps 100000".to_owned(),
            "0 to 5000",
        ),
        ("stockade sim --seeds 0".to_owned(), "0 is not in 1.."),
        ("stockade break resolve 1 --as foo --why x".to_owned(), "possible values: accept, adjust"),
        ("stockade break resolve 1 --as accept --why \" \"".to_owned(), "a reason is wanted"),
        ("stockade order replace 1".to_owned(), "required"),
        ("stockade sim".to_owned(), "required"),
        ("stockade backtest --plugin x --capital 1".to_owned(), "--bars"),
        ("stockade nonsense".to_owned(), "unrecognized subcommand"),
    ] {
        let error = parse(&line).err().unwrap_or_else(|| panic!("{line} was taken"));
        assert_eq!(error.exit_code(), 2, "{line}");
        assert!(error.to_string().contains(says), "{line}: {error}");
    }
}

#[test]
fn globals_stand_anywhere() {
    assert!(parse("stockade --data /x sleeve list --account paper --json").is_ok());
    assert!(parse("stockade sleeve list --data /x").is_ok());
}
