"""Tests of the bot, natively: `cargo xtask test` runs them."""

import unittest
from decimal import Decimal as D

from sma_cross import SmaCross

from stockade_sdk import Refused, Side
from stockade_sdk.testing import MINUTE, START, Harness


def walk(seed, bars):
    """A walk without a pattern: closes between 90 and 110 in cents."""
    state, closes = seed, []
    for _ in range(bars):
        state = (state * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) % 2**64
        closes.append(D((state >> 33) % 2000 + 9000) / 100)
    return closes


def harness(*symbols, cash="10000", **params):
    return Harness(SmaCross, cash=cash, symbols=symbols, params={"fast": 2, "slow": 3} | params)


class SmaCrossTest(unittest.TestCase):
    def test_trades_the_crosses_and_nothing_else(self):
        h = harness("AAPL")
        h.closes("AAPL", ["10", "10", "10", "12", "13", "11.5", "11", "10", "9"])
        seen = [(o.side, (o.at - START) // MINUTE, o.price) for o in h.orders]
        self.assertEqual(seen, [(Side.BUY, 4, D(13)), (Side.SELL, 7, D(10))])
        self.assertEqual(h.cash, D(10000) - 130 + 100)
        self.assertEqual(h.orders[1].reason, "cross down")

    def test_equal_means_do_nothing(self):
        h = harness("AAPL")
        h.closes("AAPL", ["10.1", "10.1", "10.10", "10.100", "10.1"])
        h.closes("AAPL", ["0.333333333", "0.333333333", "0.333333333"])
        self.assertEqual(h.orders, [])

    def test_agrees_with_a_plain_reading_of_the_rule(self):
        closes = walk(7, 400)
        h = Harness(SmaCross, cash="100000", symbols=["AAPL"])
        h.closes("AAPL", closes)
        cents = [int(close * 100) for close in closes]
        want, holds = [], False
        for i in range(29, len(cents)):
            fast, slow = 3 * sum(cents[i - 9 : i + 1]), sum(cents[i - 29 : i + 1])
            if (fast > slow and not holds) or (fast < slow and holds):
                want.append((Side.SELL if holds else Side.BUY, START + (i + 1) * MINUTE))
                holds = not holds
        self.assertGreater(len(want), 10, "the walk has to cross")
        self.assertEqual([(o.side, o.at) for o in h.orders], want)

    def test_a_reload_changes_nothing(self):
        straight, reloaded = harness("AAPL", "MSFT"), harness("AAPL", "MSFT")
        for a, m in zip(walk(3, 100), walk(5, 100)):
            straight.minute({"AAPL": a, "MSFT": m})
            reloaded.minute({"AAPL": a, "MSFT": m})
            reloaded.reload()
        self.assertGreater(len(straight.orders), 10)
        self.assertEqual(straight.orders, reloaded.orders)
        with self.assertRaisesRegex(Refused, "schema 2"):
            reloaded.restore(2, straight.save())

    def test_warm_up_counts_and_refusals_are_logged(self):
        h = harness("AAPL", cash="1", fast=1, slow=2)
        h.warm_up = True
        h.closes("AAPL", ["10", "11"])
        self.assertEqual(h.refusals, [], "nothing is asked during the warm-up")
        h.warm_up = False
        h.closes("AAPL", ["12"])
        self.assertEqual(h.refusals[0].code, "capital")
        self.assertIn("purchase refused, capital", h.log_lines[0][1])

    def test_fast_must_be_smaller(self):
        with self.assertRaisesRegex(Refused, "fast is 30 and slow is 30"):
            harness("AAPL", fast=30, slow=30)


if __name__ == "__main__":
    unittest.main()
