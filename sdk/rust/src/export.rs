//! Makes a component of a strategy; [`crate::export!`] is the way in.

use crate::bindings::exports::stockade::bot::{
    lifecycle, on_actions, on_bars, on_orders, on_quotes, on_session, on_timer, on_trades,
};
use crate::bindings::stockade::bot::capital::Capital;
use crate::bindings::stockade::bot::host;
use crate::{
    ActionEvent, Bar, Config, Decimal, Description, Host, Instrument, Intent, LogLevel, OpenOrder,
    OrderEvent, OrderId, Position, Quote, Refusal, Running, SessionEvent, Strategy, TimerEvent,
    Trade,
};

/// Exports a [`Strategy`] as the bot of this crate: `export!(MyBot);`, once. On a native target it
/// does nothing, so that the same crate can be tested with `cargo test`.
#[macro_export]
macro_rules! export {
    ($bot:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            std::thread_local! {
                static BOT: std::cell::RefCell<Option<$crate::Running<$bot>>> =
                    const { std::cell::RefCell::new(None) };
            }

            struct Component;

            impl $crate::export::Slot for Component {
                type Bot = $bot;

                fn with<R>(f: impl FnOnce(&mut Option<$crate::Running<$bot>>) -> R) -> R {
                    BOT.with_borrow_mut(f)
                }
            }

    $crate::bindings::export!(Component with_types_in $crate::bindings);
        };
    };
}

/// Where a component keeps its one bot.
pub trait Slot {
    /// The bot.
    type Bot: Strategy;
    /// Runs `f` on the place of the bot, which is empty before `init`.
    fn with<R>(f: impl FnOnce(&mut Option<Running<Self::Bot>>) -> R) -> R;
}

/// The host behind a component's imports.
struct Imports<'a>(&'a Capital);

impl Host for Imports<'_> {
    fn cash(&self) -> Decimal {
        self.0.cash()
    }

    fn buying_power(&self) -> Decimal {
        self.0.buying_power()
    }

    fn position(&self, instrument: Instrument) -> Position {
        self.0.position(instrument)
    }

    fn open_orders(&self) -> Vec<OpenOrder> {
        self.0.open_orders()
    }

    fn submit(&self, event: u32, intent: &Intent) -> Result<OrderId, Refusal> {
        self.0.submit(event, intent)
    }

    fn replace(
        &self,
        event: u32,
        order: OrderId,
        qty: Option<Decimal>,
        limit: Option<Decimal>,
        stop: Option<Decimal>,
    ) -> Result<OrderId, Refusal> {
        self.0.replace(event, order, qty, limit, stop)
    }

    fn cancel(&self, event: u32, order: OrderId) -> Result<(), Refusal> {
        self.0.cancel(event, order)
    }

    fn log(&self, level: LogLevel, message: &str) {
        host::log(level, message);
    }

    fn history(&self, event: u32, instrument: Instrument, count: u32) -> Vec<Bar> {
        host::history(event, instrument, count)
    }
}

/// Runs one call on the bot. The host calls `init` first, so a missing bot is its fault: trap.
fn bot<T: Slot, R>(f: impl FnOnce(&mut Running<T::Bot>) -> R) -> R {
    T::with(|slot| f(slot.as_mut().expect("init comes before every other call")))
}

impl<T: Slot> lifecycle::Guest for T {
    fn describe() -> Description {
        T::Bot::describe()
    }

    fn init(config: Config) -> Result<(), String> {
        // The trap itself says nothing; the last log line says why.
        std::panic::set_hook(Box::new(|panic| host::log(LogLevel::Error, &panic.to_string())));
        let running = Running::new(&config)?;
        T::with(|slot| *slot = Some(running));
        Ok(())
    }

    fn save() -> Vec<u8> {
        bot::<T, _>(|bot| bot.save())
    }

    fn migrate(schema: u32, state: Vec<u8>) -> Result<Vec<u8>, String> {
        bot::<T, _>(|bot| bot.migrate(schema, &state))
    }

    fn restore(state: Vec<u8>) -> Result<(), String> {
        bot::<T, _>(|bot| bot.restore(&state))
    }
}

impl<T: Slot> on_bars::Guest for T {
    fn handle(capital: &Capital, events: Vec<Bar>, warm_up: bool) -> u32 {
        bot::<T, _>(|bot| bot.bars(&Imports(capital), &events, warm_up))
    }
}

impl<T: Slot> on_quotes::Guest for T {
    fn handle(capital: &Capital, events: Vec<Quote>, warm_up: bool) -> u32 {
        bot::<T, _>(|bot| bot.quotes(&Imports(capital), &events, warm_up))
    }
}

impl<T: Slot> on_trades::Guest for T {
    fn handle(capital: &Capital, events: Vec<Trade>, warm_up: bool) -> u32 {
        bot::<T, _>(|bot| bot.trades(&Imports(capital), &events, warm_up))
    }
}

impl<T: Slot> on_orders::Guest for T {
    fn handle(capital: &Capital, events: Vec<OrderEvent>, warm_up: bool) -> u32 {
        bot::<T, _>(|bot| bot.orders(&Imports(capital), &events, warm_up))
    }
}

impl<T: Slot> on_timer::Guest for T {
    fn handle(capital: &Capital, events: Vec<TimerEvent>, warm_up: bool) -> u32 {
        bot::<T, _>(|bot| bot.timers(&Imports(capital), &events, warm_up))
    }
}

impl<T: Slot> on_session::Guest for T {
    fn handle(capital: &Capital, events: Vec<SessionEvent>, warm_up: bool) -> u32 {
        bot::<T, _>(|bot| bot.sessions(&Imports(capital), &events, warm_up))
    }
}

impl<T: Slot> on_actions::Guest for T {
    fn handle(capital: &Capital, events: Vec<ActionEvent>, warm_up: bool) -> u32 {
        bot::<T, _>(|bot| bot.actions(&Imports(capital), &events, warm_up))
    }
}
