/**
 * What a bot says about itself, and the configuration that it gets.
 *
 * The host checks names, types and bounds at deployment; the getters of `Config` check the type
 * again, so a bot also fails by name when it asks for a parameter that it never described.
 */

import { Decimal } from './decimal.js';
import { ConfigError } from './errors.js';
import { AssetClass } from './events.js';

export const NANOSECONDS_PER_SECOND = 1_000_000_000n;

export const EventKind = Object.freeze({
  BARS: 'bars',
  QUOTES: 'quotes',
  TRADES: 'trades',
  ORDERS: 'orders',
  TIMER: 'timer',
  SESSION: 'session',
});

export const ParamType = Object.freeze({
  INTEGER: 'integer',
  DECIMAL: 'decimal',
  TEXT: 'text',
  BOOLEAN: 'boolean',
});

const textOf = (number) => (number === undefined ? undefined : Decimal.from(number).toString());

/** A parameter. Its default and bounds are text, as the host reads them. */
export class Param {
  constructor(name, type, fallback, { minimum, maximum, help = '' } = {}) {
    this.name = name;
    this.type = type;
    this.default = fallback;
    this.minimum = textOf(minimum);
    this.maximum = textOf(maximum);
    this.help = help;
  }

  /** A whole number. */
  static integer(name, fallback, more) {
    return new Param(name, ParamType.INTEGER, textOf(fallback), more);
  }

  /** A decimal. */
  static decimal(name, fallback, more) {
    return new Param(name, ParamType.DECIMAL, textOf(fallback), more);
  }

  /** Text. */
  static text(name, fallback, more) {
    return new Param(name, ParamType.TEXT, fallback, more);
  }

  /** True or false. */
  static boolean(name, fallback, more) {
    return new Param(name, ParamType.BOOLEAN, String(Boolean(fallback)), more);
  }

  /** A parameter without a default: its value must be given at deployment. */
  static required(name, type, more) {
    return new Param(name, type, undefined, more);
  }
}

/**
 * What a bot is and wants. The name must equal the file's stem; without `symbols` the deployment
 * names them.
 */
export class Description {
  constructor(name, version, more = {}) {
    this.name = name;
    this.version = version;
    this.symbols = more.symbols ?? ['any'];
    this.events = more.events ?? [EventKind.BARS];
    this.bars = more.bars;
    this.params = more.params ?? [];
    this.warmUpBars = more.warmUpBars ?? 0;
    this.timerPeriod = BigInt(more.timerSeconds ?? 0) * NANOSECONDS_PER_SECOND;
    this.stateSchema = more.stateSchema ?? 1;
  }
}

/** Bars that the host builds from bars of one minute: `{ bars: barsOfMinutes(5) }`. */
export function barsOfMinutes(minutes) {
  return { length: BigInt(minutes) * 60n * NANOSECONDS_PER_SECOND, source: 'minutes' };
}

/** Bars that the host builds from trades. */
export function barsOfTrades(seconds) {
  return { length: BigInt(seconds) * NANOSECONDS_PER_SECOND, source: 'trades' };
}

/**
 * The configuration: instruments, parameters with their defaults filled in, and a seed, the only
 * randomness there is.
 */
export class Config {
  constructor({ instruments, params, seed }) {
    this.instruments = instruments;
    this.params = params;
    this.seed = seed;
  }

  /** The value of a text parameter. */
  text(name) {
    const found = this.params.find(([known]) => known === name);
    if (!found) throw new ConfigError(`parameter "${name}" is missing`);
    return found[1];
  }

  #checked(name, isRight, what) {
    const text = this.text(name);
    if (!isRight(text)) throw new ConfigError(`parameter "${name}" is "${text}", ${what}`);
    return text;
  }

  /** The value of an integer parameter, a number. */
  integer(name) {
    const isWhole = (text) => /^[+-]?\d+$/.test(text) && Number.isSafeInteger(Number(text));
    return Number(this.#checked(name, isWhole, 'not a whole number'));
  }

  /** The value of an integer parameter that counts something. */
  count(name) {
    const value = this.integer(name);
    if (value < 0) throw new ConfigError(`parameter "${name}" is "${value}", not a count`);
    return value;
  }

  /** The value of a decimal parameter. */
  decimal(name) {
    return Decimal.parse(this.#checked(name, (text) => Decimal.parse(text), 'not a decimal'));
  }

  /** The value of a boolean parameter. */
  boolean(name) {
    const isOne = (text) => text === 'true' || text === 'false';
    return this.#checked(name, isOne, 'not true or false') === 'true';
  }

  /** The instrument of a symbol; `undefined` when there is none. */
  instrument(symbol) {
    return this.instruments.find((info) => info.symbol === symbol)?.id;
  }

  /** The symbol of an instrument; `undefined` when there is none. */
  symbol(instrument) {
    return this.instruments.find((info) => info.id === instrument)?.symbol;
  }

  /** True where quantities have fractions by nature. */
  isCrypto(instrument) {
    const info = this.instruments.find(({ id }) => id === instrument);
    return info?.class === AssetClass.CRYPTO;
  }

  /** How many entries a table indexed by instrument needs. */
  get instrumentSlots() {
    return this.instruments.reduce((most, info) => Math.max(most, info.id + 1), 0);
  }
}
