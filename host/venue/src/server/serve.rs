//! `stockade exchange`: from the words of the command line to a server that runs until Ctrl-C.

use std::net::SocketAddr;
use std::path::PathBuf;

use rust_decimal::Decimal;
use stockade_exchange::faults::FaultSettings;

use super::body::number;
use super::config::{AccountConfig, DEFAULT_CASH, DEFAULT_LISTEN, ServerConfig, Speed, StartError};
use super::faults;
use super::feed::Feed;
use super::run::ExchangeServer;
use crate::files::Source;

/// The options of `stockade exchange`, as they were typed.
#[derive(Debug, Clone, Default)]
pub struct ServeOptions {
    /// `--bars FILE…`, each perhaps `FILE:SYMBOL`.
    pub bars: Vec<String>,
    /// `--listen ADDR`.
    pub listen: Option<String>,
    /// `--speed N|max`; real time (1) when absent.
    pub speed: Option<String>,
    /// `--cash AMOUNT` of every account.
    pub cash: Option<String>,
    /// `--key ID:SECRET…`; the default key when there is none.
    pub keys: Vec<String>,
    /// `--seed N`; 1 when absent.
    pub seed: Option<u64>,
    /// `--faults FILE`: a fault plan in JSON.
    pub faults: Option<PathBuf>,
    /// A state file: accounts and market go on where they were.
    pub state_file: Option<PathBuf>,
}

impl ServeOptions {
    /// The configuration that the options mean.
    ///
    /// # Errors
    /// The option that makes no sense, what was found and what is allowed.
    pub fn config(&self) -> Result<ServerConfig, StartError> {
        if self.bars.is_empty() {
            return Err(wrong("--bars", "", "at least one file"));
        }
        let source = |text: &String| {
            Source::parse(text).map_err(|error| StartError::Feed(error.to_string()))
        };
        let files = self
            .bars
            .iter()
            .map(source)
            .collect::<Result<Vec<_>, _>>()?;
        let cash = self.cash.as_deref().map_or(Ok(DEFAULT_CASH), read_cash)?;
        let accounts = match self.keys.as_slice() {
            [] => vec![AccountConfig::default_with(cash)],
            keys => keys
                .iter()
                .map(|key| read_key(key, cash))
                .collect::<Result<_, _>>()?,
        };
        let listen = self.listen.as_deref().unwrap_or(DEFAULT_LISTEN);
        let listen: SocketAddr = listen
            .parse()
            .map_err(|_| wrong("--listen", listen, "an address such as 127.0.0.1:8810"))?;
        let speed = self
            .speed
            .as_deref()
            .map_or(Ok(Speed::Times(1)), read_speed)?;
        Ok(ServerConfig {
            listen,
            accounts,
            speed,
            seed: self.seed.unwrap_or(1),
            faults: self
                .faults
                .as_deref()
                .map_or(Ok(FaultSettings::default()), faults::read)?,
            state_file: self.state_file.clone(),
            start_on_subscribe: speed == Speed::Max,
            ..ServerConfig::new(Feed::Files(files))
        })
    }
}

fn wrong(option: &'static str, found: &str, allowed: &'static str) -> StartError {
    StartError::Option {
        option,
        found: found.to_owned(),
        allowed,
    }
}

fn read_speed(text: &str) -> Result<Speed, StartError> {
    if text == "max" {
        return Ok(Speed::Max);
    }
    match text.parse() {
        Ok(times @ 1..=1_000_000) => Ok(Speed::Times(times)),
        _ => Err(wrong(
            "--speed",
            text,
            "a whole number from 1 to 1000000, or max",
        )),
    }
}

fn read_cash(text: &str) -> Result<Decimal, StartError> {
    number(text).ok_or_else(|| wrong("--cash", text, "an amount in US dollars such as 100000"))
}

fn read_key(text: &str, cash: Decimal) -> Result<AccountConfig, StartError> {
    // The secret is not repeated in the error.
    let hint = "ID:SECRET, neither of them empty";
    match text.split_once(':') {
        Some((id, secret)) if !id.is_empty() && !secret.is_empty() => Ok(AccountConfig {
            key_id: id.to_owned(),
            secret: secret.to_owned(),
            cash,
        }),
        Some((id, _)) => Err(wrong("--key", id, hint)),
        None => Err(wrong("--key", "a text without a colon", hint)),
    }
}

/// Starts a server as the options say and runs it until Ctrl-C. `ready` is called once with the
/// address when it listens.
///
/// # Errors
/// [`StartError`].
pub async fn serve(
    options: ServeOptions,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), StartError> {
    let mut running = ExchangeServer::start(options.config()?).await?;
    ready(running.addr);
    tokio::select! {
        result = tokio::signal::ctrl_c() => {
            if let Err(error) = result {
                tracing::warn!(%error, "Ctrl-C cannot be watched; stopping");
            }
        }
        () = running.wait() => {}
    }
    running.stop().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn options() -> ServeOptions {
        ServeOptions {
            bars: vec!["SPY_x.csv".into()],
            ..ServeOptions::default()
        }
    }

    #[test]
    fn defaults_are_an_account_in_real_time() {
        let config = options().config().unwrap();
        assert_eq!(config.speed, Speed::Times(1));
        assert_eq!(config.accounts[0].key_id, super::super::DEFAULT_KEY_ID);
        assert_eq!(config.accounts[0].cash, Decimal::from(100_000));
        assert_eq!(config.budget(), 200);
    }

    #[test]
    fn a_wrong_option_is_named_and_a_secret_is_not_shown() {
        let error = |change: &dyn Fn(&mut ServeOptions)| {
            let mut options = options();
            change(&mut options);
            options.config().unwrap_err().to_string()
        };
        assert!(error(&|o| o.speed = Some("0".into())).starts_with("--speed is \"0\""));
        assert!(error(&|o| o.cash = Some("lots".into())).starts_with("--cash is \"lots\""));
        assert!(error(&|o| o.listen = Some("here".into())).contains("--listen"));
        assert!(!error(&|o| o.keys = vec![":hush".into()]).contains("hush"));
        assert!(error(&|o| o.bars.clear()).contains("--bars"));
    }
}
