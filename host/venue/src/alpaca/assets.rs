//! Instruments from the broker's asset list, which also teaches its spelling of crypto pairs.

use std::collections::HashSet;
use std::time::Duration;

use stockade_core::Symbol;
use stockade_core::broker::Answer;
use stockade_core::instrument::Instrument;

use super::classify::{self, Failure, answer};
use super::client::Alpaca;
use super::rest::RestLimits;
use super::wire::WireAsset;

/// From so many symbols on, the whole list costs less of the request budget than one by one.
const ONE_BY_ONE_MAX: usize = 20;
/// The whole list: about 14,000 assets of 500 bytes.
const LIST_LIMITS: RestLimits = RestLimits {
    deadline: Duration::from_secs(60),
    connect: Duration::from_secs(5),
    body_bytes_max: 64 << 20,
};

impl Alpaca {
    /// The instruments of these symbols, in their order; what the broker doesn't know is left out.
    pub async fn assets(&self, symbols: &[Symbol]) -> Answer<Vec<Instrument>> {
        let result = if symbols.len() > ONE_BY_ONE_MAX {
            self.assets_listed(symbols).await
        } else {
            self.assets_one_by_one(symbols).await
        };
        answer(result)
    }

    async fn assets_one_by_one(&self, symbols: &[Symbol]) -> Result<Vec<Instrument>, Failure> {
        let mut found = Vec::with_capacity(symbols.len());
        for symbol in symbols {
            // The trading API takes pairs without their slash.
            let body = match self.get_trading(&["v2", "assets", symbol.as_str()]).await {
                Ok(body) => body,
                Err(Failure::NotFound) => continue,
                Err(failure) => return Err(failure),
            };
            let asset: WireAsset<'_> = classify::read("an asset", &body)?;
            let instrument = self.learned(&asset)?;
            found.extend(instrument.filter(|instrument| instrument.symbol == *symbol));
        }
        Ok(found)
    }

    async fn assets_listed(&self, symbols: &[Symbol]) -> Result<Vec<Instrument>, Failure> {
        let wanted: HashSet<&str> = symbols.iter().map(Symbol::as_str).collect();
        let mut found = Vec::with_capacity(symbols.len());
        for class in ["us_equity", "crypto"] {
            let mut url = self.trading(&["v2", "assets"])?;
            url.query_pairs_mut().append_pair("status", "active").append_pair("asset_class", class);
            let outcome = self.rest.get_long(url, LIST_LIMITS).await;
            let body = classify::success(&self.rest, outcome)?;
            let assets: Vec<WireAsset<'_>> = classify::read("the assets", &body)?;
            for asset in assets {
                if wanted.contains(asset.symbol.replace('/', "").as_str()) {
                    found.extend(self.learned(&asset)?);
                }
            }
        }
        found.sort_by_key(|instrument| symbols.iter().position(|s| *s == instrument.symbol));
        found.dedup_by(|a, b| a.symbol == b.symbol);
        Ok(found)
    }

    fn learned(&self, asset: &WireAsset<'_>) -> Result<Option<Instrument>, Failure> {
        let instrument = asset.instrument()?;
        if let Some(instrument) = &instrument {
            let symbol = instrument.symbol.clone();
            self.symbols.learn(symbol, &asset.symbol, instrument.class);
        }
        Ok(instrument)
    }
}
