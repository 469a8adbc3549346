"""What a bot says about itself, and the configuration that it gets.

The host checks names, types and bounds at deployment; the getters of `Config` check the type again,
so a bot also fails by name when it asks for a parameter that it never described.
"""

import re
from enum import Enum

from .errors import ConfigError
from .events import AssetClass, Record
from .exact import exact

NANOSECONDS_PER_SECOND = 1_000_000_000


class EventKind(Enum):
    BARS = 0
    QUOTES = 1
    TRADES = 2
    ORDERS = 3
    TIMER = 4
    SESSION = 5


class ParamType(Enum):
    INTEGER = 0
    DECIMAL = 1
    TEXT = 2
    BOOLEAN = 3


class BarSource(Enum):
    MINUTES = 0
    TRADES = 1


class BarShape(Record):
    """Bars of another length than the feed's; the host builds them."""

    __slots__ = ("length", "source")

    def __init__(self, length, source):
        self.length = length
        self.source = source


class Param(Record):
    """A parameter. Its default and bounds are text, as the host reads them."""

    __slots__ = ("name", "type", "default", "minimum", "maximum", "help")

    def __init__(self, name, type, default=None, minimum=None, maximum=None, help=""):
        self.name = name
        self.type = type
        self.default = default
        self.minimum = minimum
        self.maximum = maximum
        self.help = help

    @classmethod
    def integer(cls, name, default, *, minimum=None, maximum=None, help=""):
        """A whole number."""
        return cls._number(name, ParamType.INTEGER, default, minimum, maximum, help)

    @classmethod
    def decimal(cls, name, default, *, minimum=None, maximum=None, help=""):
        """A decimal."""
        return cls._number(name, ParamType.DECIMAL, default, minimum, maximum, help)

    @classmethod
    def _number(cls, name, type, default, minimum, maximum, help):
        bounds = [None if value is None else plain(value) for value in (minimum, maximum)]
        return cls(name, type, plain(default), *bounds, help)

    @classmethod
    def text(cls, name, default, *, help=""):
        """Text."""
        return cls(name, ParamType.TEXT, default, help=help)

    @classmethod
    def boolean(cls, name, default, *, help=""):
        """True or false."""
        return cls(name, ParamType.BOOLEAN, "true" if default else "false", help=help)

    @classmethod
    def required(cls, name, type, *, minimum=None, maximum=None, help=""):
        """A parameter without a default: its value must be given at deployment."""
        bounds = [None if value is None else plain(value) for value in (minimum, maximum)]
        return cls(name, type, None, *bounds, help)


def plain(value):
    """A number as text without an exponent."""
    return format(exact(value), "f")


class Description(Record):
    """What a bot is and wants. The name must equal the file's stem; without `symbols` the
    deployment names them."""

    __slots__ = (
        "name",
        "version",
        "symbols",
        "events",
        "bars",
        "params",
        "warm_up_bars",
        "timer_period",
        "state_schema",
    )

    def __init__(
        self,
        name,
        version,
        *,
        symbols=("any",),
        events=(EventKind.BARS,),
        bars=None,
        params=(),
        warm_up_bars=0,
        timer_seconds=0,
        state_schema=1,
    ):
        self.name = name
        self.version = version
        self.symbols = list(symbols)
        self.events = list(events)
        self.bars = bars
        self.params = list(params)
        self.warm_up_bars = warm_up_bars
        self.timer_period = timer_seconds * NANOSECONDS_PER_SECOND
        self.state_schema = state_schema


def bars_of_minutes(minutes):
    """Bars that the host builds from bars of one minute: `Description(…, bars=bars_of_minutes(5))`."""
    return BarShape(minutes * 60 * NANOSECONDS_PER_SECOND, BarSource.MINUTES)


def bars_of_trades(seconds):
    """Bars that the host builds from trades."""
    return BarShape(seconds * NANOSECONDS_PER_SECOND, BarSource.TRADES)


class InstrumentInfo(Record):
    """An entry of the table of instruments."""

    __slots__ = ("id", "symbol", "asset_class")

    def __init__(self, id, symbol, asset_class):
        self.id = id
        self.symbol = symbol
        self.asset_class = asset_class

    @property
    def is_crypto(self):
        """True where quantities have fractions by nature."""
        return self.asset_class is AssetClass.CRYPTO


class Config(Record):
    """The configuration: instruments, parameters with their defaults filled in, and a seed, the only
    randomness there is."""

    __slots__ = ("instruments", "params", "seed")

    def __init__(self, instruments, params, seed):
        self.instruments = instruments
        self.params = params
        self.seed = seed

    def text(self, name):
        """The value of a text parameter."""
        for known, value in self.params:
            if known == name:
                return value
        raise ConfigError(f'parameter "{name}" is missing')

    def integer(self, name):
        """The value of an integer parameter."""
        text = self.text(name)
        if not re.fullmatch(r"[+-]?[0-9]+", text):
            raise ConfigError(f'parameter "{name}" is "{text}", not a whole number')
        return int(text)

    def count(self, name):
        """The value of an integer parameter that counts something."""
        value = self.integer(name)
        if value < 0:
            raise ConfigError(f'parameter "{name}" is "{value}", not a count')
        return value

    def decimal(self, name):
        """The value of a decimal parameter."""
        text = self.text(name)
        if not is_decimal(text):
            raise ConfigError(f'parameter "{name}" is "{text}", not a decimal')
        return exact(text)

    def boolean(self, name):
        """The value of a boolean parameter."""
        text = self.text(name)
        if text not in ("true", "false"):
            raise ConfigError(f'parameter "{name}" is "{text}", not true or false')
        return text == "true"

    def instrument(self, symbol):
        """The instrument of a symbol; `None` when there is none."""
        return next((info.id for info in self.instruments if info.symbol == symbol), None)

    def symbol(self, instrument):
        """The symbol of an instrument; `None` when there is none."""
        return next((info.symbol for info in self.instruments if info.id == instrument), None)

    @property
    def instrument_slots(self):
        """How many entries a table indexed by instrument needs."""
        return max((info.id + 1 for info in self.instruments), default=0)


def is_decimal(text):
    """Whether a text is a plain decimal, without an exponent."""
    return re.fullmatch(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)", text) is not None
