"""The class that a bot derives from."""

from .errors import StateError


class Strategy:
    """A bot. Everything but `describe` has a default that does nothing.

    Handlers get one event each, in order. What a strategy keeps between events belongs into `save`,
    except what it can ask of `Context`: orders and positions live with the host and survive a
    reload.
    """

    @classmethod
    def describe(cls):
        """What the bot is and wants, a `Description`. Called before anything else; must not depend
        on anything."""
        raise NotImplementedError(f"{cls.__name__}.describe is missing")

    def __init__(self, config):
        """Takes the configuration. A `Refused` ends the deployment with its text."""

    def on_bar(self, ctx, bar):
        """A bar is complete."""

    def after_bars(self, ctx, at):
        """The bars of one time stamp have all been handled: the place to compare instruments. Live,
        a late bar of the same time stamp comes in a call of its own, followed by this one again."""

    def on_quote(self, ctx, quote):
        """The best bid or ask changed."""

    def on_trade(self, ctx, trade):
        """Somebody traded."""

    def on_order(self, ctx, order):
        """Something happened to one of the bot's orders."""

    def on_timer(self, ctx, timer):
        """The period that `describe` asked for has passed in market time."""

    def on_session(self, ctx, session):
        """The session opened or closed."""

    def on_action(self, ctx, action):
        """A corporate action on one of the bot's instruments."""

    def save(self):
        """What to carry over a reload or a restart, as bytes."""
        return b""

    def restore(self, state):
        """Takes a state that `save` of a version with the same `state_schema` wrote. The default
        accepts an empty state alone."""
        if state:
            raise StateError(f"this bot keeps no state and was given {len(state)} bytes")

    def migrate(self, schema, state):
        """Makes a state for `restore` of one that a version with another `state_schema` wrote. The
        default refuses."""
        own = type(self).describe().state_schema
        raise StateError(f"the state has schema {schema}, this version reads {own}")
