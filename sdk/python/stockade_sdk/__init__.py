"""Writes a stockade bot in Python: derive from `Strategy`, build with
`python -m stockade_sdk.build`. `README.md` beside this package is the ten-minute path.

Guarantees: a list of events means exactly what single calls mean, because the SDK stops after the
time stamp at which the strategy first asked for something; money and quantities are exact
(`decimal.Decimal`); the same strategy runs natively under `stockade_sdk.testing`, without wasm.

It does not keep time, random numbers, files or a network: a bot has none. It does not decide what is
allowed either: the host answers each order at once, and again when it arrives.
"""

from .context import Answer, Context, Draft
from .describe import (
    NANOSECONDS_PER_SECOND,
    BarShape,
    BarSource,
    Config,
    Description,
    EventKind,
    InstrumentInfo,
    Param,
    ParamType,
    bars_of_minutes,
    bars_of_trades,
)
from .errors import ConfigError, InexactError, Refused, StaleContext, StateError, StockadeError
from .events import (
    ActionEvent,
    ActionKind,
    AssetClass,
    Bar,
    Intent,
    Limit,
    LogLevel,
    Market,
    Notional,
    OpenOrder,
    OrderEvent,
    OrderStatus,
    Position,
    Qty,
    Quote,
    Refusal,
    SessionEvent,
    SessionKind,
    Side,
    Stop,
    StopLimit,
    StopLimitPrices,
    TimeInForce,
    TimerEvent,
    Trade,
)
from .exact import (
    MAX_SCALE,
    ROUND_DOWN,
    ROUND_HALF_EVEN,
    ROUND_UP,
    divide,
    exact,
    round_to,
)
from .state import Reader, Writer
from .strategy import Strategy
from .window import Window

__version__ = "0.1.0"
