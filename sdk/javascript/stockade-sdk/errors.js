/** What the SDK throws. */

/** Anything that the SDK throws. */
export class StockadeError extends Error {
  constructor(message) {
    super(message);
    this.name = new.target.name;
  }
}

/** Throw it in the constructor, `restore` or `migrate`: its text is the answer, and no trap. */
export class Refused extends StockadeError {}

/** A parameter that is missing or not of the type that was asked for. */
export class ConfigError extends Refused {}

/** A saved state that can't be read. */
export class StateError extends Refused {}

/** A `Context` or a `Draft` was used after the event that it was made for. */
export class StaleContext extends StockadeError {}

/** A number that is not exact, or that does not fit 18 places and 64 bits. */
export class InexactError extends StockadeError {}
