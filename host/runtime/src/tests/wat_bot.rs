//! A bot in WebAssembly text, with a hole for each thing that a test wants otherwise; and a sleeve
//! and prices to call it with.

use std::collections::HashMap;
use std::sync::LazyLock;

use rust_decimal::Decimal;
use stockade_core::instrument::{AssetClass, Instrument};
use stockade_core::market::Bar;
use stockade_core::risk::TradingState;
use stockade_core::sleeve::{PositionView, Prices, Pricing, SleeveView};
use stockade_core::{InstrumentId, IntentId, Money, Price, Qty, SleeveId, Symbol, Timestamp};

use crate::*;

pub(super) const WIT: &str = include_str!("../../../../wit/1.0/bot.wit");

/// The test process's engine: without deadlines, so that nothing depends on the machine's load.
pub(super) static ENGINE: LazyLock<Engine> =
    LazyLock::new(|| Engine::new(&EngineConfig::default()).unwrap());

/// The holes. Bodies see `$cap`, `$ptr`, `$len` and leave an i32.
pub(super) struct WatBot {
    pub(super) name: &'static str,
    /// `on-bars`: by default counts the bars, gives the handle back and handles all.
    pub(super) bars: String,
    pub(super) init: &'static str,
    pub(super) save: &'static str,
    /// By default gives the state back as it is.
    pub(super) migrate: &'static str,
    pub(super) restore: &'static str,
    /// The number of the format that `describe` gives.
    pub(super) schema: u8,
    pub(super) extra: String,
    /// Bytes of memory pages at the start.
    pub(super) pages: u32,
    /// Further WIT packages, and imports of the world.
    pub(super) packages: &'static [&'static str],
    pub(super) imports: &'static str,
    /// Version of the contract.
    pub(super) contract: &'static str,
}

/// Gives the handle back and handles all.
pub(super) const DONE: &str = "(call $drop (local.get $cap)) (local.get $len)";

impl Default for WatBot {
    fn default() -> Self {
        Self {
            name: "tester",
            bars: DONE.to_owned(),
            init: "(i32.store8 (i32.const 1024) (i32.const 0)) (i32.const 1024)",
            save: "(i32.store (i32.const 1040) (i32.const 1200))
                   (i32.store (i32.const 1044) (i32.const 8)) (i32.const 1040)",
            migrate: "(i32.store8 (i32.const 1024) (i32.const 0))
                      (i32.store (i32.const 1028) (local.get $ptr))
                      (i32.store (i32.const 1032) (local.get $len)) (i32.const 1024)",
            schema: 0,
            restore: "(i64.store (i32.const 1200) (i64.load (local.get $ptr)))
                      (i32.store8 (i32.const 1024) (i32.const 0)) (i32.const 1024)",
            extra: String::new(),
            pages: 32,
            packages: &[],
            imports: "",
            contract: "1.0.0",
        }
    }
}

impl WatBot {
    pub(super) fn bars(body: &str) -> Self {
        Self { bars: body.to_owned(), ..Self::default() }
    }

    /// A core module that carries the contract's types.
    pub(super) fn module(&self) -> Vec<u8> {
        self.module_with("")
    }

    /// With further imports of the core module.
    pub(super) fn module_with(&self, imports: &str) -> Vec<u8> {
        let mut module = wat::parse_str(self.text().replace(";; imports", imports)).unwrap();
        let mut resolve = wit_parser::Resolve::default();
        for (i, package) in self.packages.iter().enumerate() {
            resolve.push_source(&format!("p{i}.wit"), package).unwrap();
        }
        let version = format!("package stockade:bot@{};", self.contract);
        let world = format!("world bot {{\n{}", self.imports);
        let wit =
            WIT.replace("package stockade:bot@1.0.0;", &version).replace("world bot {", &world);
        let package = resolve.push_source("bot.wit", &wit).unwrap();
        let world = resolve.select_world(&[package], Some("bot")).unwrap();
        let encoding = wit_component::StringEncoding::UTF8;
        wit_component::embed_component_metadata(&mut module, &resolve, world, encoding, false)
            .unwrap();
        module
    }

    pub(super) fn load(&self) -> Plugin {
        Plugin::load(&ENGINE, &self.module().into(), self.name).unwrap()
    }

    pub(super) fn start(&self) -> Bot {
        Bot::start(&self.load(), config()).unwrap()
    }

    fn text(&self) -> String {
        let Self { name, bars, init, save, migrate, restore, extra, pages, contract, .. } = self;
        let mut handlers = String::new();
        for kind in ["quotes", "trades", "orders", "timer", "session"] {
            handlers += &format!(
                r#"(func (export "stockade:bot/on-{kind}@{contract}#handle")
                     (param $cap i32) (param $ptr i32) (param $len i32) (param $warm i32) (result i32)
                     (global.set $heap (i32.const 8192)) {DONE})"#
            );
        }
        format!(
            r#"(module
  (import "stockade:bot/capital@{contract}" "[resource-drop]capital" (func $drop (param i32)))
  (import "stockade:bot/capital@{contract}" "[method]capital.submit"
    (func $submit_raw (param i32 i32)))
  (import "stockade:bot/capital@{contract}" "[method]capital.cash" (func $cash (param i32 i32)))
  (import "stockade:bot/capital@{contract}" "[method]capital.buying-power"
    (func $power (param i32 i32)))
  (import "stockade:bot/capital@{contract}" "[method]capital.cancel"
    (func $cancel_raw (param i32 i32 i64 i32)))
  (import "stockade:bot/host@{contract}" "log" (func $log (param i32 i32 i32)))
  (import "stockade:bot/host@{contract}" "history" (func $history (param i32 i32 i32 i32)))
  ;; imports
  (memory (export "memory") {pages})
  (global $heap (mut i32) (i32.const 8192))
  (data (i32.const 16) "\00\01\00\00{name_len}\00\00\00\40\01\00\00\05\00\00\00\80\00\00\00\01\00\00\00")
  (data (i32.const 96) "\{schema:02x}")
  (data (i32.const 128) "\60\01\00\00\03\00\00\00")
  (data (i32.const 256) "{name}")
  (data (i32.const 320) "1.0.0")
  (data (i32.const 352) "any")
  (data (i32.const 512) "a line \1b[31m")
  ;; A market order, a quantity, no texts; answers 0 when it was taken.
  (func $submit (param $cap i32) (param $event i32) (param $side i32) (param $qty i64)
    (param $scale i32) (result i32)
    (i32.store (i32.const 2048) (local.get $cap))
    (i32.store (i32.const 2052) (local.get $event))
    (i32.store8 (i32.const 2060) (local.get $side))
    (i64.store (i32.const 2072) (local.get $qty))
    (i32.store8 (i32.const 2080) (local.get $scale))
    (call $submit_raw (i32.const 2048) (i32.const 1056))
    (i32.load8_u (i32.const 1056)))
  ;; A limit order.
  (func $limit (param $cap i32) (param $event i32) (param $side i32) (param $qty i64)
    (param $scale i32) (param $price i64) (param $price_scale i32) (result i32) (local $answer i32)
    (i32.store8 (i32.const 2088) (i32.const 1))
    (i64.store (i32.const 2096) (local.get $price))
    (i32.store8 (i32.const 2104) (local.get $price_scale))
    (local.set $answer (call $submit (local.get $cap) (local.get $event) (local.get $side)
      (local.get $qty) (local.get $scale)))
    (i32.store8 (i32.const 2088) (i32.const 0))
    (local.get $answer))
  {extra}
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
    (global.set $heap (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  (func (export "stockade:bot/lifecycle@{contract}#describe") (result i32) (i32.const 16))
  (func (export "stockade:bot/lifecycle@{contract}#init")
    (param i32 i32 i32 i32 i64) (result i32) {init})
  (func (export "stockade:bot/lifecycle@{contract}#save") (result i32) {save})
  (func (export "stockade:bot/lifecycle@{contract}#migrate")
    (param $schema i32) (param $ptr i32) (param $len i32) (result i32) {migrate})
  (func (export "stockade:bot/lifecycle@{contract}#restore")
    (param $ptr i32) (param $len i32) (result i32) {restore})
  (func (export "stockade:bot/on-bars@{contract}#handle")
    (param $cap i32) (param $ptr i32) (param $len i32) (param $warm i32) (result i32)
    (local $i i32)
    (global.set $heap (i32.const 8192))
    (i64.store (i32.const 1200)
      (i64.add (i64.load (i32.const 1200)) (i64.extend_i32_u (local.get $len))))
    {bars})
  {handlers})"#,
            schema = self.schema,
            name_len = format_args!("\\{:02x}", name.len()),
        )
    }
}

pub(super) fn instrument(place: u32) -> BotInstrument {
    let symbol = Symbol::new(["SPY", "QQQ", "IWM"][usize::try_from(place).unwrap()]).unwrap();
    BotInstrument { id: InstrumentId(place + 10), symbol, class: AssetClass::Equity }
}

pub(super) fn config() -> BotConfig {
    BotConfig { instruments: vec![instrument(0), instrument(1)], seed: 7, ..BotConfig::default() }
}

pub(super) fn view(cash: &str) -> SleeveView {
    let holding = PositionView {
        instrument: InstrumentId(11),
        qty: "10".parse::<Qty>().unwrap(),
        available: "10".parse::<Qty>().unwrap(),
        cost: "1000".parse::<Money>().unwrap(),
        buying: Qty::ZERO,
    };
    SleeveView {
        sleeve: SleeveId(12),
        name: "sleeve tester".to_owned(),
        version: 1,
        cash: cash.parse().unwrap(),
        reserved: Money::ZERO,
        positions: vec![holding],
        orders: Vec::new(),
        state: TradingState::Active,
        state_reason: String::new(),
        controls: stockade_core::risk::Controls { long_only: true, ..Default::default() }.into(),
        pricing: Pricing { collar_pct: Decimal::from(5), market_as_limit: true },
        next_intent: IntentId(100),
        accepted: Vec::new(),
    }
}

/// Two instruments, last seen at 100 dollars.
#[derive(Clone)]
pub(super) struct TestPrices(HashMap<InstrumentId, (Instrument, Option<Price>)>);

impl Default for TestPrices {
    fn default() -> Self {
        let last = Some("100".parse::<Price>().unwrap());
        let items = (0..2).map(instrument).map(|i| (i.id, (Instrument::equity(i.symbol), last)));
        Self(items.collect())
    }
}

impl Prices for TestPrices {
    fn find(&self, symbol: &Symbol) -> Option<InstrumentId> {
        self.0.iter().find(|(_, (i, _))| i.symbol == *symbol).map(|(id, _)| *id)
    }

    fn instrument(&self, id: InstrumentId) -> Option<&Instrument> {
        self.0.get(&id).map(|(instrument, _)| instrument)
    }

    fn last(&self, id: InstrumentId) -> Option<(Price, Timestamp)> {
        self.0.get(&id).and_then(|(_, last)| last.map(|price| (price, Timestamp(0))))
    }
}

/// A bar of the first instrument.
pub(super) fn bar(at: i64, close: &str) -> Bar {
    let close: Price = close.parse().unwrap();
    Bar {
        instrument: InstrumentId(10),
        at: Timestamp(at),
        open: close,
        high: close,
        low: close,
        close,
        volume: "5".parse().unwrap(),
    }
}

/// Bars at 1, 2, 3, … with closes 101, 102, 103, …
pub(super) fn bars(count: u32) -> Vec<Bar> {
    (1..=count).map(|i| bar(i64::from(i), &(100 + i).to_string())).collect()
}

pub(super) fn call_with(bot: &mut Bot, bars: &[Bar], view: &SleeveView) -> Result<Outcome, Strike> {
    let prices = TestPrices::default();
    let now = bars.last().unwrap().at;
    bot.call(&Call { events: Events::bars(bars), warm_up: false, view, prices: &prices, now })
}

pub(super) fn call(bot: &mut Bot, count: u32) -> Result<Outcome, Strike> {
    call_with(bot, &bars(count), &view("10000"))
}

/// The cause of a first call of a bot with this body of `on-bars`.
pub(super) fn cause_of(body: &str) -> Cause {
    call(&mut WatBot::bars(body).start(), 1).unwrap_err().cause
}

/// What the bot has counted, out of its state.
pub(super) fn counted(bot: &mut Bot) -> u64 {
    u64::from_le_bytes(bot.save().unwrap().state.try_into().unwrap())
}
