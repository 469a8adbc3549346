"""What the SDK raises."""


class StockadeError(Exception):
    """Anything that the SDK raises."""


class Refused(StockadeError):
    """Raise it in `__init__`, `restore` or `migrate`: its text is the answer, and no trap."""


class ConfigError(Refused):
    """A parameter that is missing or not of the type that was asked for."""


class StateError(Refused):
    """A saved state that can't be read."""


class StaleContext(StockadeError):
    """A `Context` or a `Draft` was used after the event that it was made for."""


class InexactError(StockadeError, ValueError):
    """A number that is not exact, or that does not fit 18 places and 64 bits."""
