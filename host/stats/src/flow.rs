//! Returns of a sleeve with deposits and withdrawals: time weighted and money weighted.

/// What a sleeve was worth, and what came in or went out right afterwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Valuation {
    /// Nanoseconds since 1970, UTC; valuations are in time order.
    pub at: i64,
    /// Equity just before the flow.
    pub equity: f64,
    /// Deposit (above zero) or withdrawal (below) just after the valuation; it is no return.
    pub flow: f64,
    /// Whether a period (a session, a day) ends here. A valuation that is there only because
    /// capital moved ends a sub-period, whose return is chained into its period's.
    pub closes_period: bool,
}

/// Why there is no return.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FlowError {
    /// A sub-period starts with nothing.
    #[error(
        "the capital after valuation {index} is {capital}, not above 0: no return exists over it"
    )]
    NoBase {
        /// Place of the valuation, from 0.
        index: usize,
        /// What the sub-period starts with.
        capital: f64,
    },
    /// A value is infinite or not a number.
    #[error("valuation {index} is not a finite number")]
    NotFinite {
        /// Place of the valuation, from 0.
        index: usize,
    },
    /// Money flows in one direction only, or at one time only, or the loss is too near to all.
    #[error("not enough data: no yearly rate makes these flows worth nothing together")]
    NoRoot,
}

/// Time-weighted returns, one per period; the first valuation is the base. A last period that is
/// not closed is left out.
pub fn time_weighted(valuations: &[Valuation]) -> Result<Vec<f64>, FlowError> {
    let mut returns = Vec::with_capacity(valuations.len().saturating_sub(1));
    let mut growth = 1.0;
    for (index, valuation) in valuations.iter().enumerate() {
        if !(valuation.equity.is_finite() && valuation.flow.is_finite()) {
            return Err(FlowError::NotFinite { index });
        }
        let Some(before) = index.checked_sub(1).map(|at| valuations[at]) else {
            continue;
        };
        let capital = before.equity + before.flow;
        if capital > 0.0 {
            growth *= valuation.equity / capital;
        } else if capital < 0.0 || valuation.equity != 0.0 {
            return Err(FlowError::NoBase { index: index - 1, capital });
        }
        if valuation.closes_period {
            returns.push(growth - 1.0);
            growth = 1.0;
        }
    }
    Ok(returns)
}

/// One movement of money as the owner sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CashFlow {
    /// Nanoseconds since 1970, UTC.
    pub at: i64,
    /// Paid in: below zero. Taken out, and the equity at the end: above zero.
    pub amount: f64,
}

/// When each period ends, the first valuation being the base: one more than the returns that
/// [`time_weighted`] gives.
#[must_use]
pub fn period_ends(valuations: &[Valuation]) -> Vec<i64> {
    let ends = |(place, valuation): (usize, &Valuation)| {
        (place == 0 || valuation.closes_period).then_some(valuation.at)
    };
    valuations.iter().enumerate().filter_map(ends).collect()
}

/// The movements of money between the owner and the sleeve: what it was worth at first is paid in,
/// what it is worth at last is taken out.
#[must_use]
pub fn cash_flows(valuations: &[Valuation]) -> Vec<CashFlow> {
    let (Some(first), Some(last)) = (valuations.first(), valuations.last()) else {
        return Vec::new();
    };
    // A flow after the last valuation is no part of what that valuation says.
    let before_last = valuations.get(..valuations.len() - 1).unwrap_or_default();
    let moved = before_last.iter().filter(|valuation| valuation.flow != 0.0);
    let moved = moved.map(|valuation| CashFlow { at: valuation.at, amount: -valuation.flow });
    std::iter::once(CashFlow { at: first.at, amount: -first.equity })
        .chain(moved)
        .chain([CashFlow { at: last.at, amount: last.equity }])
        .collect()
}

const NANOS_PER_YEAR: f64 = 365.0 * 86_400.0 * 1e9;
/// The steepest yearly growth, as a logarithm, that is looked for: beyond it e^g is no float.
const GROWTH_MAX: f64 = 709.0;
/// The first step outwards from no growth.
const GROWTH_STEP: f64 = 0.005;
/// Halvings of the bracket: 2^-200 of it is far below a float's own step.
const HALVINGS_MAX: u32 = 200;

/// The money-weighted return (XIRR): the yearly rate, of 365 days, at which all flows together
/// are worth nothing. Where several rates do, the one nearest to zero in the search's bracket.
///
/// The search is for the logarithm g of 1+rate: the worth of the flows is a sum of e^(-g·years),
/// without a pole, so that near ruin and a doubling within a day are found alike.
pub fn money_weighted(flows: &[CashFlow]) -> Result<f64, FlowError> {
    if let Some(index) = flows.iter().position(|flow| !flow.amount.is_finite()) {
        return Err(FlowError::NotFinite { index });
    }
    let start = flows.iter().map(|flow| flow.at).min().ok_or(FlowError::NoRoot)?;
    let timed: Vec<(f64, f64)> = flows
        .iter()
        .map(|flow| (flow.at.saturating_sub(start) as f64 / NANOS_PER_YEAR, flow.amount))
        .collect();
    let worth =
        |growth: f64| -> f64 { timed.iter().map(|(y, amount)| amount * (-growth * y).exp()).sum() };
    let (mut low, mut high) = bracket(&worth).ok_or(FlowError::NoRoot)?;
    let rising = worth(low) < 0.0;
    for _ in 0..HALVINGS_MAX {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            break;
        }
        if (worth(middle) < 0.0) == rising {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok((low + (high - low) / 2.0).exp_m1())
}

/// Two growths between which the worth changes its sign, searched outwards from none.
fn bracket(worth: &impl Fn(f64) -> f64) -> Option<(f64, f64)> {
    let opposite = |a: f64, b: f64| {
        let (a, b) = (worth(a), worth(b));
        // A worth of nothing on both sides is no root but flows that cancel at any rate.
        a.is_finite() && b.is_finite() && (a <= 0.0) != (b <= 0.0)
    };
    let (mut reached, mut step) = (0.0_f64, GROWTH_STEP);
    while reached < GROWTH_MAX {
        let next = (reached + step).min(GROWTH_MAX);
        if opposite(reached, next) {
            return Some((reached, next));
        }
        if opposite(-next, -reached) {
            return Some((-next, -reached));
        }
        (reached, step) = (next, step * 1.2);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{
        CashFlow, FlowError, Valuation, cash_flows, money_weighted, period_ends, time_weighted,
    };

    const DAY: i64 = 86_400_000_000_000;

    fn valuation(equity: f64, flow: f64, closes_period: bool) -> Valuation {
        Valuation { at: 0, equity, flow, closes_period }
    }

    #[test]
    fn a_deposit_is_no_return() {
        let returns = time_weighted(&[
            valuation(100.0, 0.0, true),
            valuation(110.0, 0.0, true),
            valuation(121.0, 1_000.0, false),
            valuation(1_121.0, 0.0, true),
            valuation(1_121.0, -1_000.0, true),
            valuation(242.0, 0.0, true),
        ]);
        let returns = returns.expect("returns exist");
        let expected = [0.1, 0.1, 0.0, 1.0];
        assert_eq!(returns.len(), expected.len());
        for (r, e) in returns.iter().zip(expected) {
            assert!((r - e).abs() < 1e-12, "{r} {e}");
        }
    }

    #[test]
    fn a_sub_period_without_capital_is_refused_unless_nothing_happened() {
        let empty = [valuation(0.0, 0.0, true), valuation(5.0, 0.0, true)];
        assert!(matches!(time_weighted(&empty), Err(FlowError::NoBase { index: 0, .. })));
        let idle = [valuation(0.0, 0.0, true), valuation(0.0, 0.0, true)];
        assert_eq!(time_weighted(&idle), Ok(vec![0.0]));
        let broken = [valuation(f64::NAN, 0.0, true)];
        assert_eq!(time_weighted(&broken), Err(FlowError::NotFinite { index: 0 }));
    }

    #[test]
    fn a_year_that_doubles_returns_one() {
        let flows = [CashFlow { at: 0, amount: -100.0 }, CashFlow { at: 365 * DAY, amount: 200.0 }];
        assert!((money_weighted(&flows).expect("a root") - 1.0).abs() < 1e-9);
    }

    #[test]
    fn flows_without_a_root_are_refused() {
        let one_way = [CashFlow { at: 0, amount: -100.0 }, CashFlow { at: DAY, amount: -1.0 }];
        assert_eq!(money_weighted(&one_way), Err(FlowError::NoRoot));
        assert_eq!(money_weighted(&[]), Err(FlowError::NoRoot));
        let at_once = [CashFlow { at: 0, amount: -100.0 }, CashFlow { at: 0, amount: 120.0 }];
        assert_eq!(money_weighted(&at_once), Err(FlowError::NoRoot));
    }

    #[test]
    fn a_doubling_in_a_day_and_a_fall_near_ruin_have_their_rates() {
        let rate = |days: i64, end: f64| {
            let flows =
                [CashFlow { at: 0, amount: -1.0 }, CashFlow { at: days * DAY, amount: end }];
            money_weighted(&flows)
        };
        let doubled = rate(1, 2.0).expect("a root");
        assert!((doubled / 2.0_f64.powi(365) - 1.0).abs() < 1e-9, "{doubled}");
        let ruined = rate(365, 1e-6).expect("a root");
        assert!((ruined - (1e-6 - 1.0)).abs() < 1e-15, "{ruined}");
        assert_eq!(rate(365, 0.0), Err(FlowError::NoRoot));
        // 100-fold within a minute is no number a year.
        let minute =
            [CashFlow { at: 0, amount: -1.0 }, CashFlow { at: DAY / 1_440, amount: 100.0 }];
        assert_eq!(money_weighted(&minute), Err(FlowError::NoRoot));
        assert!(rate(365, 1.0).expect("nothing won or lost").abs() < 1e-15);
    }

    #[test]
    fn flows_and_periods_of_valuations() {
        let at = |day: i64, equity: f64, flow: f64, closes_period: bool| Valuation {
            at: day * DAY,
            equity,
            flow,
            closes_period,
        };
        let valuations =
            [at(0, 100.0, 0.0, false), at(1, 110.0, 50.0, false), at(2, 165.0, 7.0, true)];
        assert_eq!(period_ends(&valuations), [0, 2 * DAY]);
        let flows: Vec<(i64, f64)> =
            cash_flows(&valuations).iter().map(|flow| (flow.at / DAY, flow.amount)).collect();
        assert_eq!(flows, [(0, -100.0), (1, -50.0), (2, 165.0)]);
        assert!(cash_flows(&[]).is_empty());
    }
}
