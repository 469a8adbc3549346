//! What a call sees of the world: the sleeve, the last prices, the time.
//!
//! All of it is shared and never changed, so that handing an event to thousands of bots copies
//! nothing but a few pointers, and recent calls can be kept as they were.

use std::collections::BTreeMap;
use std::sync::Arc;

use stockade_core::desk::Desk;
use stockade_core::instrument::Instrument;
use stockade_core::sleeve::{Prices, SleeveView};
use stockade_core::{InstrumentId, Price, SleeveId, Symbol, Timestamp};

/// Last prices at the time of a call.
#[derive(Debug, Clone)]
pub(crate) struct PriceTable {
    instruments: Arc<[Instrument]>,
    places: Arc<BTreeMap<Symbol, InstrumentId>>,
    last: Arc<[Option<(Price, Timestamp)>]>,
}

impl PriceTable {
    /// As the desk has them. What does not change with prices is taken over from `before`.
    pub(crate) fn of(desk: &Desk, before: Option<&Self>) -> Self {
        let count = u32::try_from(desk.instruments().len()).unwrap_or(u32::MAX);
        let last = (0..count).map(|id| desk.last(InstrumentId(id))).collect();
        if let Some(before) = before.filter(|before| *before.instruments == *desk.instruments()) {
            return Self { last, ..before.clone() };
        }
        let places = desk.instruments().iter();
        let places = places.filter_map(|i| Some((i.symbol.clone(), desk.find(&i.symbol)?)));
        let places = Arc::new(places.collect());
        Self { instruments: desk.instruments().into(), places, last }
    }
}

impl PriceTable {
    /// How many instruments it has.
    pub(crate) fn len(&self) -> usize {
        self.instruments.len()
    }
}

impl Prices for PriceTable {
    fn find(&self, symbol: &Symbol) -> Option<InstrumentId> {
        self.places.get(symbol).copied()
    }

    fn instrument(&self, id: InstrumentId) -> Option<&Instrument> {
        self.instruments.get(id.index())
    }

    fn last(&self, id: InstrumentId) -> Option<(Price, Timestamp)> {
        self.last.get(id.index()).copied().flatten()
    }
}

/// What a call sees of the world.
#[derive(Debug, Clone)]
pub(crate) struct Sight {
    pub(crate) view: Arc<SleeveView>,
    pub(crate) prices: PriceTable,
    pub(crate) now: Timestamp,
}

impl Sight {
    /// As the desk has it now, with nothing taken over.
    pub(crate) fn of(desk: &Desk, sleeve: SleeveId, now: Timestamp) -> Option<Self> {
        let view = Arc::new(desk.view(sleeve)?);
        Some(Self { view, prices: PriceTable::of(desk, None), now })
    }
}
