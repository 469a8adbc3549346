"""Writes and reads the bytes that `save` and `restore` exchange with the host.

Fields in a fixed order, ended by a checksum, so that a truncated or damaged state is an error and
never a wrong state. There are no field names: a new layout takes a new `state_schema`, and
`migrate` reads the old one by its number.
"""

from binascii import crc32

from .errors import StateError
from .exact import MAX_SCALE, from_units, to_units


class Writer:
    """Collects fields; `finish` adds the checksum."""

    def __init__(self):
        self._parts = []

    def integer(self, value):
        """An integer of any size."""
        size = (value.bit_length() + 8) // 8
        if size > 255:
            raise StateError(f"an integer of {size} bytes, at most 255 are allowed")
        self._parts.append(bytes([size]) + value.to_bytes(size, "little", signed=True))

    def boolean(self, value):
        """True or false."""
        self._parts.append(b"\x01" if value else b"\x00")

    def count(self, entries):
        """The number of entries that follow."""
        self._parts.append(entries.to_bytes(4, "little"))

    def bytes(self, value):
        """A length and as many bytes."""
        self.count(len(value))
        self._parts.append(bytes(value))

    def text(self, value):
        """Text."""
        self.bytes(value.encode())

    def decimal(self, value):
        """A number with its scale."""
        units, scale = to_units(value)
        self._parts.append(bytes([scale]))
        self.integer(units)

    def optional_decimal(self, value):
        """A number or nothing."""
        self.boolean(value is not None)
        if value is not None:
            self.decimal(value)

    def finish(self):
        """The bytes with their checksum."""
        body = b"".join(self._parts)
        return body + crc32(body).to_bytes(4, "little")


class Reader:
    """Reads the fields in the order in which they were written."""

    def __init__(self, state):
        body, checksum = state[:-4], state[-4:]
        if len(checksum) < 4:
            raise StateError("the state ends before its last field")
        if crc32(body) != int.from_bytes(checksum, "little"):
            raise StateError("the checksum of the state does not fit its bytes")
        self._body = bytes(body)
        self._at = 0

    def _take(self, size):
        taken = self._body[self._at : self._at + size]
        if len(taken) < size:
            raise StateError("the state ends before its last field")
        self._at += size
        return taken

    def integer(self):
        """What `Writer.integer` wrote."""
        return int.from_bytes(self._take(self._take(1)[0]), "little", signed=True)

    def boolean(self):
        """What `Writer.boolean` wrote."""
        value = self._take(1)[0]
        if value > 1:
            raise StateError("a field of the state has an impossible value")
        return value == 1

    def count(self):
        """What `Writer.count` wrote. Never more than the bytes that are left, so a loop over it
        ends."""
        count = int.from_bytes(self._take(4), "little")
        if count > len(self._body) - self._at:
            raise StateError("the state ends before its last field")
        return count

    def bytes(self):
        """What `Writer.bytes` wrote."""
        return self._take(self.count())

    def text(self):
        """What `Writer.text` wrote."""
        try:
            return self.bytes().decode()
        except UnicodeDecodeError as error:
            raise StateError("a field of the state has an impossible value") from error

    def decimal(self):
        """What `Writer.decimal` wrote."""
        scale = self._take(1)[0]
        if scale > MAX_SCALE:
            raise StateError("a field of the state has an impossible value")
        return from_units(self.integer(), scale)

    def optional_decimal(self):
        """What `Writer.optional_decimal` wrote."""
        return self.decimal() if self.boolean() else None

    def finish(self):
        """Checks that nothing is left."""
        left = len(self._body) - self._at
        if left:
            raise StateError(f"{left} bytes follow the last field")
