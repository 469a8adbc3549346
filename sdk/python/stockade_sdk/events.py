"""Events, orders and positions, as the contract has them.

Prices and volumes of bars, quotes and trades are integers at hand (`close_units`, with
`price_scale`) and decimals on demand (`close`): a strategy that compares sums of integers never
pays for a `Decimal`.
"""

from enum import Enum

from .exact import from_units


class AssetClass(Enum):
    EQUITY = 0
    CRYPTO = 1


class Side(Enum):
    BUY = 0
    SELL = 1


class TimeInForce(Enum):
    DAY = 0
    GTC = 1
    IOC = 2
    FOK = 3
    OPG = 4
    CLS = 5


class OrderStatus(Enum):
    REFUSED = 0
    ACCEPTED = 1
    SENDING = 2
    UNKNOWN = 3
    ACKNOWLEDGED = 4
    PARTIALLY_FILLED = 5
    FILLED = 6
    CANCELED = 7
    EXPIRED = 8
    REJECTED = 9
    REPLACED = 10
    ABANDONED = 11


class SessionKind(Enum):
    OPEN = 0
    CLOSE = 1


class ActionKind(Enum):
    SPLIT = 0
    DIVIDEND = 1
    SYMBOL_CHANGE = 2
    OTHER = 3


class LogLevel(Enum):
    DEBUG = 0
    INFO = 1
    WARN = 2
    ERROR = 3


class Record:
    """Fields by name, compared and shown by value."""

    __slots__ = ()

    def __eq__(self, other):
        if type(self) is not type(other):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None

    def __repr__(self):
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{type(self).__name__}({fields})"


class Bar(Record):
    """A bar of one instrument; `at` is the start of its interval in nanoseconds."""

    __slots__ = (
        "at",
        "instrument",
        "price_scale",
        "volume_scale",
        "open_units",
        "high_units",
        "low_units",
        "close_units",
        "volume_units",
    )

    def __init__(self, at, instrument, price_scale, volume_scale, open_, high, low, close, volume):
        self.at = at
        self.instrument = instrument
        self.price_scale = price_scale
        self.volume_scale = volume_scale
        self.open_units = open_
        self.high_units = high
        self.low_units = low
        self.close_units = close
        self.volume_units = volume

    @property
    def open(self):
        return from_units(self.open_units, self.price_scale)

    @property
    def high(self):
        return from_units(self.high_units, self.price_scale)

    @property
    def low(self):
        return from_units(self.low_units, self.price_scale)

    @property
    def close(self):
        return from_units(self.close_units, self.price_scale)

    @property
    def volume(self):
        return from_units(self.volume_units, self.volume_scale)

    @property
    def mark(self):
        """The price that a position is valued at from here on."""
        return self.close


class Quote(Record):
    """The best bid and ask."""

    __slots__ = (
        "at",
        "instrument",
        "price_scale",
        "size_scale",
        "bid_units",
        "bid_size_units",
        "ask_units",
        "ask_size_units",
    )

    def __init__(self, at, instrument, price_scale, size_scale, bid, bid_size, ask, ask_size):
        self.at = at
        self.instrument = instrument
        self.price_scale = price_scale
        self.size_scale = size_scale
        self.bid_units = bid
        self.bid_size_units = bid_size
        self.ask_units = ask
        self.ask_size_units = ask_size

    @property
    def bid(self):
        return from_units(self.bid_units, self.price_scale)

    @property
    def bid_size(self):
        return from_units(self.bid_size_units, self.size_scale)

    @property
    def ask(self):
        return from_units(self.ask_units, self.price_scale)

    @property
    def ask_size(self):
        return from_units(self.ask_size_units, self.size_scale)


class Trade(Record):
    """Somebody's trade."""

    __slots__ = ("at", "instrument", "price_scale", "size_scale", "price_units", "size_units")

    def __init__(self, at, instrument, price_scale, size_scale, price, size):
        self.at = at
        self.instrument = instrument
        self.price_scale = price_scale
        self.size_scale = size_scale
        self.price_units = price
        self.size_units = size

    @property
    def price(self):
        return from_units(self.price_units, self.price_scale)

    @property
    def size(self):
        return from_units(self.size_units, self.size_scale)

    @property
    def mark(self):
        """The price that a position is valued at from here on."""
        return self.price


class OrderEvent(Record):
    """What became of an order. `last_qty` is zero when the event is no fill; `lot` is the lot that
    the fill opened."""

    __slots__ = (
        "at",
        "order",
        "instrument",
        "side",
        "status",
        "reason",
        "filled",
        "last_qty",
        "last_price",
        "lot",
    )

    def __init__(
        self, at, order, instrument, side, status, reason, filled, last_qty, last_price, lot=None
    ):
        self.at = at
        self.order = order
        self.instrument = instrument
        self.side = side
        self.status = status
        self.reason = reason
        self.filled = filled
        self.last_qty = last_qty
        self.last_price = last_price
        self.lot = lot


class TimerEvent(Record):
    """The period that the description asked for has passed."""

    __slots__ = ("at",)

    def __init__(self, at):
        self.at = at


class SessionEvent(Record):
    """The session opened or closed; `day` is year * 10,000 + month * 100 + day."""

    __slots__ = ("at", "kind", "day")

    def __init__(self, at, kind, day):
        self.at = at
        self.kind = kind
        self.day = day


class ActionEvent(Record):
    """A corporate action: a split of `ratio_new` for `ratio_old`, a dividend of `amount` dollars a
    share, another `symbol`."""

    __slots__ = ("at", "instrument", "kind", "ratio_new", "ratio_old", "amount", "symbol")

    def __init__(self, at, instrument, kind, ratio_new, ratio_old, amount, symbol):
        self.at = at
        self.instrument = instrument
        self.kind = kind
        self.ratio_new = ratio_new
        self.ratio_old = ratio_old
        self.amount = amount
        self.symbol = symbol


class Position(Record):
    """`qty` is signed, `available` is what open sales don't hold, `cost` that of the open lots."""

    __slots__ = ("instrument", "qty", "available", "cost")

    def __init__(self, instrument, qty, available, cost):
        self.instrument = instrument
        self.qty = qty
        self.available = available
        self.cost = cost


class Market(Record):
    """At the market."""

    __slots__ = ()


class Limit(Record):
    """At this price or better."""

    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


class Stop(Record):
    """At the market once this price is reached."""

    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


class StopLimitPrices(Record):
    """The two prices of a stop limit order."""

    __slots__ = ("stop", "limit")

    def __init__(self, stop, limit):
        self.stop = stop
        self.limit = limit


class StopLimit(Record):
    """At `value.limit` or better once `value.stop` is reached."""

    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


class Qty(Record):
    """Shares or coins."""

    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


class Notional(Record):
    """Dollars; market orders only."""

    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


class Intent(Record):
    """What a bot asks for."""

    __slots__ = (
        "instrument",
        "side",
        "size",
        "order_type",
        "time_in_force",
        "extended_hours",
        "reason",
        "tag",
        "lot",
    )

    def __init__(
        self,
        instrument,
        side,
        size,
        order_type,
        time_in_force=TimeInForce.GTC,
        extended_hours=False,
        reason=None,
        tag=None,
        lot=None,
    ):
        self.instrument = instrument
        self.side = side
        self.size = size
        self.order_type = order_type
        self.time_in_force = time_in_force
        self.extended_hours = extended_hours
        self.reason = reason
        self.tag = tag
        self.lot = lot


class OpenOrder(Record):
    """An order that can still fill."""

    __slots__ = ("order", "instrument", "side", "qty", "filled", "order_type", "status")

    def __init__(self, order, instrument, side, qty, filled, order_type, status):
        self.order = order
        self.instrument = instrument
        self.side = side
        self.qty = qty
        self.filled = filled
        self.order_type = order_type
        self.status = status


class Refusal(Record):
    """Why something was refused: a stable code, and the numbers in words."""

    __slots__ = ("code", "message")

    def __init__(self, code, message):
        self.code = code
        self.message = message

    def __str__(self):
        return f"{self.code}: {self.message}"
