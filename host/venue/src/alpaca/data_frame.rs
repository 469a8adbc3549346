//! Frames of the data streams, JSON or msgpack, taken apart.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use stockade_core::Symbol;

use super::market::{SymbolBar, SymbolQuote, SymbolTrade, WireTick};
use super::msgpack;
use super::socket::Frame;
use super::wire::{self, WireError};

/// One item of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    /// Bars of one time stamp that came side by side.
    Bars(Vec<SymbolBar>),
    Quote(SymbolQuote),
    Trade(SymbolTrade),
    /// `connected`, `authenticated`.
    Success(String),
    /// The whole of what the broker now sends.
    Subscription(Ack),
    Error {
        code: u32,
        message: String,
    },
}

/// An acknowledgement of a subscription.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Ack {
    #[serde(default)]
    pub(crate) bars: Vec<String>,
    #[serde(default)]
    pub(crate) quotes: Vec<String>,
    #[serde(default)]
    pub(crate) trades: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Kind {
    #[serde(rename = "T")]
    kind: String,
}

#[derive(Debug, Deserialize)]
struct WireSuccess {
    msg: Option<String>,
}

#[derive(Debug, Deserialize)]
struct WireFault {
    code: Option<u32>,
    msg: Option<String>,
}

/// Takes a frame apart. Bars that came side by side are put together by their time stamp, each
/// group in the table's order (`place`). A tick that can't be read is left out with a warning;
/// kinds that this version doesn't know are passed over; a frame that is no list is an error.
pub(crate) fn items(frame: &Frame, place: &HashMap<Symbol, usize>) -> Result<Vec<Item>, WireError> {
    let converted;
    let bytes = match frame {
        Frame::Text(text) => text.as_bytes(),
        Frame::Binary(bytes) if matches!(bytes.first(), Some(b'[' | b'{' | b' ')) => bytes,
        Frame::Binary(bytes) => {
            converted = msgpack::to_json(bytes).unwrap_or_default();
            converted.as_bytes()
        }
    };
    let raws: Vec<&RawValue> = wire::json("a data frame", bytes)?;
    let mut items = Vec::with_capacity(raws.len());
    let mut bars = Vec::new();
    for raw in raws {
        match item(raw.get().as_bytes()) {
            Ok(Some(Read::Bar(bar))) => bars.push(bar),
            Ok(Some(Read::Item(item))) => {
                group(&mut bars, place, &mut items);
                items.push(item);
            }
            Ok(None) => {}
            Err(fault) => tracing::warn!(%fault, "an item of a data frame is left out"),
        }
    }
    group(&mut bars, place, &mut items);
    Ok(items)
}

enum Read {
    Bar(SymbolBar),
    Item(Item),
}

fn item(raw: &[u8]) -> Result<Option<Read>, WireError> {
    const WHAT: &str = "market data";
    let Kind { kind } = wire::json(WHAT, raw)?;
    let tick = || wire::json::<WireTick<'_>>(WHAT, raw);
    Ok(Some(match kind.as_str() {
        "b" => Read::Bar(tick()?.bar()?),
        "q" => Read::Item(Item::Quote(tick()?.quote()?)),
        "t" => Read::Item(Item::Trade(tick()?.trade()?)),
        "success" => {
            let success: WireSuccess = wire::json(WHAT, raw)?;
            Read::Item(Item::Success(success.msg.unwrap_or_default()))
        }
        "subscription" => Read::Item(Item::Subscription(wire::json(WHAT, raw)?)),
        "error" => {
            let fault: WireFault = wire::json(WHAT, raw)?;
            let (code, message) = (fault.code.unwrap_or(0), fault.msg.unwrap_or_default());
            Read::Item(Item::Error { code, message })
        }
        _ => return Ok(None),
    }))
}

/// Moves the bars on, one group for each time stamp, the earliest first.
fn group(bars: &mut Vec<SymbolBar>, place: &HashMap<Symbol, usize>, items: &mut Vec<Item>) {
    // Stable: two bars of one symbol and time keep the order in which they came.
    bars.sort_by_key(|bar| (bar.at, place.get(&bar.symbol).copied().unwrap_or(usize::MAX)));
    for same in bars.chunk_by(|a, b| a.at == b.at) {
        items.push(Item::Bars(same.to_vec()));
    }
    bars.clear();
}
