"""Tests of the SDK: `python -m unittest discover` in this folder's parent."""

import unittest
from decimal import Decimal as D

from stockade_sdk import (
    ROUND_DOWN,
    ROUND_UP,
    ActionKind,
    Config,
    Description,
    InexactError,
    Param,
    ParamType,
    Reader,
    Refused,
    Side,
    StaleContext,
    StateError,
    Strategy,
    Window,
    Writer,
    divide,
    exact,
    round_to,
)
from stockade_sdk.exact import from_units, to_units
from stockade_sdk.testing import MINUTE, START, Harness


class Numbers(unittest.TestCase):
    def test_only_exact_numbers_are_taken(self):
        self.assertEqual(exact("0.1") + exact("0.2"), D("0.3"))
        for wrong in (0.1, True, "ten", None):
            with self.assertRaises(InexactError):
                exact(wrong)

    def test_what_leaves_fits_18_places_and_64_bits_or_says_so(self):
        self.assertEqual(to_units("1.5000000000000000000000"), (15 * 10**17, 18))
        self.assertEqual(to_units("-9223372036854775808"), (-(2**63), 0))
        self.assertEqual(to_units(D("1E+3")), (1000, 0))
        self.assertEqual(from_units(-150, 2), D("-1.50"))
        for wrong in ("0.0000000000000000001", "9223372036854775808", D("NaN"), D(1) / 3):
            with self.assertRaises(InexactError):
                to_units(wrong)

    def test_rounding_is_named(self):
        self.assertEqual([round_to(x, 0) for x in ("-2.5", "3.5")], [D(-2), D(4)])
        self.assertEqual(divide(10, 3, 4), D("3.3333"))
        self.assertEqual(divide(-1, 3, 2, ROUND_UP), D("-0.34"))
        self.assertEqual(divide("2", "3", 2, ROUND_DOWN), D("0.66"))
        self.assertEqual([divide(5, 2, 0), divide(7, 2, 0)], [D(2), D(4)])


def window(capacity, *values):
    made = Window(capacity)
    for value in values:
        made.push(value)
    return made


class Windows(unittest.TestCase):
    def test_keeps_the_newest_and_compares_exactly(self):
        self.assertEqual(window(3, "1", "0.1", "0.22", "0.003").units, [100, 220, 3])
        thirds = window(3, "1", "1", "2")
        self.assertEqual(thirds.compare_means(window(1, "1.333333333")), 1)
        self.assertEqual(thirds.compare_means(window(6, "1", "1", "1", "1", "2", "2")), 0)
        self.assertIsNone(thirds.compare_means(Window(3)))

    def test_restores_into_the_same_series(self):
        out = Writer()
        window(4, "1.5", "2", "3", "4").save(out)
        short = Window(2)
        short.restore(Reader(out.finish()))
        self.assertEqual((short.sum, short.is_full), (D("7.0"), True))
        short.push("1")
        self.assertEqual(short.sum, D(5))


class States(unittest.TestCase):
    def test_reads_back_and_finds_every_damage(self):
        numbers = [0, -1, 255, -(2**127), 128, -128]
        out = Writer()
        for number in numbers:
            out.integer(number)
        out.text("déjà")
        out.optional_decimal(D("-1.50"))
        out.optional_decimal(None)
        out.boolean(True)
        state = out.finish()
        source = Reader(state)
        self.assertEqual([source.integer() for _ in numbers], numbers)
        self.assertEqual(source.text(), "déjà")
        self.assertEqual(str(source.optional_decimal()), "-1.50")
        self.assertIsNone(source.optional_decimal())
        with self.assertRaisesRegex(StateError, "1 bytes follow"):
            source.finish()
        self.assertTrue(source.boolean())
        source.finish()
        for index in range(len(state)):
            damaged = bytearray(state)
            damaged[index] ^= 0x40
            with self.assertRaisesRegex(StateError, "checksum"):
                Reader(bytes(damaged))
            with self.assertRaises(StateError):
                Reader(state[:index])


class Parameters(unittest.TestCase):
    def test_carry_text_of_their_type(self):
        param = Param.decimal("width", "2.0", minimum="0.1", maximum=10, help="band")
        self.assertEqual((param.default, param.minimum, param.maximum), ("2.0", "0.1", "10"))

    def test_getters_name_the_parameter_and_the_value(self):
        config = Config([], [("fast", "ten"), ("on", "yes"), ("n", "-1"), ("q", "1e3")], 0)
        for ask, words in (
            (lambda: config.integer("fast"), 'parameter "fast" is "ten", not a whole number'),
            (lambda: config.boolean("on"), '"yes"'),
            (lambda: config.count("n"), "not a count"),
            (lambda: config.decimal("q"), "not a decimal"),
            (lambda: config.text("gone"), 'parameter "gone" is missing'),
        ):
            with self.assertRaisesRegex(Refused, words):
                ask()


class Third(Strategy):
    """Buys at every third close and sells when the fill is heard; counts what it sees."""

    @classmethod
    def describe(cls):
        params = [
            Param.integer("size", 1, minimum=1, maximum=5),
            Param.required("note", ParamType.TEXT),
        ]
        return Description("third", "1", params=params)

    def __init__(self, config):
        if config.text("note") == "bad":
            raise Refused("the note is bad")
        self.bars = 0
        self.calls = []
        self.kept = None
        self.actions = []

    def on_bar(self, ctx, bar):
        self.bars += 1
        self.kept = self.kept or ctx
        self.calls.append((ctx.at, ctx.equity))
        if self.bars % 3:
            return
        before = ctx.buying_power
        answer = ctx.buy(bar.instrument, "2").reason("third").submit()
        if answer:
            assert before - ctx.buying_power == bar.close * 2
            assert ctx.has_open_order(bar.instrument)
        ctx.info(f"asked at {bar.close}")

    def on_order(self, ctx, order):
        if order.side is Side.BUY:
            assert ctx.sell(order.instrument, order.last_qty).limit(order.last_price + 1).submit()

    def on_action(self, ctx, action):
        self.actions.append(action.kind)

    def save(self):
        out = Writer()
        out.integer(self.bars)
        return out.finish()

    def restore(self, state):
        source = Reader(state)
        self.bars = source.integer()
        source.finish()


CLOSES = ["10", "11", "12", "13", "15", "14", "16", "12", "18"]


def harness(**more):
    given = {"cash": "1000", "symbols": ["AAPL", "BTCUSD"], "params": {"note": "x"}} | more
    return Harness(Third, **given)


class Harnesses(unittest.TestCase):
    def test_fills_follow_the_reference_behaviour(self):
        h = harness()
        h.closes("AAPL", CLOSES)
        bought, sold = h.orders[:2]
        times = (bought.at, bought.filled_at)
        self.assertEqual(times, (START + 3 * MINUTE, START + 4 * MINUTE))
        self.assertEqual((bought.price, sold.price, bought.reason), (D(13), D(15), "third"))
        self.assertEqual(h.cash, D(1008))
        self.assertEqual(h.log_lines[0][1], "asked at 12")

    def test_a_list_means_what_single_calls_mean(self):
        batched, single = harness(), harness(one_by_one=True)
        batched.closes("AAPL", CLOSES)
        single.closes("AAPL", CLOSES)
        self.assertEqual(batched.orders, single.orders)
        self.assertEqual(batched.strategy.calls, single.strategy.calls)
        self.assertEqual(batched.save(), single.save())

    def test_a_list_ends_after_the_time_stamp_of_the_first_intent(self):
        h = harness()
        at = [("AAPL", 1), ("AAPL", 2), ("AAPL", 3), ("BTCUSD", 3), ("AAPL", 4)]
        bars = [h.bar(symbol, "10", START + minute * MINUTE) for symbol, minute in at]
        h._account.begin(START, False, bars)
        # The third bar asks, the fourth shares its time stamp.
        self.assertEqual(h._running.bars(h._account, bars, False), 4)

    def test_warm_up_refuses_and_is_seen(self):
        h = harness()
        h.warm_up = True
        h.closes("AAPL", CLOSES[:4])
        self.assertEqual(h.refusals[0].code, "warm_up")
        self.assertEqual(h.orders, [])

    def test_a_context_of_an_event_that_is_over_raises_a_typed_error(self):
        h = harness()
        h.closes("AAPL", ["10", "11"])
        kept = h.strategy.kept
        for use in (
            lambda: kept.cash,
            lambda: kept.position(0),
            lambda: kept.open_orders,
            lambda: kept.buy(0, 1),
            lambda: kept.cancel(1),
            lambda: kept.replace(1),
            lambda: kept.history(0, 1),
            lambda: kept.info("x"),
        ):
            with self.assertRaises(StaleContext):
                use()

    def test_a_reload_carries_state_and_prices_over(self):
        reloaded, straight = harness(), harness()
        for close in CLOSES:
            reloaded.closes("AAPL", [close])
            reloaded.reload()
            straight.closes("AAPL", [close])
        self.assertEqual(reloaded.orders, straight.orders)
        self.assertEqual(reloaded.save(), straight.save())
        damaged = bytearray(straight.save())
        damaged[3] ^= 1
        with self.assertRaisesRegex(StateError, "checksum"):
            reloaded.restore(1, bytes(damaged))
        with self.assertRaisesRegex(StateError, "schema 2, this version reads 1"):
            reloaded.restore(2, straight.save())

    def test_actions_are_heard(self):
        h = harness()
        h.action("AAPL", ActionKind.SPLIT, ratio_new=2)
        self.assertEqual(h.strategy.actions, [ActionKind.SPLIT])

    def test_parameters_are_checked_by_name(self):
        for params, words in (
            ({}, '"note" has no default'),
            ({"note": "x", "sizes": 1}, '"sizes" is unknown'),
            ({"note": "x", "size": 6}, "above its maximum"),
            ({"note": "x", "size": "1.5"}, "not of its type"),
        ):
            with self.assertRaisesRegex(ValueError, words):
                harness(params=params)
        with self.assertRaisesRegex(Refused, "the note is bad"):
            harness(params={"note": "bad"})


if __name__ == "__main__":
    unittest.main()
