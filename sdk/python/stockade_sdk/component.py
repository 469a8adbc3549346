"""Makes a component of a strategy. Only code inside of a component can import this module.

The contract's own classes are replaced by the SDK's before the runtime looks them up: what the host
sends arrives as the objects that a strategy sees, and nothing is copied. State lives in this module,
because each exported interface is an object of its own. Whatever Python writes to its output goes
line by line to the bot's log, and the last lines of a bot that ended with an exception are where it
was and what was raised.
"""

import random
import sys

from componentize_py_types import Err
from wit_world.imports import host as imports
from wit_world.imports import types as wit

try:
    from wit_world.exports import on_actions
except ImportError:
    # Release 1.0 of the contract has no corporate actions.
    on_actions = None

from . import describe, events
from .context import Answer
from .errors import Refused
from .exact import from_units, to_units
from .running import Running


_EVENTS = (
    "AssetClass Side TimeInForce OrderStatus SessionKind LogLevel Bar Quote Trade OrderEvent "
    "TimerEvent SessionEvent Position StopLimitPrices Intent OpenOrder Refusal"
)
_DESCRIPTION = "EventKind ParamType BarSource BarShape Param Description InstrumentInfo Config"
_ACTIONS = "ActionKind ActionEvent"


class _Number:
    """A decimal on its way out."""

    __slots__ = ("mantissa", "scale")

    def __init__(self, value):
        self.mantissa, self.scale = to_units(value)


def _adopt():
    """Puts the SDK's classes in the place of the generated ones."""
    for module, own, names in (
        (wit, events, _EVENTS),
        (wit, describe, _DESCRIPTION),
        (on_actions, events, _ACTIONS),
    ):
        for name in names.split() if module else ():
            setattr(module, name, getattr(own, name))
    wit.Decimal = from_units
    wit.OrderType_Market, wit.OrderType_Limit = events.Market, events.Limit
    wit.OrderType_Stop, wit.OrderType_StopLimit = events.Stop, events.StopLimit
    wit.Size_Qty, wit.Size_Notional = events.Qty, events.Notional


class _Log:
    """A text stream that ends in the bot's log."""

    encoding = "utf-8"

    def __init__(self, level):
        self._level = level
        self._partial = ""

    def write(self, text):
        *lines, self._partial = (self._partial + text).split("\n")
        for line in lines:
            imports.log(self._level, line)
        return len(text)

    def flush(self):
        """Lines go out by themselves."""


def _tell(kind, error, trace):
    """Logs an exception that nobody caught; Python's own way looks for the source files, and a
    component has no files."""
    while trace is not None:
        code = trace.tb_frame.f_code
        line = f'File "{code.co_filename}", line {trace.tb_lineno}, in {code.co_qualname}'
        imports.log(events.LogLevel.ERROR, line)
        trace = trace.tb_next
    imports.log(events.LogLevel.ERROR, f"{kind.__name__}: {error}")


class _Host:
    """The host behind a component's imports, for one call."""

    __slots__ = ("_capital",)

    def __init__(self, capital):
        self._capital = capital

    def cash(self):
        return self._capital.cash()

    def buying_power(self):
        return self._capital.buying_power()

    def position(self, instrument):
        return self._capital.position(instrument)

    def open_orders(self):
        return self._capital.open_orders()

    def submit(self, event, intent):
        return _answer(self._capital.submit, event, _outgoing(intent))

    def replace(self, event, order, qty, limit, stop):
        numbers = [None if value is None else _Number(value) for value in (qty, limit, stop)]
        return _answer(self._capital.replace, event, order, *numbers)

    def cancel(self, event, order):
        return _answer(self._capital.cancel, event, order)

    def log(self, level, message):
        imports.log(level, message)

    def history(self, event, instrument, count):
        return imports.history(event, instrument, count)


def _answer(ask, *arguments):
    try:
        return Answer(order=ask(*arguments))
    except Err as error:
        return Answer(refusal=error.value)


def _outgoing(intent):
    """The intent with its numbers as the contract wants them."""
    kind = intent.order_type
    if isinstance(kind, events.StopLimit):
        prices = events.StopLimitPrices(_Number(kind.value.stop), _Number(kind.value.limit))
        kind = events.StopLimit(prices)
    elif not isinstance(kind, events.Market):
        kind = type(kind)(_Number(kind.value))
    return events.Intent(
        intent.instrument,
        intent.side,
        type(intent.size)(_Number(intent.size.value)),
        kind,
        intent.time_in_force,
        intent.extended_hours,
        intent.reason,
        intent.tag,
        intent.lot,
    )


_strategy = None
_running = None


def _refusing(function, *arguments):
    try:
        return function(*arguments)
    except Refused as refused:
        raise Err(str(refused)) from None


class Lifecycle:
    def describe(self):
        return _strategy.describe()

    def init(self, config):
        global _running
        random.seed(config.seed)
        _running = _refusing(Running, _strategy, config)

    def save(self):
        return _running.save()

    def migrate(self, schema, state):
        return _refusing(_running.migrate, schema, state)

    def restore(self, state):
        _refusing(_running.restore, state)


class OnBars:
    def handle(self, capital, bars, warm_up):
        return _running.bars(_Host(capital), bars, warm_up)


class OnQuotes:
    def handle(self, capital, quotes, warm_up):
        return _running.quotes(_Host(capital), quotes, warm_up)


class OnTrades:
    def handle(self, capital, trades, warm_up):
        return _running.trades(_Host(capital), trades, warm_up)


class OnOrders:
    def handle(self, capital, orders, warm_up):
        return _running.orders(_Host(capital), orders, warm_up)


class OnTimer:
    def handle(self, capital, timers, warm_up):
        return _running.timers(_Host(capital), timers, warm_up)


class OnSession:
    def handle(self, capital, sessions, warm_up):
        return _running.sessions(_Host(capital), sessions, warm_up)


class OnActions:
    def handle(self, capital, actions, warm_up):
        return _running.actions(_Host(capital), actions, warm_up)


def export(strategy):
    """Makes `strategy` the bot of this component; gives the names that the component exports."""
    global _strategy
    _strategy = strategy
    _adopt()
    sys.stdout, sys.stderr = _Log(events.LogLevel.INFO), _Log(events.LogLevel.ERROR)
    sys.excepthook = _tell
    handlers = (OnBars, OnQuotes, OnTrades, OnOrders, OnTimer, OnSession, OnActions)
    return {handler.__name__: handler for handler in (Lifecycle, *handlers)}
