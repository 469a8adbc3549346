//! Bars in the form in which they cross to a bot, laid out once for all the calls that carry them.
//!
//! A bar of the contract is nine integers in 56 bytes. Whoever owns many bars makes a [`Laid`] of
//! them; a call then copies a range of bytes into the bot's memory, instead of turning each decimal
//! of each bar into two numbers again.

use std::ops::Range;
use std::sync::Arc;

use rust_decimal::Decimal;
use stockade_core::market::Bar;
use stockade_core::{Price, Timestamp};
use wasmtime::component::__internal::{
    CanonicalAbiInfo, InstanceType, InterfaceType, LowerContext,
};
use wasmtime::component::{ComponentType, Lower};
use wasmtime::{Result, ValRaw};

use crate::contract::types as wit;
use crate::convert;

/// Bytes of a bar in a bot's memory.
const BYTES: usize = 56;
const AT: usize = 0;
const INSTRUMENT: usize = 8;
const PRICE_SCALE: usize = 12;
const VOLUME_SCALE: usize = 13;
const OPEN: usize = 16;
const CLOSE: usize = 40;
const VOLUME: usize = 48;

/// A bar as it lies in a bot's memory: little-endian, at the contract's offsets.
type Wire = [u8; BYTES];

/// A list of bars, or a part of one. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Laid {
    list: Arc<Vec<Wire>>,
    part: Range<usize>,
    /// One more than the highest instrument of the whole list.
    instruments: u32,
}

impl Laid {
    /// Lays bars out under their instruments' places in the desk's table.
    #[must_use]
    pub fn new(bars: &[Bar]) -> Self {
        let mut laid = Self::default();
        laid.refill(bars, |bar| bar.instrument.0);
        laid
    }

    /// The bars at these places.
    #[must_use]
    pub fn part(&self, part: Range<usize>) -> Self {
        let start = self.part.start + part.start;
        let end = (self.part.start + part.end).min(self.part.end);
        Self { list: self.list.clone(), part: start.min(end)..end, instruments: self.instruments }
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.part.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.part.is_empty()
    }

    /// Lays other bars out in the same memory, if nobody else has it.
    pub(crate) fn refill(&mut self, bars: &[Bar], mut place: impl FnMut(&Bar) -> u32) {
        if Arc::get_mut(&mut self.list).is_none() {
            self.list = Arc::default();
        }
        self.instruments = 0;
        if let Some(list) = Arc::get_mut(&mut self.list) {
            list.clear();
            list.extend(bars.iter().map(|bar| {
                let place = place(bar);
                self.instruments = self.instruments.max(place.saturating_add(1));
                wire(bar, place)
            }));
        }
        self.part = 0..bars.len();
    }

    /// One more than the highest instrument.
    pub(crate) const fn instruments(&self) -> u32 {
        self.instruments
    }

    fn bars(&self) -> &[Wire] {
        self.list.get(self.part.clone()).unwrap_or_default()
    }

    /// The start of a bar.
    pub(crate) fn at(&self, index: usize) -> Option<Timestamp> {
        self.bars().get(index).map(|wire| Timestamp(long(wire, AT)))
    }

    /// The instrument and close of a bar.
    pub(crate) fn close(&self, index: usize) -> Option<(u32, Price)> {
        let wire = self.bars().get(index)?;
        let close = Decimal::new(long(wire, CLOSE), u32::from(wire[PRICE_SCALE]));
        Some((place(wire), Price::new(close)))
    }

    /// A bar in the contract's type.
    pub(crate) fn get(&self, index: usize) -> Option<wit::Bar> {
        self.bars().get(index).map(|wire| wit::Bar {
            at: long(wire, AT),
            instrument: place(wire),
            price_scale: wire[PRICE_SCALE],
            volume_scale: wire[VOLUME_SCALE],
            open: long(wire, OPEN),
            high: long(wire, OPEN + 8),
            low: long(wire, OPEN + 16),
            close: long(wire, CLOSE),
            volume: long(wire, VOLUME),
        })
    }
}

fn wire(bar: &Bar, place: u32) -> Wire {
    let bar = convert::bar_out(bar, place);
    let mut wire = [0; BYTES];
    let mut put = |at: usize, bytes: &[u8]| wire[at..at + bytes.len()].copy_from_slice(bytes);
    put(AT, &bar.at.to_le_bytes());
    put(INSTRUMENT, &bar.instrument.to_le_bytes());
    put(PRICE_SCALE, &[bar.price_scale, bar.volume_scale]);
    for (at, number) in
        (OPEN..).step_by(8).zip([bar.open, bar.high, bar.low, bar.close, bar.volume])
    {
        put(at, &number.to_le_bytes());
    }
    wire
}

fn long(wire: &Wire, at: usize) -> i64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&wire[at..at + 8]);
    i64::from_le_bytes(bytes)
}

fn place(wire: &Wire) -> u32 {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&wire[INSTRUMENT..INSTRUMENT + 4]);
    u32::from_le_bytes(bytes)
}

#[expect(
    unsafe_code,
    reason = "the trait is unsafe; everything of it is that of the generated list"
)]
// SAFETY: a component's type is checked as that of a list of the generated `bar`, whose size and
// alignment the check below holds the bytes to.
unsafe impl ComponentType for Laid {
    type Lower = <[wit::Bar] as ComponentType>::Lower;

    const ABI: CanonicalAbiInfo = <[wit::Bar] as ComponentType>::ABI;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> Result<()> {
        <[wit::Bar] as ComponentType>::typecheck(ty, types)
    }
}

const _: () = assert!(<wit::Bar as ComponentType>::SIZE32 == BYTES);

#[expect(unsafe_code, reason = "the trait is unsafe; the code is not")]
// SAFETY: what is written is a pointer that the bot's own allocator gave for as many bytes as are
// copied there, and the number of bars in them; a test compares them with the generated lowering.
unsafe impl Lower for Laid {
    fn linear_lower_to_flat<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        _: InterfaceType,
        dst: &mut std::mem::MaybeUninit<Self::Lower>,
    ) -> Result<()> {
        let (pointer, count) = self.copy(cx)?;
        dst.write([ValRaw::i64(pointer), ValRaw::i64(count)]);
        Ok(())
    }

    fn linear_lower_to_memory<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        _: InterfaceType,
        offset: usize,
    ) -> Result<()> {
        let (pointer, count) = self.copy(cx)?;
        *cx.get(offset) = u32::try_from(pointer)?.to_le_bytes();
        *cx.get(offset + 4) = u32::try_from(count)?.to_le_bytes();
        Ok(())
    }
}

impl Laid {
    /// Copies the bars into the bot's memory; gives where, and how many.
    fn copy<T>(&self, cx: &mut LowerContext<'_, T>) -> Result<(i64, i64)> {
        let bytes = self.bars().as_flattened();
        let align = <wit::Bar as ComponentType>::ALIGN32;
        let pointer = cx.realloc(0, 0, align, bytes.len())?;
        cx.as_slice_mut()[pointer..pointer + bytes.len()].copy_from_slice(bytes);
        Ok((i64::try_from(pointer)?, i64::try_from(self.len())?))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use stockade_core::InstrumentId;

    use super::*;

    fn bar(instrument: u32, at: i64, close: &str) -> Bar {
        let number = |text: &str| text.parse().unwrap();
        Bar {
            instrument: InstrumentId(instrument),
            at: Timestamp(at),
            open: number("150.5"),
            high: number("151"),
            low: number("-0.25"),
            close: number(close),
            volume: "1234567.125".parse().unwrap(),
        }
    }

    #[test]
    fn what_is_laid_out_is_what_was_given() {
        let laid = Laid::new(&[bar(0, 1, "150.12"), bar(2, -7, "3")]);
        assert_eq!((laid.len(), laid.instruments()), (2, 3));
        assert_eq!(laid.close(0), Some((0, "150.12".parse().unwrap())));
        let (part, want) = (laid.part(1..2), convert::bar_out(&bar(2, -7, "3"), 2));
        let got = part.get(0).unwrap();
        assert_eq!(format!("{got:?}"), format!("{want:?}"));
        assert_eq!((part.at(0), part.get(1).is_none()), (Some(Timestamp(-7)), true));
        assert!(laid.part(2..9).is_empty() && part.part(1..1).is_empty());
    }

    #[test]
    fn memory_is_used_again_unless_somebody_has_it() {
        let mut laid = Laid::new(&[bar(0, 1, "1")]);
        let held = laid.clone();
        laid.refill(&[bar(0, 2, "2"), bar(0, 3, "3")], |_| 7);
        assert_eq!((held.at(0), laid.at(1)), (Some(Timestamp(1)), Some(Timestamp(3))));
        assert_eq!(laid.instruments(), 8);
    }
}
