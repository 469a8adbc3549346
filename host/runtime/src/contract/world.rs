//! What a bot exports, whatever release of the contract it was built for.

use wasmtime::component::{ComponentExportIndex, InstancePre, Resource, TypedFunc};
use wasmtime::{Error, Result, Store};

use super::release::Version;
use super::{actions, types as wit, v1_0, v1_1};
use crate::host::Host;
use crate::lent::Lease;
use crate::wire::Laid;

/// A bot's exports.
pub(crate) trait World: Send + Sync {
    fn describe(&self, store: &mut Store<Host>) -> Result<wit::Description>;
    fn init(&self, store: &mut Store<Host>, config: &wit::Config) -> Result<Result<(), String>>;
    fn save(&self, store: &mut Store<Host>) -> Result<Vec<u8>>;
    fn migrate(
        &self,
        store: &mut Store<Host>,
        schema: u32,
        state: &[u8],
    ) -> Result<Result<Vec<u8>, String>>;
    fn restore(&self, store: &mut Store<Host>, state: &[u8]) -> Result<Result<(), String>>;
    /// Hands events of a kind over; the answer is how many were handled.
    fn handle(
        &self,
        store: &mut Store<Host>,
        capital: Resource<Lease>,
        events: &Crossing<'_>,
        warm_up: bool,
    ) -> Result<u32>;
}

/// Events in the contract's types.
pub(crate) enum Crossing<'a> {
    Bars(Laid),
    Quotes(&'a [wit::Quote]),
    Trades(&'a [wit::Trade]),
    Orders(&'a [wit::OrderEvent]),
    Timers(&'a [wit::TimerEvent]),
    Sessions(&'a [wit::SessionEvent]),
    Actions(&'a [actions::ActionEvent]),
}

/// A component whose imports are there and whose exports are known.
pub(crate) struct Prepared {
    pre: InstancePre<Host>,
    on_bars: ComponentExportIndex,
    exports: Exports,
}

/// The exports, by release.
enum Exports {
    V1_0(v1_0::BotIndices),
    V1_1(v1_1::BotIndices),
}

impl Prepared {
    /// Looks the exports of a release up and checks their types.
    pub(crate) fn new(pre: InstancePre<Host>, release: Version) -> Result<Self> {
        let exports = match release.minor {
            0 => Exports::V1_0(v1_0::BotIndices::new(&pre)?),
            1 => Exports::V1_1(v1_1::BotIndices::new(&pre)?),
            _ => return Err(Error::msg(format!("there is no release {release}"))),
        };
        let component = pre.component();
        let on_bars = component
            .get_export_index(None, "stockade:bot/on-bars@1.0.0")
            .and_then(|interface| component.get_export_index(Some(&interface), "handle"))
            .ok_or_else(|| Error::msg("on-bars has no function handle"))?;
        Ok(Self { pre, on_bars, exports })
    }

    pub(crate) fn instantiate(&self, store: &mut Store<Host>) -> Result<Box<dyn World>> {
        let instance = self.pre.instantiate(&mut *store)?;
        let on_bars = instance.get_typed_func(&mut *store, self.on_bars)?;
        match &self.exports {
            Exports::V1_0(exports) => {
                let bot = exports.load(&mut *store, &instance)?;
                Ok(Box::new(World1_0 { bot, on_bars }))
            }
            Exports::V1_1(exports) => {
                let bot = exports.load(&mut *store, &instance)?;
                Ok(Box::new(World1_1 { bot, on_bars }))
            }
        }
    }
}

type OnBars = TypedFunc<(Resource<Lease>, Laid, bool), (u32,)>;

/// Implements the trait by the exports that every release has.
macro_rules! world {
    ($name:ident, $release:ident, $actions:ident) => {
        struct $name {
            bot: $release::Bot,
            /// The one call that is made for each bar of a backtest: by hand, so that bars that
            /// are laid out already are copied and not taken apart.
            on_bars: OnBars,
        }

        impl World for $name {
            fn describe(&self, store: &mut Store<Host>) -> Result<wit::Description> {
                self.bot.stockade_bot_lifecycle().call_describe(store)
            }

            fn init(
                &self,
                store: &mut Store<Host>,
                config: &wit::Config,
            ) -> Result<Result<(), String>> {
                self.bot.stockade_bot_lifecycle().call_init(store, config)
            }

            fn save(&self, store: &mut Store<Host>) -> Result<Vec<u8>> {
                self.bot.stockade_bot_lifecycle().call_save(store)
            }

            fn migrate(
                &self,
                store: &mut Store<Host>,
                schema: u32,
                state: &[u8],
            ) -> Result<Result<Vec<u8>, String>> {
                self.bot.stockade_bot_lifecycle().call_migrate(store, schema, state)
            }

            fn restore(&self, store: &mut Store<Host>, state: &[u8]) -> Result<Result<(), String>> {
                self.bot.stockade_bot_lifecycle().call_restore(store, state)
            }

            fn handle(
                &self,
                store: &mut Store<Host>,
                capital: Resource<Lease>,
                events: &Crossing<'_>,
                warm_up: bool,
            ) -> Result<u32> {
                let bot = &self.bot;
                match events {
                    Crossing::Bars(bars) => {
                        let (handled,) =
                            self.on_bars.call(store, (capital, bars.clone(), warm_up))?;
                        Ok(handled)
                    }
                    Crossing::Quotes(list) => {
                        bot.stockade_bot_on_quotes().call_handle(store, capital, list, warm_up)
                    }
                    Crossing::Trades(list) => {
                        bot.stockade_bot_on_trades().call_handle(store, capital, list, warm_up)
                    }
                    Crossing::Orders(list) => {
                        bot.stockade_bot_on_orders().call_handle(store, capital, list, warm_up)
                    }
                    Crossing::Timers(list) => {
                        bot.stockade_bot_on_timer().call_handle(store, capital, list, warm_up)
                    }
                    Crossing::Sessions(list) => {
                        bot.stockade_bot_on_session().call_handle(store, capital, list, warm_up)
                    }
                    Crossing::Actions(list) => $actions(bot, store, capital, list, warm_up),
                }
            }
        }
    };
}

world!(World1_0, v1_0, no_actions);
world!(World1_1, v1_1, on_actions);

/// A bot of 1.0 knows of no actions: it has handled them all.
fn no_actions(
    _: &v1_0::Bot,
    _: &mut Store<Host>,
    _: Resource<Lease>,
    list: &[actions::ActionEvent],
    _: bool,
) -> Result<u32> {
    Ok(u32::try_from(list.len())?)
}

fn on_actions(
    bot: &v1_1::Bot,
    store: &mut Store<Host>,
    capital: Resource<Lease>,
    list: &[actions::ActionEvent],
    warm_up: bool,
) -> Result<u32> {
    bot.stockade_bot_on_actions().call_handle(store, capital, list, warm_up)
}
