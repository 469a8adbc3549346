//! The pictures that reports have, each from plain numbers: equity, drawdown, trades on the price.

use super::{Line, Mark, Picture, Point, Unit, draw, underwater};

/// Height of the larger pictures.
const TALL: u16 = 280;
/// Height of the drawdown below one.
const LOW: u16 = 160;

/// Equity over time; `None` where there is no finite point.
#[must_use]
pub fn equity_curve(title: &str, points: &[Point]) -> Option<String> {
    draw(&of(title, TALL, Unit::Plain, points, Vec::new()))
}

/// The fall below the highest equity so far, filled from the top; `None` where there is none to
/// draw.
#[must_use]
pub fn drawdown_curve(title: &str, equity: &[Point]) -> Option<String> {
    let below = underwater(equity);
    draw(&Picture { filled: true, ..of(title, LOW, Unit::Percent, &below, Vec::new()) })
}

/// Purchases and sales as marks on the price's line; `None` where the price has no finite point.
#[must_use]
pub fn trades_on_price(title: &str, price: &[Point], trades: Vec<Mark>) -> Option<String> {
    draw(&of(title, TALL, Unit::Plain, price, trades))
}

fn of(title: &str, height: u16, unit: Unit, points: &[Point], marks: Vec<Mark>) -> Picture {
    let lines = vec![Line { name: title.to_owned(), points: points.to_vec() }];
    Picture { title: title.to_owned(), height, unit, lines, marks, filled: false }
}

#[cfg(test)]
mod tests {
    use super::super::{Mark, Point, Shape};
    use super::{drawdown_curve, equity_curve, trades_on_price};

    #[test]
    fn the_pictures_of_a_report() {
        let points = [(0, 100.0), (1, 80.0), (2, 90.0)].map(|(at, value)| Point { at, value });
        let equity = equity_curve("equity of a", &points).expect("points");
        assert!(equity.contains("aria-label=\"equity of a\"") && equity.contains("line s0"));
        let fall = drawdown_curve("drawdown", &points).expect("points");
        assert!(fall.contains("area s0") && fall.contains("-20 %"), "{fall}");
        let bought = Mark { at: 1, value: 80.0, shape: Shape::Buy, title: "buy 10".to_owned() };
        let trades = trades_on_price("AAPL", &points, vec![bought]).expect("points");
        assert!(trades.contains("mark buy") && trades.contains("buy 10"));
        assert_eq!(equity_curve("x", &[]), None);
        assert_eq!(drawdown_curve("x", &[Point { at: 0, value: -1.0 }]), None);
    }
}
