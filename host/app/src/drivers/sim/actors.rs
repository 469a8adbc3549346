//! Who acts in the world besides bots: the market, persons, strangers at the broker; and intents of all kinds.

use rust_decimal::Decimal;
use stockade_core::desk::{Command, Event, Scope};
use stockade_core::ledger::LotMethod;
use stockade_core::market::{Bar, MarketEvent, Quote, Trade};
use stockade_core::order::{Intent, OrderType, Side, Size, TimeInForce};
use stockade_core::sleeve::{Prices, SleeveView};
use stockade_core::{InstrumentId, Money, OrderId, Price, Qty, SleeveId, Slug, Symbol};
use stockade_exchange::{self as exchange, NewOrder};

use super::check::Checked;
use super::world::{Happening, MS, World};

/// The sleeves that bots trade, and the one that a person does.
const BOTS: [&str; 3] = ["alpha", "beta", "gamma"];
const HAND: &str = "hand";
/// The stop price of a stop order must be on the far side of the last price; a hundredth of it away is.
const FAR: i64 = 10;

fn slug(name: &str) -> Slug {
    Slug::new(name).expect("a literal slug")
}

fn money(dollars: i64) -> Money {
    Money::new(Decimal::from(dollars))
}

/// Numbers that no order should have.
const GARBAGE: [(i128, u32); 9] = [
    (0, 0),
    (-5, 0),
    (1, 28),
    (123_456_789_012_345_678, 17),
    (79_228_162_514_264_337_593_543_950_335, 0),
    (79_228_162_514_264_337_593_543_950_335, 28),
    (-79_228_162_514_264_337_593_543_950_335, 0),
    (1_000_000_001, 0),
    (10_000_000_000_001, 1),
];

impl World {
    /// A price of a symbol in its last known state, moved by at most `tenths` of a per cent.
    fn near(&mut self, place: usize, tenths: i64) -> Price {
        let moved =
            self.cents[place] + self.cents[place] * self.random.between(-tenths, tenths) / 1_000;
        Price::new(Decimal::new(moved.max(1), 2))
    }

    fn garbage(&mut self) -> Decimal {
        let (mantissa, scale) = self.random.pick(&GARBAGE).copied().unwrap_or_default();
        Decimal::from_i128_with_scale(mantissa, scale)
    }

    /// The market moves: the broker sees it, then the desk.
    pub(crate) fn tick(&mut self) -> Checked {
        let after = if self.quiet { 4_000 } else { self.random.between(300, 2_500) };
        self.schedule(after * MS, Happening::Tick);
        let place = usize::try_from(self.random.below(3)).unwrap_or(0);
        let step = if self.random.chance(self.faults.price_jumps) { 80 } else { 4 };
        self.cents[place] = (self.cents[place]
            + self.cents[place] * self.random.between(-step, step) / 1_000)
            .max(500);
        self.quote(place);
        if self.random.chance(self.faults.stranger_trades) {
            self.stranger_trades();
        }
        if self.random.chance(self.faults.stranger_cancels) {
            self.stranger_cancels();
        }
        if self.random.chance(self.faults.socket_drops) {
            self.drop_socket();
        }
        self.deliver();
        self.show(place)
    }

    /// A quote and a trade at the broker.
    pub(crate) fn quote(&mut self, place: usize) {
        let at = exchange::Nanos(self.market().0);
        let Some(symbol) = self.broker.exchange.symbol_id(self.symbols[place].as_str()) else {
            return;
        };
        let (price, size) = (Decimal::new(self.cents[place], 2), Decimal::from(100));
        let (bid, ask) = (price - Decimal::new(1, 2), price + Decimal::new(1, 2));
        self.broker.exchange.advance(at);
        self.broker.exchange.on_trade(&exchange::Trade { symbol, at, price, size });
        self.broker.exchange.on_quote(&exchange::Quote {
            symbol,
            at,
            bid,
            bid_size: size,
            ask,
            ask_size: size,
        });
    }

    fn show(&mut self, place: usize) -> Checked {
        let Some(host) = &self.host else {
            return Ok(());
        };
        let Some(instrument) = host.desk.find(&self.symbols[place]) else {
            return Ok(());
        };
        let at = self.market();
        let price = Price::new(Decimal::new(self.cents[place], 2));
        let one = Qty::new(Decimal::ONE);
        let market = if self.random.chance(self.faults.bad_quote) {
            let (bid, ask) = self.bad_quote(price);
            MarketEvent::Quote(Quote { instrument, at, bid, bid_size: one, ask, ask_size: one })
        } else if self.random.chance(500) {
            MarketEvent::Trade(Trade { instrument, at, price, size: one })
        } else {
            let bar = Bar {
                instrument,
                at,
                open: price,
                high: price,
                low: price,
                close: price,
                volume: one,
            };
            MarketEvent::Bars { bars: vec![bar] }
        };
        self.take(Event::Market { market })
    }

    fn bad_quote(&mut self, price: Price) -> (Price, Price) {
        let far = Price::new(price.get() * Decimal::ONE_HUNDRED);
        match self.random.below(3) {
            0 => (far, price),
            1 => (Price::ZERO, price),
            _ => (-price, far),
        }
    }

    fn stranger_trades(&mut self) {
        if self.host.as_ref().is_none_or(|host| host.desk.account().opened_at.is_none()) {
            return;
        }
        let Some(symbol) = self.random.pick(&self.symbols).cloned() else {
            return;
        };
        let side = if self.random.chance(700) { exchange::Side::Buy } else { exchange::Side::Sell };
        let qty = Decimal::from(self.random.between(1, 5));
        let tif = if symbol.as_str() == "BTCUSD" {
            exchange::TimeInForce::Gtc
        } else {
            exchange::TimeInForce::Day
        };
        let mut order = NewOrder::market(symbol.as_str(), side, qty).tif(tif);
        order.client_order_id = Some(format!("stranger-{}", self.steps));
        let at = exchange::Nanos(self.market().0);
        if self.broker.exchange.submit(order, at).is_ok() {
            self.counters.strangers += 1;
            self.trace.line(self.now, || format!("a stranger trades {qty} {symbol} ({side})"));
        }
    }

    fn stranger_cancels(&mut self) {
        let open: Vec<exchange::Id> =
            self.broker.exchange.open_orders().map(|order| order.id).collect();
        let at = exchange::Nanos(self.market().0);
        if let Some(id) = self.random.pick(&open)
            && self.broker.exchange.cancel(*id, at).is_ok()
        {
            self.counters.strangers += 1;
        }
    }

    /// An intent: usually sensible, sometimes too much, sometimes nonsense.
    pub(crate) fn intent(&mut self, view: &SleeveView, prices: &dyn Prices) -> Option<Intent> {
        let place = usize::try_from(self.random.below(3)).unwrap_or(0);
        let symbol = self.symbols[place].clone();
        let held = prices
            .find(&symbol)
            .and_then(|id| view.position(id))
            .map_or(Qty::ZERO, |position| position.available);
        let side =
            if held.is_positive() && self.random.chance(550) { Side::Sell } else { Side::Buy };
        let order_type = self.order_type(place, side);
        let size = self.size(place, side, held, view);
        let time_in_force = match self.random.below(10) {
            0 => TimeInForce::Ioc,
            1 | 2 => TimeInForce::Gtc,
            _ => TimeInForce::Day,
        };
        let reason = self.random.chance(500).then(|| "a reason".into());
        let extended_hours = self.random.chance(20);
        Some(Intent {
            symbol,
            side,
            size,
            order_type,
            time_in_force,
            extended_hours,
            reason,
            tag: None,
            lot: None,
        })
    }

    fn order_type(&mut self, place: usize, side: Side) -> OrderType {
        let away = |far: i64| if side == Side::Buy { far } else { -far };
        let last = self.cents[place];
        let stop_price = Price::new(Decimal::new(
            last + away(last * self.random.between(1, FAR) / 1_000 + 1),
            2,
        ));
        match self.random.below(20) {
            0..8 => OrderType::Market,
            8..15 => OrderType::Limit { limit_price: self.near(place, 8) },
            15 | 16 => OrderType::Stop { stop_price },
            17 | 18 => OrderType::StopLimit { stop_price, limit_price: self.near(place, 20) },
            _ => OrderType::Limit { limit_price: Price::new(self.garbage()) },
        }
    }

    fn size(&mut self, place: usize, side: Side, held: Qty, view: &SleeveView) -> Size {
        let price = Decimal::new(self.cents[place], 2);
        let most = (view.cash.get() / price).trunc().max(Decimal::ONE);
        match self.random.below(20) {
            0 => Size::Qty(Qty::new(self.garbage())),
            1 => Size::Notional(Money::new(self.garbage())),
            2 => Size::Qty(Qty::new(most * Decimal::from(3))),
            3 | 4 => Size::Notional(Money::new(Decimal::new(self.random.between(100, 400_000), 2))),
            5 => Size::Qty(Qty::new(Decimal::new(self.random.between(1, 4_000), 3))),
            6 | 7 if side == Side::Sell => Size::Qty(held),
            8 => Size::Qty(Qty::new(most)),
            _ if price > Decimal::from(10_000) => {
                Size::Qty(Qty::new(Decimal::new(self.random.between(1, 900), 4)))
            }
            _ => Size::Qty(Qty::new(Decimal::from(self.random.between(1, 12)))),
        }
    }

    pub(crate) fn change(&mut self) -> (Option<Qty>, Option<Price>) {
        let place = usize::try_from(self.random.below(3)).unwrap_or(0);
        let qty = match self.random.below(10) {
            0 => Some(Qty::new(self.garbage())),
            1..5 => Some(Qty::new(Decimal::from(self.random.between(1, 15)))),
            _ => None,
        };
        let limit_price = self.random.chance(600).then(|| self.near(place, 8));
        (qty, limit_price)
    }

    /// A person does something.
    pub(crate) fn person(&mut self) -> Checked {
        if self.quiet {
            return Ok(());
        }
        let after = self.random.between(500, 9_000) * MS;
        self.schedule(after, Happening::Person);
        let Some(host) = &self.host else {
            return Ok(());
        };
        if host.desk.account().opened_at.is_none() {
            return Ok(());
        }
        let missing = BOTS.iter().find(|name| host.desk.sleeve(&slug(name)).is_none());
        let command = if let Some(name) = missing {
            self.deploy(name)
        } else if host.desk.sleeve(&slug(HAND)).is_none() {
            Command::SleeveCreate {
                name: slug(HAND),
                capital: money(20_000),
                lots: LotMethod::Fifo,
            }
        } else {
            let Some(command) = self.command() else {
                return Ok(());
            };
            command
        };
        self.counters.commands += 1;
        self.take(Event::Command { command })
    }

    fn deploy(&mut self, name: &str) -> Command {
        Command::BotDeploy {
            name: slug(name),
            sleeve: None,
            capital: money(self.random.between(5, 30) * 1_000),
            plugin: "sim".to_owned(),
            digest: "d1".to_owned(),
            version: "1".to_owned(),
            params: Vec::new(),
            symbols: self.symbols.clone(),
            seed: 1,
        }
    }

    fn name(&mut self) -> Slug {
        let names = [BOTS[0], BOTS[1], BOTS[2], HAND];
        slug(self.random.pick(&names).copied().unwrap_or(HAND))
    }

    fn bot_name(&mut self) -> Slug {
        slug(self.random.pick(&BOTS).copied().unwrap_or(BOTS[0]))
    }

    fn amount(&mut self) -> Money {
        if self.random.chance(60) {
            let cents = self.garbage().round_dp(9);
            // The command line takes no larger number than this.
            return Money::checked(cents).unwrap_or(Money::ZERO);
        }
        Money::new(Decimal::new(self.random.between(1, 900_000), 2))
    }

    fn scope(&mut self) -> Scope {
        if self.random.chance(250) { Scope::Account } else { Scope::Sleeve { name: self.name() } }
    }

    fn command(&mut self) -> Option<Command> {
        Some(match self.random.below(24) {
            0 | 1 => Command::CapitalAdd { name: self.name(), amount: self.amount() },
            2 => Command::CapitalWithdraw { name: self.name(), amount: self.amount() },
            3 => Command::CapitalMove { from: self.name(), to: self.name(), amount: self.amount() },
            4 => Command::CapitalAllocate { name: self.name(), amount: self.amount() },
            5..11 => return self.order_by_hand(),
            11 => Command::OrderCancel { order: self.open_order()? },
            12 => {
                let (qty, limit_price) = self.change();
                Command::OrderReplace { order: self.open_order()?, qty, limit_price }
            }
            13 | 14 => return self.assign(),
            15 => Command::PositionMove {
                from: self.name(),
                to: self.name(),
                symbol: self.a_symbol()?,
                qty: Qty::new(Decimal::from(self.random.between(1, 6))),
            },
            16 => self.control(),
            17 => Command::Halt {
                scope: self.scope(),
                reducing: self.random.chance(500),
                why: "a drill".to_owned(),
            },
            18..21 => Command::Resume { scope: self.scope() },
            21 => match self.random.below(3) {
                0 => Command::BotStop { name: self.bot_name() },
                1 => Command::BotSet {
                    name: self.bot_name(),
                    params: vec![("fast".to_owned(), "5".to_owned())],
                },
                _ => Command::BotRelease { name: self.bot_name() },
            },
            22 => Command::BotStart { name: self.bot_name() },
            _ => Command::Reconcile,
        })
    }

    fn order_by_hand(&mut self) -> Option<Command> {
        let sleeve = if self.random.chance(800) { slug(HAND) } else { self.name() };
        let host = self.host.take()?;
        let view = host.desk.sleeve(&sleeve).map(|row| row.id).and_then(|id| host.desk.view(id));
        let intent = view.and_then(|view| self.intent(&view, &host.desk));
        self.host = Some(host);
        Some(Command::OrderSubmit { sleeve, intent: intent? })
    }

    fn open_order(&mut self) -> Option<OrderId> {
        let open: Vec<OrderId> =
            self.host.as_ref()?.desk.open_orders().map(|order| order.id).collect();
        self.random.pick(&open).copied()
    }

    fn a_symbol(&mut self) -> Option<Symbol> {
        self.random.pick(&self.symbols).cloned()
    }

    fn assign(&mut self) -> Option<Command> {
        let held: Vec<(InstrumentId, Qty)> = {
            let desk = &self.host.as_ref()?.desk;
            desk.holdings(SleeveId::SUSPENSE).map(|(id, holding)| (id, holding.qty)).collect()
        };
        let (id, qty) = *self.random.pick(&held)?;
        let symbol = self.host.as_ref()?.desk.instruments().get(id.index())?.symbol.clone();
        let qty = if self.random.chance(200) { qty + Qty::new(Decimal::ONE) } else { qty };
        let (to, cost) = (self.name(), self.amount());
        let opened = self.market().plus(-self.random.between(0, 90_000_000) * MS);
        Some(Command::PositionAssign { symbol, qty, to, cost, opened })
    }

    fn control(&mut self) -> Command {
        let settings = [
            ("order_rate", "30"),
            ("order_rate", "none"),
            ("max_order_notional", "5000"),
            ("max_order_notional", "none"),
            ("max_position_qty", "40"),
            ("price_collar_pct", "3"),
            ("duplicate_window_ms", "500"),
            ("daily_loss", "4000"),
            ("stale_price_ms", "60000"),
            ("stale_price_ms", "none"),
        ];
        let setting = self.random.pick(&settings).copied().unwrap_or(settings[0]);
        let settings = vec![(setting.0.to_owned(), setting.1.to_owned())];
        Command::RiskSet { scope: self.scope(), settings }
    }
}
