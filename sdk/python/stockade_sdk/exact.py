"""Exact decimals: `decimal.Decimal` for the strategy, integers with a scale for the host.

Nothing here rounds unless a function names a number of places. Python's own operators on `Decimal`
do round, to 28 digits: enough for every sum and product of prices, and `round_to` is there for
quotients.
"""

from decimal import (
    ROUND_DOWN,
    ROUND_HALF_EVEN,
    ROUND_UP,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
)

from .errors import InexactError

MAX_SCALE = 18
"""The largest number of places that crosses to the host."""

ZERO = Decimal(0)

_LOWEST, _HIGHEST = -(2**63), 2**63 - 1
# Room for the product of any two values that cross, and no rounding that nobody asked for.
_WIDE = Context(prec=80, traps=[DivisionByZero, InvalidOperation, Overflow])
_EXACT = Context(prec=80, traps=[DivisionByZero, Inexact, InvalidOperation, Overflow])
_PLACES = [Decimal(1).scaleb(-places) for places in range(MAX_SCALE + 1)]


def exact(value):
    """A `Decimal` of text, an `int` or a `Decimal`. Floats are refused: they are not exact."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, (int, str)) and not isinstance(value, bool):
        try:
            return Decimal(value)
        except InvalidOperation:
            pass
    raise InexactError(f"{value!r} is no exact number: give text, an int or a Decimal")


def from_units(units, scale):
    """`units` / 10^`scale`."""
    return _EXACT.scaleb(units, -scale)


def to_units(value):
    """The integer and the scale of a number; trailing zeros go where it would not fit otherwise.

    Raises `InexactError` for what needs more than 18 places or 64 bits.
    """
    number = exact(value)
    if not number.is_finite():
        raise InexactError(f"{value} is no number that an order can have")
    sign, digits, exponent = number.as_tuple()
    units = int("".join(map(str, digits)))
    if exponent > 0:
        units, exponent = units * 10**exponent, 0
    scale = -exponent
    while scale > 0 and (scale > MAX_SCALE or units > _HIGHEST) and units % 10 == 0:
        units, scale = units // 10, scale - 1
    units = -units if sign else units
    if scale > MAX_SCALE or not _LOWEST <= units <= _HIGHEST:
        raise InexactError(
            f"{value} needs more than 18 places or 64 bits: round it with round_to(value, places)"
        )
    return units, scale


def round_to(value, places, rounding=ROUND_HALF_EVEN):
    """The value with at most so many places."""
    number = exact(value)
    if number.as_tuple().exponent >= -places:
        return number
    return number.quantize(_PLACES[places], rounding=rounding, context=_WIDE)


def times(a, b):
    """The exact product."""
    return _EXACT.multiply(a, b)


def plus(a, b):
    """The exact sum."""
    return _EXACT.add(a, b)


def minus(a, b):
    """The exact difference."""
    return _EXACT.subtract(a, b)


def divide(a, b, places, rounding=ROUND_HALF_EVEN):
    """The quotient rounded once, to so many places."""
    numerator, denominator = exact(a), exact(b)
    top, low = to_units(numerator), to_units(denominator)
    shift = places + low[1] - top[1]
    n, d = top[0], low[0]
    if shift >= 0:
        n *= 10**shift
    else:
        d *= 10**-shift
    if d < 0:
        n, d = -n, -d
    quotient, remainder = divmod(abs(n), d)
    up = rounding == ROUND_UP and remainder > 0
    if rounding == ROUND_HALF_EVEN:
        up = 2 * remainder > d or (2 * remainder == d and quotient % 2 == 1)
    quotient += up
    return from_units(-quotient if n < 0 else quotient, places)


__all__ = [
    "MAX_SCALE",
    "ROUND_DOWN",
    "ROUND_HALF_EVEN",
    "ROUND_UP",
    "ZERO",
    "divide",
    "exact",
    "from_units",
    "minus",
    "plus",
    "round_to",
    "times",
    "to_units",
]
