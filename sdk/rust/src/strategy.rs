//! The trait that a bot implements.

use crate::{
    ActionEvent, Bar, Config, Context, Description, OrderEvent, Quote, SessionEvent, TimerEvent,
    Timestamp, Trade,
};

/// A bot. Everything but `describe` and `new` has a default that does nothing.
///
/// Handlers get one event each, in order. What a strategy keeps between events belongs into
/// `save`, except what it can ask of [`Context`]: orders and positions live with the host and
/// survive a reload.
pub trait Strategy: Sized + 'static {
    /// What the bot is and wants. Called before `new`; must not depend on anything.
    fn describe() -> Description;

    /// Takes the configuration. An error ends the deployment with its text.
    fn new(config: &Config) -> Result<Self, String>;

    /// A bar is complete.
    fn on_bar(&mut self, ctx: &mut Context<'_>, bar: &Bar) {
        let _ = (ctx, bar);
    }

    /// The bars of one time stamp have all been handled: the place to compare instruments. Live, a
    /// late bar of the same time stamp comes in a call of its own, followed by this one again.
    fn after_bars(&mut self, ctx: &mut Context<'_>, at: Timestamp) {
        let _ = (ctx, at);
    }

    /// The best bid or ask changed.
    fn on_quote(&mut self, ctx: &mut Context<'_>, quote: &Quote) {
        let _ = (ctx, quote);
    }

    /// Somebody traded.
    fn on_trade(&mut self, ctx: &mut Context<'_>, trade: &Trade) {
        let _ = (ctx, trade);
    }

    /// Something happened to one of the bot's orders.
    fn on_order(&mut self, ctx: &mut Context<'_>, order: &OrderEvent) {
        let _ = (ctx, order);
    }

    /// The period that `describe` asked for has passed in market time.
    fn on_timer(&mut self, ctx: &mut Context<'_>, timer: &TimerEvent) {
        let _ = (ctx, timer);
    }

    /// The session opened or closed.
    fn on_session(&mut self, ctx: &mut Context<'_>, session: &SessionEvent) {
        let _ = (ctx, session);
    }

    /// A corporate action of one of the bot's instruments was booked; the position is that after it.
    fn on_action(&mut self, ctx: &mut Context<'_>, action: &ActionEvent) {
        let _ = (ctx, action);
    }

    /// What to carry over a reload or a restart.
    fn save(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Makes a state of this version's layout of one that another version wrote, whose
    /// `state_schema` was `schema`. The default knows no other layout.
    fn migrate(&self, schema: u32, state: &[u8]) -> Result<Vec<u8>, String> {
        let _ = state;
        let own = Self::describe().state_schema;
        Err(format!("the state has schema {schema}, this version reads {own}"))
    }

    /// Takes a state that `save` wrote, or that `migrate` made. The default accepts an empty state
    /// alone.
    fn restore(&mut self, state: &[u8]) -> Result<(), String> {
        if state.is_empty() {
            return Ok(());
        }
        Err(format!("this bot keeps no state and was given {} bytes", state.len()))
    }
}
