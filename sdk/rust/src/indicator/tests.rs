//! Each against its formula in floats over a walk, against published values, and over a reload.

use super::*;
use crate::state::{Reader, StateError, Writer};
use crate::{Bar, qty};

/// A walk without a pattern, in cents, that stays above 50 dollars.
fn walk(count: usize) -> Vec<Decimal> {
    let mut state = 20_260_728u64;
    let mut price = 10_000i64;
    let mut step = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        price = (price + i64::try_from((state >> 33) % 201).expect("small") - 100).max(5_000);
        Decimal::new(price, 2)
    };
    (0..count).map(|_| step()).collect()
}

fn bars(count: usize) -> Vec<Bar> {
    let closes = walk(count + 1);
    let of = |(i, pair): (usize, &[Decimal])| {
        let i = i64::try_from(i).expect("small");
        let (open, close) = (pair[0], pair[1]);
        let high = open.max(close) + Decimal::new(i % 17, 2);
        let low = open.min(close) - Decimal::new(i % 13, 2);
        let volume = Decimal::new(1_000 + i * 7_919 % 5_003, 1);
        Bar::of(i, 0, [open, high, low, close], volume).expect("fits")
    };
    closes.windows(2).enumerate().map(of).collect()
}

fn near(got: Option<Decimal>, want: Option<f64>, what: &str) {
    match (got, want) {
        (Some(got), Some(want)) => {
            assert!((got.to_f64() - want).abs() < 2e-8, "{what}: {got} is not {want}");
        }
        (got, want) => assert_eq!(got.is_some(), want.is_some(), "{what}: {got:?} {want:?}"),
    }
}

fn mean(of: &[f64]) -> f64 {
    of.iter().sum::<f64>() / f64::from(u32::try_from(of.len()).expect("small"))
}

/// The formula read plainly: the whole series again for each value.
fn smooth(of: &[f64], period: usize, weight: f64) -> Option<f64> {
    let first = mean(of.get(..period)?);
    Some(of[period..].iter().fold(first, |average, x| average + (x - average) * weight))
}

fn ema(of: &[f64], period: u32) -> Option<f64> {
    smooth(of, usize::try_from(period).expect("small"), 2.0 / f64::from(period + 1))
}

#[test]
fn averages_agree_with_their_formulas() {
    let values = walk(300);
    let floats: Vec<f64> = values.iter().map(|v| v.to_f64()).collect();
    let (mut sma, mut fast, mut macd) = (Sma::new(20), Ema::new(10), Macd::new(12, 26, 9));
    let mut bands = Bollinger::new(20, qty("2"));
    let mut lines = Vec::new();
    for end in 1..=values.len() {
        let value = values[end - 1];
        sma.push(value).expect("fits");
        fast.push(value).expect("fits");
        macd.push(value).expect("fits");
        bands.push(value).expect("fits");
        let seen = &floats[..end];
        let last = end.checked_sub(20).map(|from| &seen[from..]);
        near(sma.value(), last.map(mean), "sma");
        near(fast.value(), ema(seen, 10), "ema");
        let deviation = last.map(|last| {
            let middle = mean(last);
            mean(&last.iter().map(|x| (x - middle).powi(2)).collect::<Vec<_>>()).sqrt()
        });
        let got = bands.value();
        near(got.map(|b| b.deviation), deviation, "deviation");
        near(got.map(|b| b.middle), last.map(mean), "middle");
        near(got.map(|b| b.upper), last.map(|l| mean(l) + 2.0 * deviation.unwrap_or(0.0)), "upper");
        near(got.map(|b| b.lower), last.map(|l| mean(l) - 2.0 * deviation.unwrap_or(0.0)), "lower");
        lines.extend(ema(seen, 12).zip(ema(seen, 26)).map(|(fast, slow)| fast - slow));
        let signal = ema(&lines, 9);
        let line = lines.last().copied().filter(|_| signal.is_some());
        near(macd.value().map(|m| m.line), line, "macd line");
        near(macd.value().map(|m| m.signal), signal, "macd signal");
        let histogram = line.zip(signal).map(|(line, signal)| line - signal);
        near(macd.value().map(|m| m.histogram), histogram, "macd histogram");
    }
}

#[test]
fn movement_and_volume_agree_with_their_formulas() {
    let bars = bars(300);
    let (mut rsi, mut atr, mut vwap) = (Rsi::new(14), Atr::new(14), Vwap::new());
    let (mut gains, mut losses, mut ranges) = (Vec::new(), Vec::new(), Vec::new());
    let (mut paid, mut volume) = (0.0, 0.0);
    for (i, bar) in bars.iter().enumerate() {
        rsi.push(bar.close()).expect("fits");
        atr.push(bar).expect("fits");
        vwap.push(bar).expect("fits");
        let (high, low, close) = (bar.high().to_f64(), bar.low().to_f64(), bar.close().to_f64());
        let before = i.checked_sub(1).map(|last| bars[last].close().to_f64());
        if let Some(before) = before {
            gains.push((close - before).max(0.0));
            losses.push((before - close).max(0.0));
        }
        let before = before.unwrap_or(low);
        ranges.push((high - low).max((high - before).abs()).max((low - before).abs()));
        paid += (high + low + close) / 3.0 * bar.volume().to_f64();
        volume += bar.volume().to_f64();
        let both = smooth(&gains, 14, 1.0 / 14.0).zip(smooth(&losses, 14, 1.0 / 14.0));
        near(rsi.value(), both.map(|(gain, loss)| 100.0 * gain / (gain + loss)), "rsi");
        near(atr.value(), smooth(&ranges, 14, 1.0 / 14.0), "atr");
        near(vwap.value(), Some(paid / volume), "vwap");
    }
}

#[test]
fn published_examples_are_met() {
    // StockCharts, ChartSchool: the 10-day EMA of "Moving Averages".
    let closes = [
        "22.27", "22.19", "22.08", "22.17", "22.18", "22.13", "22.23", "22.43", "22.24", "22.29",
        "22.15", "22.39", "22.38", "22.61", "23.36", "24.05", "23.75", "23.83", "23.95", "23.63",
        "23.82", "23.87", "23.65", "23.19", "23.10", "23.33", "22.68", "23.10", "22.40", "22.17",
    ];
    let want = [
        "22.22", "22.21", "22.24", "22.27", "22.33", "22.52", "22.80", "22.97", "23.13", "23.28",
        "23.34", "23.43", "23.51", "23.53", "23.47", "23.40", "23.39", "23.26", "23.23", "23.08",
        "22.92",
    ];
    let mut ema = Ema::new(10);
    let got: Vec<_> = closes
        .into_iter()
        .filter_map(|close| {
            ema.push(qty(close)).expect("fits");
            ema.value()?.round(2, Rounding::HalfEven)
        })
        .collect();
    assert_eq!(got, want.map(qty));
    // The same, "RSI", 14 days.
    let closes = [
        "44.3389", "44.0902", "44.1497", "43.6124", "44.3278", "44.8264", "45.0955", "45.4245",
        "45.8433", "46.0826", "45.8931", "46.0328", "45.6140", "46.2820", "46.2820", "46.0028",
        "46.0328", "46.4116", "46.2222", "45.6439", "46.2122",
    ];
    let mut rsi = Rsi::new(14);
    let got: Vec<_> = closes
        .into_iter()
        .filter_map(|close| {
            rsi.push(qty(close)).expect("fits");
            rsi.value()?.round(2, Rounding::HalfEven)
        })
        .collect();
    let want = ["70.53", "66.32", "66.55", "69.41", "66.36", "57.97", "62.93"];
    assert_eq!(got, want.map(qty));
}

#[test]
fn series_without_movement_have_their_limits() {
    let (mut rsi, mut bands) = (Rsi::new(2), Bollinger::new(3, qty("2")));
    for _ in 0..5 {
        rsi.push(qty("7.1")).expect("fits");
        bands.push(qty("7.1")).expect("fits");
    }
    assert_eq!(rsi.value(), Some(qty("50")));
    let value = bands.value().expect("full");
    assert_eq!([value.lower, value.middle, value.upper], [qty("7.1"); 3]);
    rsi.push(qty("7.2")).expect("fits");
    let mut up = Rsi::new(2);
    for close in ["1", "2", "3"] {
        up.push(qty(close)).expect("fits");
    }
    assert_eq!(up.value(), Some(qty("100")));
    assert_eq!(Vwap::new().value(), None);
}

#[test]
fn a_reload_at_any_place_changes_nothing() {
    let bars = bars(120);
    let mut straight = All::new();
    for (cut, bar) in bars.iter().enumerate() {
        let mut reloaded = straight.clone();
        let mut out = Writer::new();
        reloaded.save(&mut out);
        reloaded = All::new();
        let state = out.finish();
        let mut from = Reader::new(&state).expect("intact");
        reloaded.restore(&mut from).expect("restores");
        from.finish().expect("all was read");
        straight.push(bar);
        reloaded.push(bar);
        assert_eq!(straight.values(), reloaded.values(), "cut at {cut}");
    }
    assert!(straight.values().iter().all(Option::is_some));
}

#[test]
fn a_state_of_another_period_is_refused() {
    let mut out = Writer::new();
    Ema::new(10).save(&mut out);
    let state = out.finish();
    let mut from = Reader::new(&state).expect("intact");
    assert_eq!(Ema::new(11).restore(&mut from), Err(StateError::Malformed));
}

/// One of each.
#[derive(Clone)]
struct All(Sma, Ema, Macd, Bollinger, Rsi, Atr, Vwap);

impl All {
    fn new() -> Self {
        let bands = Bollinger::new(20, qty("2.5"));
        Self(
            Sma::new(7),
            Ema::new(9),
            Macd::new(3, 8, 4),
            bands,
            Rsi::new(5),
            Atr::new(6),
            Vwap::new(),
        )
    }

    fn push(&mut self, bar: &Bar) {
        let close = bar.close();
        let pushed = [
            self.0.push(close),
            self.1.push(close),
            self.2.push(close),
            self.3.push(close),
            self.4.push(close),
            self.5.push(bar),
            self.6.push(bar),
        ];
        assert!(pushed.iter().all(Result::is_ok));
    }

    fn values(&self) -> [Option<Decimal>; 7] {
        [
            self.0.value(),
            self.1.value(),
            self.2.value().map(|m| m.histogram),
            self.3.value().map(|b| b.upper),
            self.4.value(),
            self.5.value(),
            self.6.value(),
        ]
    }

    fn save(&self, out: &mut Writer) {
        self.0.save(out);
        self.1.save(out);
        self.2.save(out);
        self.3.save(out);
        self.4.save(out);
        self.5.save(out);
        self.6.save(out);
    }

    fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), StateError> {
        self.0.restore(from)?;
        self.1.restore(from)?;
        self.2.restore(from)?;
        self.3.restore(from)?;
        self.4.restore(from)?;
        self.5.restore(from)?;
        self.6.restore(from)
    }
}
