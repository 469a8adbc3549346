"""Two moving averages: buys when the fast mean is above the slow one, sells when it is below.

Each symbol stands on its own. Means are compared by cross-multiplied exact sums, so every language
gives the same orders. The bot keeps closes alone; what it holds and what is open it asks of the
host.
"""

from stockade_sdk import Description, Param, Reader, Refused, Strategy, Window, Writer


class _Series:
    """The closes of one symbol."""

    __slots__ = ("symbol", "fast", "slow")

    def __init__(self, symbol, fast, slow):
        self.symbol = symbol
        self.fast = Window(fast)
        self.slow = Window(slow)


class SmaCross(Strategy):
    @classmethod
    def describe(cls):
        return Description(
            "sma-cross-py",
            "0.1.0",
            params=[
                Param.integer(
                    "fast", 10, minimum=1, maximum=100_000, help="closes of the fast mean"
                ),
                Param.integer(
                    "slow", 30, minimum=2, maximum=100_000, help="closes of the slow mean"
                ),
                Param.decimal(
                    "qty",
                    "10",
                    minimum="0.000000001",
                    maximum=1_000_000_000,
                    help="shares or coins to buy",
                ),
            ],
        )

    def __init__(self, config):
        fast, slow = config.count("fast"), config.count("slow")
        if not 0 < fast < slow:
            raise Refused(f"fast is {fast} and slow is {slow}; fast must be the smaller")
        self.qty = config.decimal("qty")
        self.series = {
            info.id: _Series(info.symbol, fast, slow) for info in config.instruments
        }

    def on_bar(self, ctx, bar):
        series = self.series[bar.instrument]
        fast, slow = series.fast, series.slow
        close, scale = bar.close_units, bar.price_scale
        fast.push_units(close, scale)
        slow.push_units(close, scale)
        if not slow.is_full:
            return
        order = fast.compare_means(slow)
        if order > 0:
            self._buy(ctx, bar.instrument)
        elif order < 0:
            self._sell(ctx, bar.instrument)

    def _buy(self, ctx, instrument):
        held = ctx.position(instrument).qty
        if held or ctx.is_warm_up or ctx.has_open_order(instrument):
            return
        answer = ctx.buy(instrument, self.qty).reason("cross up").submit()
        if not answer:
            ctx.warn(f"purchase refused, {answer.refusal}")

    def _sell(self, ctx, instrument):
        held = ctx.position(instrument).qty
        if held <= 0 or ctx.is_warm_up or ctx.has_open_order(instrument):
            return
        answer = ctx.sell(instrument, held).reason("cross down").submit()
        if not answer:
            ctx.warn(f"sale refused, {answer.refusal}")

    def save(self):
        out = Writer()
        out.count(len(self.series))
        for series in self.series.values():
            out.text(series.symbol)
            series.fast.save(out)
            series.slow.save(out)
        return out.finish()

    def restore(self, state):
        source = Reader(state)
        known = {series.symbol: series for series in self.series.values()}
        for _ in range(source.count()):
            symbol = source.text()
            # A symbol that is no longer wanted is read into a spare place.
            series = known.get(symbol) or _Series(symbol, 1, 1)
            series.fast.restore(source)
            series.slow.restore(source)
        source.finish()
