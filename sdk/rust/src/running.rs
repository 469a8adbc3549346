//! A strategy at work: hands it lists of events and keeps what the SDK itself remembers.
//!
//! The component and the test harness run the same code. Each list call returns how many events
//! were handled: all events of the time stamp at which the strategy first asked for something are
//! handled, and nothing after them. The saved state holds the strategy's bytes and the last price
//! of each symbol, by symbol, because the table of instruments may differ after a reload.

use crate::context::{Answers, Context, Host};
use crate::state::{Reader, Writer};
use crate::{
    ActionEvent, Bar, Config, Decimal, Instrument, InstrumentInfo, OrderEvent, Quote, SessionEvent,
    Strategy, TimerEvent, Timestamp, Trade,
};

/// The layout of what [`Running::save`] adds to the strategy's bytes.
const LAYOUT: u8 = 1;

/// A strategy with its configuration and last prices.
pub struct Running<S> {
    strategy: S,
    instruments: Vec<InstrumentInfo>,
    marks: Vec<Option<Decimal>>,
    answers: Answers,
}

impl<S: Strategy> Running<S> {
    /// Makes the strategy.
    pub fn new(config: &Config) -> Result<Self, String> {
        Ok(Self {
            strategy: S::new(config)?,
            instruments: config.instruments.clone(),
            marks: vec![None; config.instrument_slots()],
            answers: Answers::default(),
        })
    }

    /// The strategy, to look at.
    pub fn strategy(&self) -> &S {
        &self.strategy
    }

    /// Hands over bars; returns how many were handled.
    pub fn bars(&mut self, host: &dyn Host, events: &[Bar], warm_up: bool) -> u32 {
        self.run(host, events, warm_up)
    }

    /// Hands over quotes; returns how many were handled.
    pub fn quotes(&mut self, host: &dyn Host, events: &[Quote], warm_up: bool) -> u32 {
        self.run(host, events, warm_up)
    }

    /// Hands over trades; returns how many were handled.
    pub fn trades(&mut self, host: &dyn Host, events: &[Trade], warm_up: bool) -> u32 {
        self.run(host, events, warm_up)
    }

    /// Hands over order events; returns how many were handled.
    pub fn orders(&mut self, host: &dyn Host, events: &[OrderEvent], warm_up: bool) -> u32 {
        self.run(host, events, warm_up)
    }

    /// Hands over timer events; returns how many were handled.
    pub fn timers(&mut self, host: &dyn Host, events: &[TimerEvent], warm_up: bool) -> u32 {
        self.run(host, events, warm_up)
    }

    /// Hands over session events; returns how many were handled.
    pub fn sessions(&mut self, host: &dyn Host, events: &[SessionEvent], warm_up: bool) -> u32 {
        self.run(host, events, warm_up)
    }

    /// Hands over corporate actions; returns how many were handled.
    pub fn actions(&mut self, host: &dyn Host, events: &[ActionEvent], warm_up: bool) -> u32 {
        self.run(host, events, warm_up)
    }

    fn run<E: Event>(&mut self, host: &dyn Host, events: &[E], warm_up: bool) -> u32 {
        self.answers.forget();
        let mut ctx = Context {
            host,
            instruments: &self.instruments,
            marks: &mut self.marks,
            answers: &mut self.answers,
            event: 0,
            at: 0,
            warm_up,
            asked: false,
        };
        let mut rest = events;
        while let Some((event, later)) = rest.split_first() {
            rest = later;
            ctx.at = event.at();
            if let Some((instrument, price)) = event.mark() {
                ctx.mark(instrument, price);
            }
            event.deliver(&mut self.strategy, &mut ctx);
            let last_of_time = rest.first().is_none_or(|next| next.at() != ctx.at);
            if last_of_time {
                let at = ctx.at;
                E::after(&mut self.strategy, &mut ctx, at);
            }
            ctx.event += 1;
            if ctx.asked && last_of_time {
                break;
            }
        }
        ctx.event
    }

    /// The state for the host to keep.
    pub fn save(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.u8(LAYOUT);
        out.count(self.instruments.len());
        for info in &self.instruments {
            out.text(&info.symbol);
            let slot = usize::try_from(info.id).ok().and_then(|i| self.marks.get(i));
            out.optional_decimal(slot.copied().flatten());
        }
        out.bytes(&self.strategy.save());
        out.finish()
    }

    /// Makes a state of this version's layout of what another version's [`Running::save`] wrote:
    /// the strategy's part is the strategy's affair.
    pub fn migrate(&self, schema: u32, state: &[u8]) -> Result<Vec<u8>, String> {
        let mut from = Reader::new(state)?;
        let mut out = Writer::new();
        out.u8(layout(&mut from)?);
        let count = from.count()?;
        out.count(count);
        for _ in 0..count {
            out.text(from.text()?);
            out.optional_decimal(from.optional_decimal()?);
        }
        let own = from.bytes()?;
        from.finish()?;
        out.bytes(&self.strategy.migrate(schema, own)?);
        Ok(out.finish())
    }

    /// Takes what [`Running::save`] or [`Running::migrate`] gave.
    pub fn restore(&mut self, state: &[u8]) -> Result<(), String> {
        let mut from = Reader::new(state)?;
        layout(&mut from)?;
        for _ in 0..from.count()? {
            let symbol = from.text()?;
            let price = from.optional_decimal()?;
            let known = self.instruments.iter().find(|i| i.symbol == symbol).map(|i| i.id);
            let place = known.and_then(|id| usize::try_from(id).ok());
            if let Some(mark) = place.and_then(|place| self.marks.get_mut(place)) {
                *mark = price.or(*mark);
            }
        }
        let own = from.bytes()?;
        from.finish()?;
        self.strategy.restore(own)
    }
}

/// Reads the number of the layout, and refuses one that this SDK does not know.
fn layout(from: &mut Reader<'_>) -> Result<u8, String> {
    let layout = from.u8()?;
    if layout == LAYOUT {
        return Ok(layout);
    }
    Err(format!("the state has layout {layout}, this SDK reads {LAYOUT}"))
}

/// What the kinds of events have in common.
trait Event {
    fn at(&self) -> Timestamp;
    /// A price to remember.
    fn mark(&self) -> Option<(Instrument, Decimal)> {
        None
    }
    fn deliver<S: Strategy>(&self, strategy: &mut S, ctx: &mut Context<'_>);
    /// The events of one time stamp are through.
    fn after<S: Strategy>(strategy: &mut S, ctx: &mut Context<'_>, at: Timestamp) {
        let _ = (strategy, ctx, at);
    }
}

/// The members that read the same for each kind of event.
macro_rules! event {
    ($handler:ident) => {
        fn at(&self) -> Timestamp {
            self.at
        }

        fn deliver<S: Strategy>(&self, strategy: &mut S, ctx: &mut Context<'_>) {
            strategy.$handler(ctx, self);
        }
    };
}

impl Event for Bar {
    event!(on_bar);

    fn mark(&self) -> Option<(Instrument, Decimal)> {
        Some((self.instrument, self.close()))
    }

    fn after<S: Strategy>(strategy: &mut S, ctx: &mut Context<'_>, at: Timestamp) {
        strategy.after_bars(ctx, at);
    }
}

impl Event for Quote {
    event!(on_quote);
}

impl Event for Trade {
    event!(on_trade);

    fn mark(&self) -> Option<(Instrument, Decimal)> {
        Some((self.instrument, self.price()))
    }
}

impl Event for OrderEvent {
    event!(on_order);
}

impl Event for TimerEvent {
    event!(on_timer);
}

impl Event for SessionEvent {
    event!(on_session);
}

impl Event for ActionEvent {
    event!(on_action);
}
