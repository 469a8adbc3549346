"""A strategy at work: hands it lists of events and keeps what the SDK itself remembers.

The component and the test harness run the same code. Each list call returns how many events were
handled: all events of the time stamp at which the strategy first asked for something are handled,
and nothing after them. The saved state holds the strategy's bytes and the last price of each symbol,
by symbol, because the table of instruments may differ after a reload.
"""

from .context import Call, Context
from .errors import StateError
from .state import Reader, Writer
from .strategy import Strategy

# The layout of what `save` adds to the strategy's bytes.
_LAYOUT = 1


class _Price:
    """A price that was restored, in the place of the event that brought it."""

    __slots__ = ("mark",)

    def __init__(self, mark):
        self.mark = mark


class Running:
    """A strategy with its configuration and last prices."""

    def __init__(self, strategy, config):
        self.config = config
        # The event that last priced each instrument: its price becomes a decimal when asked for.
        self.marks = [None] * config.instrument_slots
        self.strategy = strategy(config)

    def bars(self, host, events, warm_up):
        """Hands over bars; returns how many were handled."""
        own = type(self.strategy)
        after = None if own.after_bars is Strategy.after_bars else self.strategy.after_bars
        return self._run(host, events, warm_up, self.strategy.on_bar, True, after)

    def quotes(self, host, events, warm_up):
        """Hands over quotes; returns how many were handled."""
        return self._run(host, events, warm_up, self.strategy.on_quote)

    def trades(self, host, events, warm_up):
        """Hands over trades; returns how many were handled."""
        return self._run(host, events, warm_up, self.strategy.on_trade, True)

    def orders(self, host, events, warm_up):
        """Hands over order events; returns how many were handled."""
        return self._run(host, events, warm_up, self.strategy.on_order)

    def timers(self, host, events, warm_up):
        """Hands over timer events; returns how many were handled."""
        return self._run(host, events, warm_up, self.strategy.on_timer)

    def sessions(self, host, events, warm_up):
        """Hands over session events; returns how many were handled."""
        return self._run(host, events, warm_up, self.strategy.on_session)

    def actions(self, host, events, warm_up):
        """Hands over corporate actions; returns how many were handled."""
        return self._run(host, events, warm_up, self.strategy.on_action)

    def _run(self, host, events, warm_up, handler, priced=False, after=None):
        call = Call(host, self.config, self.marks, warm_up)
        marks, last = self.marks, len(events) - 1
        index = -1
        try:
            for index, event in enumerate(events):
                if priced:
                    marks[event.instrument] = event
                ctx = call.current = Context(call, index, event)
                handler(ctx, event)
                # Times matter only where a list may end, or where somebody waits for one to end.
                if after is not None:
                    if index == last or events[index + 1].at != event.at:
                        after(ctx, event.at)
                        if call.asked:
                            break
                elif call.asked and (index == last or events[index + 1].at != event.at):
                    break
        finally:
            call.current = None
        return index + 1

    def save(self):
        """The state for the host to keep."""
        return self._pack(self.strategy.save())

    def _pack(self, own):
        out = Writer()
        out.integer(_LAYOUT)
        out.count(len(self.config.instruments))
        for info in self.config.instruments:
            out.text(info.symbol)
            mark = self.marks[info.id]
            out.optional_decimal(None if mark is None else mark.mark)
        out.bytes(own)
        return out.finish()

    def _unpack(self, state):
        """Takes the prices of a state; gives the strategy's own bytes."""
        source = Reader(state)
        layout = source.integer()
        if layout != _LAYOUT:
            raise StateError(f"the state has layout {layout}, this SDK reads {_LAYOUT}")
        for _ in range(source.count()):
            instrument = self.config.instrument(source.text())
            price = source.optional_decimal()
            if instrument is not None and price is not None:
                self.marks[instrument] = _Price(price)
        own = source.bytes()
        source.finish()
        return own

    def migrate(self, schema, state):
        """Makes a state of this version's schema of one with another."""
        return self._pack(self.strategy.migrate(schema, self._unpack(state)))

    def restore(self, state):
        """Takes what `save` or `migrate` wrote."""
        self.strategy.restore(self._unpack(state))
