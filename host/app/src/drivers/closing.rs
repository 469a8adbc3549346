//! What a session's close keeps: the figures of every sleeve, reckoned from the books as they are.
//!
//! Guarantees: a pass keeps what is due and nothing twice, whenever and however often it runs, so
//! that a host that was away for a close, or ended in the middle of a pass, makes up for it with the
//! next one. Nothing else waits for a pass, and a pass that fails is no harm: it is due again.

use anyhow::Result;
use stockade_stats::{History, Options, Performance, Valuation, performance, value};
use stockade_store::{ClosingSample, DueClose, DueSleeve, Store};

/// Reckons and keeps the figures that are due. Gives how many versions are new.
pub(crate) async fn keep(store: &Store, label: &str, epoch: u64) -> Result<u64> {
    let mut due = store.figures_due(label).await?;
    let mut kept = 0;
    while let Some(sleeve) = due.next().await? {
        let mut figures = Vec::with_capacity(sleeve.closes.len());
        for close in &sleeve.closes {
            figures.push((*close, serde_json::to_value(reckon(&sleeve, *close)?)?));
        }
        kept += store.figures_keep(&due, &sleeve, epoch, figures).await?;
    }
    Ok(kept)
}

/// The figures of one close: what `figures` prints at that moment without any option.
fn reckon(sleeve: &DueSleeve, close: DueClose) -> Result<Performance> {
    let counts = |sample: &&ClosingSample| {
        let ends = if sleeve.trades_crypto { sample.closes_day } else { sample.closes_session };
        sample.at < close.at && (ends || sample.first || !sample.flow.0.is_zero())
            || sample.at == close.at && sample.closes_session
    };
    let valuation = |sample: &ClosingSample| {
        let last = sample.at == close.at;
        let ends = if sleeve.trades_crypto { sample.closes_day } else { sample.closes_session };
        Some(Valuation {
            at: sample.at,
            equity: value(sample.equity)?,
            // What moved after the close belongs to the next one.
            flow: if last { 0.0 } else { value(sample.flow)? },
            closes_period: last || ends,
        })
    };
    let valuations: Vec<Valuation> =
        sleeve.samples.iter().filter(counts).filter_map(valuation).collect();
    let known = sleeve.round_trips.iter().take_while(|(exit, _)| *exit <= close.at);
    let round_trips: Vec<f64> = known.filter_map(|(_, net)| value(net)).collect();
    let periods =
        if sleeve.trades_crypto { Options::PERIODS_CRYPTO } else { Options::PERIODS_EQUITY };
    Ok(performance(&History {
        valuations: &valuations,
        benchmark: None,
        round_trips: &round_trips,
        options: Options::new(periods, 0.0, None)?,
    }))
}

#[cfg(test)]
mod tests {
    use rust_decimal::{Decimal, dec};
    use stockade_core::desk::{
        Command, Desk, Effects, Event, ImportKind, ImportedFill, Input, Settings, step,
    };
    use stockade_core::ledger::LotMethod;
    use stockade_core::order::Side;
    use stockade_core::risk::Controls;
    use stockade_core::row::Rows;
    use stockade_core::{Money, Now, Price, Qty, Slug, Symbol, Timestamp};
    use stockade_store::query::{
        Filter, KeptFigures, equity_periods, figure_history, figures_standing, round_trip_nets,
    };
    use stockade_store::testing::TestDatabase;
    use stockade_store::{Group, WriterHandle, WriterOptions};

    use super::*;
    use crate::drivers::base;

    const LABEL: &str = "books";
    const DAY: i64 = 86_400_000_000_000;
    /// 2024-01-02 21:00 UTC.
    const CLOSE: i64 = 1_704_229_200_000_000_000;

    struct Books {
        db: TestDatabase,
        desk: Desk,
        writer: WriterHandle,
        epoch: u64,
        fills: u32,
    }

    impl Books {
        async fn new() -> Self {
            let db = TestDatabase::new().await;
            let now = Now { market: Timestamp(CLOSE - DAY), machine: Timestamp(0) };
            let label = Slug::new(LABEL).unwrap();
            let rows = Rows::new_account(label, base::era(), false, Controls::default(), now);
            db.store.account_create(&rows.account, &rows.to_rows()).await.unwrap();
            let epoch = base::lease(&db.store, LABEL, false).await.unwrap();
            let writer = WriterHandle::spawn(&db.store, LABEL, epoch, WriterOptions::default());
            let writer = writer.await.unwrap();
            let desk = Desk::restore(rows, Settings::reference()).unwrap();
            let mut books = Self { db, desk, writer, epoch, fills: 0 };
            books.put(CLOSE - DAY, Event::Started { epoch, take_over: false }).await;
            let create = Command::SleeveCreate {
                name: Slug::new("mine").unwrap(),
                capital: Money::new(dec!(10_000)),
                lots: LotMethod::Fifo,
            };
            books.put(CLOSE - DAY, Event::Command { command: create }).await;
            books
        }

        async fn put(&mut self, at: i64, event: Event) {
            let now = Now { market: Timestamp(at), machine: Timestamp(at) };
            let mut out = Effects::default();
            step(&mut self.desk, Input { now, event }, &mut out);
            self.writer.commit(Group { rows: out.rows }).await.unwrap();
        }

        async fn trade(&mut self, at: i64, side: Side, price: Decimal) {
            self.fills += 1;
            let (qty, price) = (Qty::new(dec!(10)), Price::new(price));
            let fill = ImportedFill {
                execution_id: format!("x-{}", self.fills),
                at: Timestamp(at),
                symbol: Symbol::new("AAPL").unwrap(),
                kind: ImportKind::Trade { side, qty, price, fee: Money::new(dec!(1)) },
            };
            let sleeve = Slug::new("mine").unwrap();
            let command = Command::ImportFills { sleeve, opening: false, fills: vec![fill] };
            self.put(at, Event::Command { command }).await;
        }

        /// Buys and sells before the close of a day, and samples it.
        async fn session(&mut self, day: i64, prices: [Decimal; 2]) {
            let close = CLOSE + day * DAY;
            self.trade(close - 7_000_000_000, Side::Buy, prices[0]).await;
            self.put(close - 6_000_000_000, Event::Sample { session_close: None }).await;
            self.trade(close - 5_000_000_000, Side::Sell, prices[1]).await;
            let session_close = Some(u32::try_from(20_240_102 + day).unwrap());
            self.put(close, Event::Sample { session_close }).await;
        }

        async fn keep(&self) -> u64 {
            keep(&self.db.store, LABEL, self.epoch).await.unwrap()
        }

        async fn history(&self, at: Option<i64>) -> Vec<KeptFigures> {
            let filter = Filter { sleeve: Some("mine".to_owned()), at, ..Filter::default() };
            figure_history(self.db.store.reads(), &filter).await.unwrap()
        }

        /// The same by the way of `figures mine --at TIME`.
        async fn on_demand(&self, at: i64) -> Performance {
            let pool = self.db.store.reads();
            let periods = equity_periods(pool, LABEL, "mine", false, Some(at)).await.unwrap();
            let nets = round_trip_nets(pool, LABEL, "mine", Some(at)).await.unwrap();
            let valuations: Vec<Valuation> = periods
                .iter()
                .map(|period| Valuation {
                    at: period.at.0,
                    equity: value(period.equity).unwrap(),
                    flow: value(period.flow).unwrap(),
                    closes_period: period.closes_period,
                })
                .collect();
            let round_trips: Vec<f64> = nets.iter().filter_map(value).collect();
            performance(&History {
                valuations: &valuations,
                benchmark: None,
                round_trips: &round_trips,
                options: Options::new(Options::PERIODS_EQUITY, 0.0, None).unwrap(),
            })
        }

        /// A round trip of the first day is taken back and one without a loss put in its place.
        async fn correct(&self, at: i64) {
            for sql in [
                "INSERT INTO stockade.entry (account, id, epoch, at_ns, kind, memo, legs, effective_ns, link, corrects)
                 SELECT account, 500, 1, $1, 'correction', 'a bust', 0, $1, decode(repeat('00', 32), 'hex'), 1
                   FROM stockade.entry GROUP BY account",
                "INSERT INTO stockade.round_trip_void (account, round_trip, entry, at_ns)
                 SELECT account, 1, max(id), $1 FROM stockade.entry GROUP BY account",
                "INSERT INTO stockade.round_trip
                 SELECT (jsonb_populate_record(r, jsonb_build_object('id', 1000, 'gross', 500,
                        'net', 500 - r.opening_fee - r.closing_fee,
                        'entry', (SELECT max(id) FROM stockade.entry)))).*
                   FROM stockade.round_trip r WHERE r.id = 1 AND $1::bigint > 0",
            ] {
                let mut writer = sqlx::postgres::PgPool::connect(&self.db.url).await.unwrap().acquire().await.unwrap();
                sqlx::query(sql).bind(at).execute(&mut *writer).await.unwrap();
            }
        }
    }

    fn parsed(kept: &KeptFigures) -> Performance {
        serde_json::from_value(kept.figures.clone()).unwrap()
    }

    /// To the last digit but one: a number is read out of JSON with half a digit less.
    fn assert_same(kept: &Performance, reckoned: &Performance) {
        let numbers = |found: &Performance| {
            let figures = &found.figures;
            [
                figures.total_return,
                figures.sharpe,
                figures.max_drawdown,
                figures.win_rate,
                figures.expectancy,
            ]
        };
        for (kept, reckoned) in numbers(kept).into_iter().zip(numbers(reckoned)) {
            let off = kept.zip(reckoned).map(|(a, b)| (a - b).abs() <= b.abs() * 1e-15);
            assert!(off.unwrap_or(kept == reckoned), "{kept:?} is kept, {reckoned:?} reckoned");
        }
        assert_eq!((kept.from, kept.to), (reckoned.from, reckoned.to));
        assert_eq!(kept.figures.round_trips, reckoned.figures.round_trips);
        assert_eq!(kept.figures.why, reckoned.figures.why);
    }

    #[tokio::test]
    async fn a_close_keeps_what_is_reckoned_and_a_correction_makes_a_version() {
        let mut books = Books::new().await;
        books.session(0, [dec!(150), dec!(140)]).await;
        assert_eq!((books.keep().await, books.keep().await), (1, 0), "once, however often");
        books.session(1, [dec!(150), dec!(163)]).await;
        books.session(2, [dec!(150), dec!(149)]).await;
        // The host was away for the second close.
        assert_eq!((books.keep().await, books.keep().await), (2, 0));
        let believed = books.history(None).await;
        let days: Vec<(i32, i32)> = believed.iter().map(|kept| (kept.day, kept.version)).collect();
        assert_eq!(days, [(20_240_102, 1), (20_240_103, 1), (20_240_104, 1)]);
        for (day, kept) in (0..).zip(&believed) {
            assert_same(&parsed(kept), &books.on_demand(CLOSE + day * DAY).await);
        }
        assert_eq!(parsed(&believed[2]).figures.win_rate, Some(1.0 / 3.0));
        let pool = books.db.store.reads();
        let standing = figures_standing(pool, LABEL, "mine", None).await.unwrap().unwrap();
        assert_eq!(standing, believed[2]);
        // What is believed later: the first day's loss was a profit, so every close since differs.
        let then = CLOSE + 2 * DAY + 1;
        books.correct(then).await;
        assert_eq!(figures_standing(pool, LABEL, "mine", None).await.unwrap(), None);
        assert_eq!((books.keep().await, books.keep().await), (3, 0));
        let now = books.history(None).await;
        assert!(now.iter().all(|kept| kept.version == 2 && kept.known_at.0 == then));
        assert_eq!(parsed(&now[0]).figures.win_rate, Some(1.0));
        assert_eq!(parsed(&now[2]).figures.win_rate, Some(2.0 / 3.0));
        assert_eq!(books.history(Some(then - 1)).await, believed, "the old belief stays");
        assert_same(&parsed(&now[2]), &books.on_demand(then).await);
        // Another host has the lease: nothing is kept.
        books.session(3, [dec!(150), dec!(151)]).await;
        let refused = keep(&books.db.store, LABEL, books.epoch + 1).await;
        assert!(refused.unwrap_err().to_string().contains("epoch"));
        assert_eq!(books.keep().await, 1);
    }

    #[tokio::test]
    async fn kept_figures_are_never_changed() {
        let mut books = Books::new().await;
        books.session(0, [dec!(150), dec!(140)]).await;
        books.keep().await;
        let pool = sqlx::postgres::PgPool::connect(&books.db.url).await.unwrap();
        let change = sqlx::query("UPDATE stockade.figure SET version = 9").execute(&pool).await;
        assert!(change.unwrap_err().to_string().contains("only ever added"));
    }
}
