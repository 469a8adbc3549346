"""{{name}}: buys below a price and sells above it."""

from stockade_sdk import Description, Param, Strategy


class {{class}}(Strategy):
    @classmethod
    def describe(cls):
        return Description(
            "{{name}}",
            "0.1.0",
            params=[
                Param.decimal("below", "100", help="price to buy below"),
                Param.decimal("qty", "10", help="shares or coins to buy"),
            ],
        )

    def __init__(self, config):
        self.below = config.decimal("below")
        self.qty = config.decimal("qty")

    def on_bar(self, ctx, bar):
        if ctx.has_open_order(bar.instrument):
            return
        held = ctx.position(bar.instrument).qty
        if held == 0 and bar.close < self.below:
            answer = ctx.buy(bar.instrument, self.qty).submit()
        elif held > 0 and bar.close > self.below:
            answer = ctx.sell(bar.instrument, held).reason("recovered").submit()
        else:
            return
        if not answer:
            ctx.warn(f"refused, {answer.refusal}")
