//! `stockade exchange`: the paper exchange as a process of its own.
//!
//! Its first line on stdout says where it listens. It replays files of bars, or a generated market
//! that is the same for the same seed and symbols, and ends in good order on SIGINT and SIGTERM.

use std::path::Path;

use rust_decimal::Decimal;
use stockade_core::Symbol;
use stockade_exchange::Sessions;
use stockade_exchange::faults::FaultSettings;
use stockade_venue::server::{
    AccountConfig, CorporateAction, ExchangeServer, Feed, Generated, ServerConfig, Speed,
    StartError,
};

use crate::cli::argument;
use crate::cli::exchange::ExchangeArgs;
use crate::cli::screen;
use crate::config::Settings;
use crate::failure::Failure;

/// Start of the generated market: the opening of a regular session, 2026-02-09T14:30:00Z.
pub(crate) const GENERATED_START: i64 = 1_770_647_400 * 1_000_000_000;
/// Symbols of the generated market where none are named.
const SYMBOLS: [&str; 4] = ["AAPL", "MSFT", "QQQ", "SPY"];

/// Serves until a signal ends it.
pub(crate) async fn run(_settings: &Settings, args: &ExchangeArgs) -> Result<(), Failure> {
    let config = config(args)?;
    // Whoever reads the address may send a signal at once.
    let signals = Signals::listen()?;
    let mut running =
        ExchangeServer::start(config).await.map_err(|error| start_failure(args, error))?;
    screen::line(&format!("listening on {}", running.url()))?;
    tokio::select! {
        () = signals.wait() => {}
        () = running.wait() => {}
    }
    running.stop().await;
    Ok(())
}

/// The signals that end a process in good order.
pub(crate) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    /// Listens from now on.
    pub(crate) fn listen() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the first of them.
    pub(crate) async fn wait(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

fn config(args: &ExchangeArgs) -> Result<ServerConfig, Failure> {
    let feed =
        if args.bars.is_empty() { generated_feed(args) } else { Feed::Files(args.bars.clone()) };
    let speed = match args.speed {
        argument::Speed::Max => Speed::Max,
        argument::Speed::Times(times) => Speed::Times(times),
    };
    let cash = args.cash.get();
    let accounts = if args.keys.is_empty() {
        vec![AccountConfig::default_with(cash)]
    } else {
        let account = |key: &argument::KeyPair| AccountConfig {
            key_id: key.id.clone(),
            secret: key.secret.clone(),
            cash,
        };
        args.keys.iter().map(account).collect()
    };
    Ok(ServerConfig {
        listen: args.listen,
        accounts,
        speed,
        seed: args.seed,
        actions: args.actions.as_deref().map_or(Ok(Vec::new()), read_actions)?,
        rules: args.fees.then(|| {
            let regulatory_fees = true;
            stockade_exchange::Config { regulatory_fees, ..stockade_exchange::Config::paper(cash) }
        }),
        faults: args.faults.as_deref().map_or(Ok(FaultSettings::default()), faults)?,
        state_file: args.state.clone(),
        // In real time the market waits for nobody; a faster one would be over before anybody looks.
        start_on_subscribe: speed != Speed::Times(1),
        ..ServerConfig::new(feed)
    })
}

fn generated_feed(args: &ExchangeArgs) -> Feed {
    let named = args.symbols.iter().map(Symbol::as_str);
    let symbols: Vec<&str> =
        if args.symbols.is_empty() { SYMBOLS.to_vec() } else { named.collect() };
    Feed::Generated(Generated {
        symbols: symbols
            .into_iter()
            .map(|symbol| (symbol.to_owned(), first_price(symbol)))
            .collect(),
        steps: args.minutes,
        start: GENERATED_START,
        sessions: Sessions::Calendar,
    })
}

/// A price between 40 and 240 dollars that depends on the name alone.
fn first_price(symbol: &str) -> Decimal {
    let hash = symbol.bytes().fold(7_u64, |hash, byte| (hash * 31 + u64::from(byte)) % 20_000);
    Decimal::new(4_000, 2) + Decimal::from(hash) / Decimal::ONE_HUNDRED
}

fn read_actions(path: &Path) -> Result<Vec<CorporateAction>, Failure> {
    stockade_venue::server::read_actions(path).map_err(|error| Failure::Usage(error.to_string()))
}

fn faults(path: &Path) -> Result<FaultSettings, Failure> {
    let wrong = |error: String| {
        Failure::Usage(format!("fault plan {} (--faults): {error}", path.display()))
    };
    let text = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))
}

/// What the system refuses has failed; all else is a matter of the command line and its files.
fn start_failure(args: &ExchangeArgs, error: StartError) -> Failure {
    match error {
        StartError::Listen { .. } | StartError::State(_) => {
            Failure::from(anyhow::Error::new(error))
        }
        StartError::FaultPlan(error) => {
            let path = args.faults.as_deref().unwrap_or(Path::new("")).display();
            Failure::Usage(format!("fault plan {path} (--faults): {error}"))
        }
        error => Failure::Usage(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: ExchangeArgs,
    }

    fn parsed(words: &[&str]) -> ExchangeArgs {
        Line::try_parse_from([&["exchange"], words].concat()).unwrap().args
    }

    #[test]
    fn a_generated_market_begins_with_a_session_and_waits_for_its_first_reader() {
        assert_eq!(stockade_store::query::At(GENERATED_START).to_string(), "2026-02-09T14:30:00Z");
        let config =
            config(&parsed(&["--speed", "60", "--symbols", "X,Y", "--minutes", "9"])).unwrap();
        assert!(config.start_on_subscribe);
        assert_eq!(config.speed, Speed::Times(60));
        let Feed::Generated(market) = config.feed else { panic!("generated") };
        assert_eq!((market.steps, market.symbols.len()), (9, 2));
        assert!(market.symbols.iter().all(|(_, price)| *price >= Decimal::from(40)));
    }

    #[test]
    fn files_keep_their_own_time() {
        let config =
            config(&parsed(&["--bars", "SPY_1m.csv", "--key", "PKA:s", "--key", "PKB:t"])).unwrap();
        assert!(!config.start_on_subscribe);
        let ids: Vec<&str> =
            config.accounts.iter().map(|account| account.key_id.as_str()).collect();
        assert_eq!(ids, ["PKA", "PKB"]);
    }

    #[test]
    fn a_fault_plan_that_is_none_is_wrong_usage() {
        let failure = config(&parsed(&["--faults", "/nowhere/plan.json"])).unwrap_err();
        assert_eq!(failure.exit_code(), 2);
        assert!(failure.to_string().contains("/nowhere/plan.json"), "{failure}");
    }
}
