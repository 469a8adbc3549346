"""The last values of a series with their exact sum.

Nothing is rounded, so a window that was saved and restored goes on exactly, and two languages agree
to the last digit. Means are compared, never computed, since a mean may have no exact decimal.
"""

from collections import deque

from .exact import from_units, to_units


class Window:
    """The last `capacity` values and their sum; a capacity of 0 counts as 1."""

    __slots__ = ("is_full", "_capacity", "_scale", "_units", "_sum")

    def __init__(self, capacity):
        self._capacity = max(capacity, 1)
        # True once `capacity` values have been seen.
        self.is_full = False
        self._scale = 0
        self._units = deque()
        self._sum = 0

    def push(self, value):
        """Takes a number in and lets the oldest go when the window is full."""
        self.push_units(*to_units(value))

    def push_units(self, units, scale):
        """`push` of `units` / 10^`scale`: `window.push_units(bar.close_units, bar.price_scale)`
        spares the decimal."""
        if scale != self._scale:
            units = self._fit(units, scale)
        held = self._units
        if self.is_full:
            self._sum += units - held.popleft()
            held.append(units)
        else:
            self._sum += units
            held.append(units)
            self.is_full = len(held) == self._capacity

    def _fit(self, units, scale):
        if scale < self._scale:
            return units * 10 ** (self._scale - scale)
        factor = 10 ** (scale - self._scale)
        self._units = deque(unit * factor for unit in self._units)
        self._sum *= factor
        self._scale = scale
        return units

    def __len__(self):
        return len(self._units)

    @property
    def scale(self):
        """The places of `units`; they only grow."""
        return self._scale

    @property
    def units(self):
        """The values as multiples of 10^-`scale`, oldest first."""
        return list(self._units)

    @property
    def sum(self):
        """The sum of the values."""
        return from_units(self._sum, self._scale)

    def compare_means(self, other):
        """-1, 0 or 1: how the mean of this window compares with that of another, exactly; `None`
        while one of them is empty."""
        own, others = len(self._units), len(other._units)
        if not own or not others:
            return None
        left, right = self._sum * others, other._sum * own
        if self._scale != other._scale:
            left *= 10 ** max(other._scale - self._scale, 0)
            right *= 10 ** max(self._scale - other._scale, 0)
        return 1 if left > right else -1 if left < right else 0

    def save(self, out):
        """Writes the values into a state."""
        out.integer(self._scale)
        out.count(len(self._units))
        for unit in self._units:
            out.integer(unit)

    def restore(self, source):
        """Reads what `save` wrote. The capacity stays: of a longer series the newest values do."""
        self._scale = source.integer()
        units = [source.integer() for _ in range(source.count())]
        self._units = deque(units[-self._capacity :])
        self._sum = sum(self._units)
        self.is_full = len(self._units) == self._capacity
