"""What a handler can ask: its money, its positions, its orders, and the past.

A `Context` lives for one event; used later it raises `StaleContext`. Answers of the host that can't
change during a call are asked for once a call; an order that was asked for makes the next question
go to the host again. Market values come from the event in hand and the events before it, so they
mean the same in a list as in single calls.
"""

from .errors import StaleContext
from .events import (
    Intent,
    Limit,
    LogLevel,
    Market,
    Notional,
    Qty,
    Side,
    Stop,
    StopLimit,
    StopLimitPrices,
)
from .exact import ROUND_HALF_EVEN, ZERO, exact, minus, plus, round_to, times

# What the host keeps for money.
_VALUE_PLACES = 9


class Answer:
    """What the host said to an order, a replacement or a cancel: true when it was taken.

    `order` is the order's number, `refusal` says why not; one of them is `None`. The final word is
    the `on_order` event.
    """

    __slots__ = ("order", "refusal")

    def __init__(self, order=None, refusal=None):
        self.order = order
        self.refusal = refusal

    def __bool__(self):
        return self.refusal is None

    def __repr__(self):
        return f"Answer(order={self.order!r}, refusal={self.refusal!r})"


class Call:
    """What the contexts of one call share."""

    __slots__ = ("host", "config", "marks", "warm_up", "asked", "current", "positions", "orders")

    def __init__(self, host, config, marks, warm_up):
        self.host = host
        self.config = config
        self.marks = marks
        self.warm_up = warm_up
        # Whether something was asked for, and the context of the event in hand.
        self.asked = False
        self.current = None
        self.forget()

    def forget(self):
        self.positions = {}
        self.orders = None


class Context:
    """What a handler can ask while it has an event in hand."""

    __slots__ = ("_call", "_index", "_event")

    def __init__(self, call, index, event):
        self._call = call
        self._index = index
        self._event = event

    def _live(self):
        call = self._call
        if call.current is not self:
            raise StaleContext(
                "this context belongs to an event that is over: ask the one that your handler got"
            )
        return call

    @property
    def at(self):
        """The time of the event in hand, the only time there is."""
        return self._event.at

    @property
    def is_warm_up(self):
        """True while the past is replayed: orders are refused with the code `warm_up`."""
        return self._call.warm_up

    @property
    def instruments(self):
        """The instruments of the configuration."""
        return self._call.config.instruments

    def symbol(self, instrument):
        """The symbol of an instrument."""
        return self._call.config.symbol(instrument)

    @property
    def cash(self):
        """Cash of the sleeve."""
        return self._live().host.cash()

    @property
    def buying_power(self):
        """Cash that no order holds."""
        return self._live().host.buying_power()

    def position(self, instrument):
        """The position in an instrument; zero when there is none."""
        call = self._live()
        known = call.positions.get(instrument)
        if known is None:
            known = call.positions[instrument] = call.host.position(instrument)
        return known

    @property
    def open_orders(self):
        """Open orders, those asked for in this call included."""
        call = self._live()
        if call.orders is None:
            call.orders = call.host.open_orders()
        return call.orders

    def has_open_order(self, instrument):
        """True when an order in the instrument is open."""
        return any(order.instrument == instrument for order in self.open_orders)

    def price(self, instrument):
        """The last close or trade that the bot has seen, the event in hand included."""
        mark = self._live().marks[instrument]
        return None if mark is None else mark.mark

    def market_value(self, instrument):
        """Market value of a position at `price`; `None` without a price."""
        qty = self.position(instrument).qty
        if not qty:
            return ZERO
        price = self.price(instrument)
        if price is None:
            return None
        return round_to(times(qty, price), _VALUE_PLACES, ROUND_HALF_EVEN)

    def unrealised(self, instrument):
        """Market value minus cost of a position; `None` without a price."""
        value = self.market_value(instrument)
        return None if value is None else minus(value, self.position(instrument).cost)

    @property
    def equity(self):
        """Cash and the market value of every position; `None` while one of them has no price."""
        equity = self.cash
        for info in self.instruments:
            value = self.market_value(info.id)
            if value is None:
                return None
            equity = plus(equity, value)
        return equity

    def history(self, instrument, count):
        """The last `count` bars before the event in hand, oldest first, as far as the host holds
        them."""
        return self._live().host.history(self._index, instrument, count)

    def buy(self, instrument, qty):
        """A purchase to complete and submit; without more a market order, good till cancelled."""
        return self._draft(instrument, Side.BUY, Qty(exact(qty)))

    def sell(self, instrument, qty):
        """A sale to complete and submit; without more a market order, good till cancelled."""
        return self._draft(instrument, Side.SELL, Qty(exact(qty)))

    def buy_for(self, instrument, dollars):
        """A purchase for an amount of dollars; market orders only."""
        return self._draft(instrument, Side.BUY, Notional(exact(dollars)))

    def _draft(self, instrument, side, size):
        self._live()
        return Draft(self, Intent(instrument, side, size, Market()))

    def cancel(self, order):
        """Asks to cancel an open order."""
        return self._ask(lambda host: host.cancel(self._index, order))

    def replace(self, order, *, qty=None, limit=None, stop=None):
        """Asks to cancel an open order and to put another in its place, with this quantity in all
        and these prices where given."""
        numbers = [None if value is None else exact(value) for value in (qty, limit, stop)]
        return self._ask(lambda host: host.replace(self._index, order, *numbers))

    def _ask(self, question):
        call = self._live()
        call.asked = True
        call.forget()
        return question(call.host)

    def debug(self, message):
        """Writes a debug line to the bot's log."""
        self._live().host.log(LogLevel.DEBUG, str(message))

    def info(self, message):
        """Writes an information line to the bot's log."""
        self._live().host.log(LogLevel.INFO, str(message))

    def warn(self, message):
        """Writes a warning to the bot's log."""
        self._live().host.log(LogLevel.WARN, str(message))

    def error(self, message):
        """Writes an error to the bot's log. It stops nothing."""
        self._live().host.log(LogLevel.ERROR, str(message))


class Draft:
    """An order in the making. Nothing happens before `submit`."""

    __slots__ = ("_context", "intent")

    def __init__(self, context, intent):
        self._context = context
        self.intent = intent

    def market(self):
        """At the market."""
        self.intent.order_type = Market()
        return self

    def limit(self, price):
        """At this price or better."""
        self.intent.order_type = Limit(exact(price))
        return self

    def stop(self, price):
        """At the market once this price is reached."""
        self.intent.order_type = Stop(exact(price))
        return self

    def stop_limit(self, stop, limit):
        """At `limit` or better once `stop` is reached."""
        self.intent.order_type = StopLimit(StopLimitPrices(exact(stop), exact(limit)))
        return self

    def time_in_force(self, time_in_force):
        """How long the order lives."""
        self.intent.time_in_force = time_in_force
        return self

    def extended_hours(self):
        """Also outside of regular hours."""
        self.intent.extended_hours = True
        return self

    def reason(self, text):
        """Becomes the exit reason of the round trips that the order closes. At most 64
        characters."""
        self.intent.reason = text
        return self

    def tag(self, text):
        """A label of your own. At most 64 characters."""
        self.intent.tag = text
        return self

    def lot(self, number):
        """The lot that a sale closes first, by the number of the `on_order` event of its
        purchase."""
        self.intent.lot = number
        return self

    def submit(self):
        """Asks for the order."""
        context = self._context
        return context._ask(lambda host: host.submit(context._index, self.intent))
