//! Historical bars, all pages.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use stockade_core::broker::Answer;
use stockade_core::{Symbol, Timestamp};

use super::classify::{self, Failure, answer};
use super::client::Alpaca;
use super::market::{SymbolBar, WireTick};
use super::wire::{self, WireError};

/// Rows of one page over all symbols: the broker's maximum.
const PAGE: usize = 10_000;
/// Symbols of one request: keeps the address below 8 KiB.
const SYMBOLS_MAX: usize = 200;

/// Which bars are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRequest {
    /// Of what; pairs are told from shares by what [`Alpaca::assets`] has learned.
    pub symbols: Vec<Symbol>,
    /// As the broker writes it: `1Min`, `5Min`, `1Hour`, `1Day`, …
    pub timeframe: String,
    /// The first start of an interval.
    pub from: Timestamp,
    /// The last start of an interval.
    pub to: Timestamp,
    /// Most bars over all symbols. More make the answer unknown: a part would be no answer, for
    /// the broker lists one symbol after the other.
    pub bars_max: usize,
}

#[derive(Debug, Deserialize)]
struct WirePage<'a> {
    #[serde(borrow)]
    bars: Option<BTreeMap<String, Vec<&'a RawValue>>>,
    next_page_token: Option<String>,
}

impl Alpaca {
    /// The bars asked for, by time and then in the order of the symbols. A bar that can't be read
    /// is left out with a warning.
    pub async fn history_bars(&self, request: &HistoryRequest) -> Answer<Vec<SymbolBar>> {
        answer(self.try_history(request).await)
    }

    async fn try_history(&self, request: &HistoryRequest) -> Result<Vec<SymbolBar>, Failure> {
        let (crypto, equity): (Vec<&Symbol>, Vec<&Symbol>) =
            request.symbols.iter().partition(|symbol| self.symbols.is_crypto(symbol));
        let mut bars = Vec::new();
        for symbols in equity.chunks(SYMBOLS_MAX) {
            let path = ["v2", "stocks", "bars"];
            let extra = [("adjustment", "raw"), ("feed", "iex")];
            self.history_of(request, symbols, &path, &extra, &mut bars).await?;
        }
        for symbols in crypto.chunks(SYMBOLS_MAX) {
            let path = ["v1beta3", "crypto", "us", "bars"];
            self.history_of(request, symbols, &path, &[], &mut bars).await?;
        }
        let place: BTreeMap<&Symbol, usize> =
            request.symbols.iter().enumerate().map(|(i, symbol)| (symbol, i)).collect();
        bars.sort_by_key(|bar| (bar.at, place.get(&bar.symbol).copied()));
        Ok(bars)
    }

    async fn history_of(
        &self,
        request: &HistoryRequest,
        symbols: &[&Symbol],
        path: &[&str],
        extra: &[(&str, &str)],
        bars: &mut Vec<SymbolBar>,
    ) -> Result<(), Failure> {
        let names: Vec<_> = symbols.iter().map(|symbol| self.symbols.wire(symbol)).collect();
        let names = names.join(",");
        let mut token: Option<String> = None;
        loop {
            let mut url = self.data(path)?;
            url.query_pairs_mut()
                .append_pair("symbols", &names)
                .append_pair("timeframe", &request.timeframe)
                .append_pair("start", &wire::rfc3339(request.from))
                .append_pair("end", &wire::rfc3339(request.to))
                .append_pair("limit", &PAGE.to_string())
                .append_pair("sort", "asc")
                .extend_pairs(extra);
            if let Some(token) = &token {
                url.query_pairs_mut().append_pair("page_token", token);
            }
            let body = classify::success(&self.rest, self.rest.get(url).await)?;
            let page: WirePage<'_> = classify::read("historical bars", &body)?;
            let before = bars.len();
            for (name, rows) in page.bars.unwrap_or_default() {
                let symbol = wire::symbol("historical bars", &name)?;
                bars.extend(rows.into_iter().filter_map(|row| bar(&symbol, row)));
            }
            if bars.len() > request.bars_max {
                let allowed = request.bars_max;
                return Err(WireError::Long { what: "historical bars", allowed }.into());
            }
            match page.next_page_token {
                None => return Ok(()),
                Some(next) if token.as_ref() == Some(&next) || bars.len() == before => {
                    return Err(WireError::Stuck { what: "historical bars", size: PAGE }.into());
                }
                next => token = next,
            }
        }
    }
}

fn bar(symbol: &Symbol, row: &RawValue) -> Option<SymbolBar> {
    let tick: Result<WireTick<'_>, _> = wire::json("a bar", row.get().as_bytes());
    match tick.and_then(|tick| tick.bar_of(symbol.clone())) {
        Ok(bar) => Some(bar),
        Err(fault) => {
            tracing::warn!(%symbol, %fault, "a historical bar is left out");
            None
        }
    }
}
