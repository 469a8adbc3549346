"""Runs a strategy natively, without wasm.

`Harness` gives the configuration as the host does, hands over events through the same code as a
component, and keeps a small account whose fills follow the backtest's reference behaviour: a market
order fills in full at the next bar's open of its symbol; a buy limit fills when a later low is below
the limit, at the open when that is at or below it; a stop triggers when the high reaches it and
fills at the stop or, beyond a gap, at the open; sales mirror this. It is a model to test a strategy
with, not the host: of the host's controls it has capital and long-only alone.
"""

from .context import Answer
from .describe import NANOSECONDS_PER_SECOND, Config, InstrumentInfo, ParamType, is_decimal
from .events import (
    ActionEvent,
    AssetClass,
    Bar,
    Intent,
    Limit,
    Market,
    OpenOrder,
    OrderEvent,
    OrderStatus,
    Position,
    Qty,
    Record,
    Refusal,
    SessionEvent,
    Side,
    Stop,
    StopLimit,
    StopLimitPrices,
    TimerEvent,
)
from .exact import ROUND_DOWN, ROUND_UP, ZERO, divide, exact, minus, plus, round_to, times, to_units
from .running import Running

START = 1_704_205_800 * NANOSECONDS_PER_SECOND
"""Where the harness's time begins: 2024-01-02T14:30:00 UTC, an opening bell in New York."""

MINUTE = 60 * NANOSECONDS_PER_SECOND
"""The time between the bars that the harness makes."""

# Places of quantities and money.
_PLACES = 9


class Order(Record):
    """An order that the bot asked for and got; `price` and `filled_at` are those of its fill."""

    __slots__ = (
        "id",
        "at",
        "instrument",
        "side",
        "qty",
        "order_type",
        "reason",
        "tag",
        "held",
        "status",
        "price",
        "filled_at",
    )

    def __init__(self, id, at, intent, qty, held):
        self.id = id
        self.at = at
        self.instrument = intent.instrument
        self.side = intent.side
        self.qty = qty
        self.order_type = intent.order_type
        self.reason = intent.reason
        self.tag = intent.tag
        # Cash that it holds while open.
        self.held = held
        self.status = OrderStatus.ACKNOWLEDGED
        self.price = None
        self.filled_at = None


class _Refused(Exception):
    """An answer on its way out."""


class _Account:
    """Cash, positions, orders, log and prices: the host of a strategy under test."""

    def __init__(self, cash):
        self._cash = cash
        self._positions = {}
        self.orders = []
        self.refusals = []
        self.log_lines = []
        # Every bar that was handed over, oldest first; those from `_first` on are the call's.
        self._bars = []
        self._first = 0
        self._at = START
        self._warm_up = False

    def begin(self, at, warm_up, bars=()):
        self._first = len(self._bars)
        self._at = at
        self._warm_up = warm_up
        self._bars.extend(bars)

    def end(self, handled):
        del self._bars[self._first + handled :]

    @property
    def open(self):
        return [order for order in self.orders if order.status is OrderStatus.ACKNOWLEDGED]

    def cash(self):
        return self._cash

    def buying_power(self):
        free = self._cash
        for order in self.open:
            free = minus(free, order.held)
        return free

    def position(self, instrument):
        qty, cost = self._positions.get(instrument, (ZERO, ZERO))
        selling = ZERO
        for order in self.open:
            if order.instrument == instrument and order.side is Side.SELL:
                selling = plus(selling, order.qty)
        return Position(instrument, qty, minus(qty, selling), cost)

    def open_orders(self):
        return [
            OpenOrder(o.id, o.instrument, o.side, o.qty, ZERO, o.order_type, o.status)
            for o in self.open
        ]

    def submit(self, event, intent):
        return self._answer(lambda: self._admit(event, intent))

    def replace(self, event, order, qty, limit, stop):
        def put():
            old = self._close(order)
            kind = _repriced(old.order_type, limit, stop)
            size = Qty(old.qty if qty is None else qty)
            intent = Intent(old.instrument, old.side, size, kind, reason=old.reason, tag=old.tag)
            return self._admit(event, intent)

        return self._answer(put)

    def cancel(self, event, order):
        def end():
            self._close(order)

        return self._answer(end)

    def _answer(self, ask):
        try:
            return Answer(order=ask())
        except _Refused as error:
            refusal = Refusal(*error.args)
            self.refusals.append(refusal)
            return Answer(refusal=refusal)

    def _admit(self, event, intent):
        if self._warm_up:
            raise _Refused("warm_up", "the past is being replayed")
        seen = self._bars[: self._first + event + 1]
        closes = [bar.close for bar in seen if bar.instrument == intent.instrument]
        if not closes:
            raise _Refused("no_price", "no bar of it was seen yet")
        price = _price_of(intent.order_type)
        price = closes[-1] if price is None else price
        qty = intent.size.value
        if not isinstance(intent.size, Qty):
            qty = divide(qty, price, _PLACES, ROUND_DOWN)
        if qty <= 0:
            raise _Refused("invalid_quantity", f"{qty} is not above zero")
        if price <= 0:
            raise _Refused("invalid_price", f"{price} is not above zero")
        if intent.side is Side.BUY:
            held = self._capital_for(qty, price)
        else:
            held = self._shares_for(intent.instrument, qty)
        index = self._first + event
        at = self._bars[index].at if index < len(self._bars) else self._at
        self.orders.append(Order(len(self.orders) + 1, at, intent, qty, held))
        return len(self.orders)

    def _capital_for(self, qty, price):
        needed, free = round_to(times(qty, price), _PLACES, ROUND_UP), self.buying_power()
        if needed > free:
            raise _Refused("capital", f"{qty} at {price} is more than the {free} that are free")
        return needed

    def _shares_for(self, instrument, qty):
        available = self.position(instrument).available
        if qty > available:
            raise _Refused("long_only", f"{qty} is more than the {available} that are available")
        return ZERO

    def _close(self, number):
        if not 0 < number <= len(self.orders):
            raise _Refused("not_found", f"there is no order {number}")
        order = self.orders[number - 1]
        if order.status is not OrderStatus.ACKNOWLEDGED:
            raise _Refused("not_open", f"order {number} is {order.status.name.lower()}")
        order.status, order.held = OrderStatus.CANCELED, ZERO
        return order

    def fill(self, bars):
        """Fills what the bars of one time stamp fill; gives what happened."""
        events = []
        for order in self.open:
            bar = next((bar for bar in bars if bar.instrument == order.instrument), None)
            price = None if bar is None else _fill_price(order, bar)
            if price is None:
                continue
            order.status, order.held = OrderStatus.FILLED, ZERO
            order.price, order.filled_at = price, bar.at
            self._book(order, price)
            events.append(
                OrderEvent(
                    bar.at,
                    order.id,
                    order.instrument,
                    order.side,
                    order.status,
                    None,
                    order.qty,
                    order.qty,
                    price,
                )
            )
        return events

    def _book(self, order, price):
        value = round_to(times(order.qty, price), _PLACES)
        qty, cost = self._positions.get(order.instrument, (ZERO, ZERO))
        if order.side is Side.BUY:
            self._cash = minus(self._cash, value)
            self._positions[order.instrument] = plus(qty, order.qty), plus(cost, value)
            return
        # The average cost leaves with the shares; lots are the host's affair.
        left = minus(qty, order.qty)
        self._cash = plus(self._cash, value)
        cost = round_to(times(divide(cost, qty, _PLACES), left), _PLACES)
        self._positions[order.instrument] = left, cost

    def log(self, level, message):
        self.log_lines.append((level, message))

    def history(self, event, instrument, count):
        before = self._bars[: self._first + event]
        found = [bar for bar in before if bar.instrument == instrument]
        return found[len(found) - min(count, len(found)) :]


def _price_of(kind):
    if isinstance(kind, Market):
        return None
    return kind.value.limit if isinstance(kind, StopLimit) else kind.value


def _repriced(kind, limit, stop):
    if isinstance(kind, Limit):
        return Limit(kind.value if limit is None else limit)
    if isinstance(kind, Stop):
        return Stop(kind.value if stop is None else stop)
    if isinstance(kind, StopLimit):
        old = kind.value
        prices = (old.stop if stop is None else stop, old.limit if limit is None else limit)
        return StopLimit(StopLimitPrices(*prices))
    return kind


def _fill_price(order, bar):
    """What a bar does to an open order; `None` when nothing."""
    kind, buys = order.order_type, order.side is Side.BUY
    if isinstance(kind, Market):
        return bar.open
    if isinstance(kind, Limit):
        limit = kind.value
        if buys:
            return min(bar.open, limit) if bar.low < limit or bar.open <= limit else None
        return max(bar.open, limit) if bar.high > limit or bar.open >= limit else None
    stop = kind.value if isinstance(kind, Stop) else kind.value.stop
    if not (bar.high >= stop if buys else bar.low <= stop):
        return None
    price = max(bar.open, stop) if buys else min(bar.open, stop)
    if isinstance(kind, Stop):
        return price
    # Triggered and filled within one bar, or not at all: enough to test a strategy with.
    limit = kind.value.limit
    return price if (price <= limit if buys else price >= limit) else None


def _complete(known, given):
    """Fills in defaults and checks what the host checks at deployment."""
    names = [param.name for param in known]
    for name in given:
        if name not in names:
            raise ValueError(f'parameter "{name}" is unknown')
    params = []
    for param in known:
        value = given.get(param.name, param.default)
        if value is None:
            raise ValueError(f'parameter "{param.name}" has no default and no value')
        _check(param, str(value))
        params.append((param.name, str(value)))
    return params


def _check(param, value):
    def wrong(what):
        return ValueError(f'parameter "{param.name}" is "{value}", {what}')

    fits = {
        ParamType.INTEGER: value.lstrip("+-").isdecimal(),
        ParamType.DECIMAL: is_decimal(value),
        ParamType.BOOLEAN: value in ("true", "false"),
        ParamType.TEXT: True,
    }
    if not fits[param.type]:
        raise wrong("not of its type")
    if param.minimum is not None and exact(value) < exact(param.minimum):
        raise wrong("below its minimum")
    if param.maximum is not None and exact(value) > exact(param.maximum):
        raise wrong("above its maximum")


class Harness:
    """A strategy with an account of its own.

    It gets this much cash, these symbols (those that end in USD are crypto) and these parameters;
    the defaults of the description fill in the rest. With `one_by_one` the strategy is called once a
    time stamp, even where the host would hand over a longer list.
    """

    def __init__(self, strategy, *, cash, symbols, params=None, one_by_one=False):
        instruments = [
            InstrumentInfo(
                id, symbol, AssetClass.CRYPTO if symbol.endswith("USD") else AssetClass.EQUITY
            )
            for id, symbol in enumerate(symbols)
        ]
        params = _complete(strategy.describe().params, params or {})
        self._class = strategy
        self._config = Config(instruments, params, 1)
        self._running = Running(strategy, self._config)
        self._account = _Account(exact(cash))
        self._now = START
        self._one_by_one = one_by_one
        # Marks events from here on as the past, or not.
        self.warm_up = False

    def bars(self, bars):
        """Hands over bars, oldest first: open orders fill, the strategy hears of it and gets the
        bars. Without open orders many time stamps go in one list, as the host does it."""
        rest = list(bars)
        while rest:
            at = self._now = rest[0].at
            same = [bar for bar in rest if bar.at == at]
            self._hear(self._running.orders, self._account.fill(same))
            single = self._one_by_one or self._account.open
            given = same if single else rest
            self._account.begin(at, self.warm_up, given)
            handled = self._running.bars(self._account, given, self.warm_up)
            self._account.end(handled)
            self._now = given[handled - 1].at
            rest = rest[handled:]

    def _hear(self, hand_over, events):
        while events:
            self._account.begin(self._now, self.warm_up)
            events = events[hand_over(self._account, events, self.warm_up) :]

    def closes(self, symbol, closes):
        """One bar a close for one symbol, minute by minute, with all four prices at the close."""
        times = range(1, len(closes) + 1)
        self.bars(
            [self.bar(symbol, c, self._now + m * MINUTE) for m, c in zip(times, closes)]
        )

    def minute(self, closes):
        """One more minute with a flat bar for each of these symbols: `{"AAPL": "10"}`."""
        at = self._now + MINUTE
        self.bars([self.bar(symbol, close, at) for symbol, close in closes.items()])

    def bar(self, symbol, close, at):
        """A bar with all four prices at `close`."""
        units, scale = to_units(close)
        return Bar(at, self.instrument(symbol), scale, 0, units, units, units, units, 100)

    def session(self, kind, day):
        """The session opens or closes; `day` is year * 10,000 + month * 100 + day."""
        self._hear(self._running.sessions, [SessionEvent(self._now, kind, day)])

    def timer(self):
        """The period of the timer has passed."""
        self._hear(self._running.timers, [TimerEvent(self._now)])

    def quote(self, quote):
        """Hands over a quote."""
        self._now = quote.at
        self._hear(self._running.quotes, [quote])

    def trade(self, trade):
        """Hands over a trade of somebody."""
        self._now = trade.at
        self._hear(self._running.trades, [trade])

    def action(self, symbol, kind, *, ratio_new=1, ratio_old=1, amount=0, new_symbol=None):
        """A corporate action."""
        numbers = (exact(ratio_new), exact(ratio_old), exact(amount))
        action = ActionEvent(self._now, self.instrument(symbol), kind, *numbers, new_symbol)
        self._hear(self._running.actions, [action])

    def reload(self):
        """Replaces the strategy by a new one that restores the state of the old one, as a reload
        does."""
        self.restore(self._class.describe().state_schema, self.save())

    def restore(self, schema, state):
        """Replaces the strategy by a new one that takes this state, migrated where the schema
        differs."""
        fresh = Running(self._class, self._config)
        if schema != self._class.describe().state_schema:
            state = fresh.migrate(schema, state)
        fresh.restore(state)
        self._running = fresh

    def save(self):
        """The state that a reload would carry over."""
        return self._running.save()

    @property
    def strategy(self):
        """The strategy, to look at."""
        return self._running.strategy

    @property
    def orders(self):
        """Every order that was accepted, oldest first."""
        return self._account.orders

    @property
    def refusals(self):
        """Every refusal, oldest first."""
        return self._account.refusals

    @property
    def log_lines(self):
        """Every line of the log, oldest first, as `(level, text)`."""
        return self._account.log_lines

    @property
    def cash(self):
        """Cash of the account."""
        return self._account.cash()

    def position(self, symbol):
        """The position in a symbol."""
        return self._account.position(self.instrument(symbol))

    def instrument(self, symbol):
        """The number of a symbol."""
        found = self._config.instrument(symbol)
        if found is None:
            raise ValueError(f"the harness was made without {symbol}")
        return found
