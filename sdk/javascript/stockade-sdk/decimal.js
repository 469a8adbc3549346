/**
 * Exact decimals: `mantissa` / 10^`scale` with a BigInt for the mantissa.
 *
 * Sums, differences and products are exact, however long; only a function that is given a number of
 * places rounds. There is no NaN and no infinity. Comparison is of the value: `1.0` equals `1.00`.
 */

import { InexactError } from './errors.js';

/** The largest number of places that crosses to the host. */
export const MAX_SCALE = 18;

/** What to do with the digits that don't fit. */
export const Rounding = Object.freeze({ DOWN: 'down', UP: 'up', HALF_EVEN: 'half-even' });

const LOWEST = -(2n ** 63n);
const HIGHEST = 2n ** 63n - 1n;
const TEXT = /^([+-]?)(\d*)(?:\.(\d*))?$/;

const power = (places) => 10n ** BigInt(places);

export class Decimal {
  constructor(mantissa, scale = 0) {
    this.mantissa = BigInt(mantissa);
    this.scale = scale;
  }

  /** A Decimal of text, a BigInt, a whole number or a Decimal. Fractions of a float are refused. */
  static from(value) {
    if (value instanceof Decimal) return value;
    if (typeof value === 'bigint' || Number.isSafeInteger(value)) return new Decimal(value);
    if (typeof value === 'string') {
      const parsed = Decimal.parse(value);
      if (parsed) return parsed;
    }
    throw new InexactError(`${String(value)} is no exact number: give text, a BigInt or a Decimal`);
  }

  /** A Decimal of plain text, `undefined` where it is none. */
  static parse(text) {
    const match = TEXT.exec(text);
    const [, sign, whole = '', places = ''] = match ?? [];
    if (!match || whole + places === '') return undefined;
    const mantissa = BigInt(whole + places);
    return new Decimal(sign === '-' ? -mantissa : mantissa, places.length);
  }

  /** Both mantissas at the greater of the two scales. */
  #with(other) {
    const b = Decimal.from(other);
    if (this.scale === b.scale) return [this.mantissa, b.mantissa, this.scale];
    const scale = Math.max(this.scale, b.scale);
    return [
      this.mantissa * power(scale - this.scale),
      b.mantissa * power(scale - b.scale),
      scale,
    ];
  }

  plus(other) {
    const [a, b, scale] = this.#with(other);
    return new Decimal(a + b, scale);
  }

  minus(other) {
    const [a, b, scale] = this.#with(other);
    return new Decimal(a - b, scale);
  }

  /** The exact product. */
  times(other) {
    const b = Decimal.from(other);
    return new Decimal(this.mantissa * b.mantissa, this.scale + b.scale);
  }

  /** The quotient rounded once, to so many places. */
  dividedBy(other, places, rounding = Rounding.HALF_EVEN) {
    const d = Decimal.from(other);
    if (d.isZero) throw new InexactError(`${this} is divided by zero`);
    const up = places + d.scale - this.scale;
    const numerator = up >= 0 ? this.mantissa * power(up) : this.mantissa;
    const denominator = up >= 0 ? d.mantissa : d.mantissa * power(-up);
    return new Decimal(quotient(numerator, denominator, rounding), places);
  }

  /** The value with at most so many places. */
  round(places, rounding = Rounding.HALF_EVEN) {
    if (this.scale <= places) return this;
    return new Decimal(quotient(this.mantissa, power(this.scale - places), rounding), places);
  }

  negated() {
    return new Decimal(-this.mantissa, this.scale);
  }

  /** -1, 0 or 1. */
  compare(other) {
    const [a, b] = this.#with(other);
    return a < b ? -1 : a > b ? 1 : 0;
  }

  equals(other) {
    return this.compare(other) === 0;
  }

  lessThan(other) {
    return this.compare(other) < 0;
  }

  greaterThan(other) {
    return this.compare(other) > 0;
  }

  get isZero() {
    return this.mantissa === 0n;
  }

  get isPositive() {
    return this.mantissa > 0n;
  }

  get isNegative() {
    return this.mantissa < 0n;
  }

  /** The nearest float, to look at: money never goes through it. */
  toNumber() {
    return Number(this.toString());
  }

  toString() {
    const negative = this.mantissa < 0n;
    const digits = String(negative ? -this.mantissa : this.mantissa).padStart(this.scale + 1, '0');
    const whole = digits.slice(0, digits.length - this.scale);
    const places = this.scale > 0 ? `.${digits.slice(-this.scale)}` : '';
    return `${negative ? '-' : ''}${whole}${places}`;
  }

  toJSON() {
    return this.toString();
  }

  /** Operators like `+` and `<` would go through floats. */
  [Symbol.toPrimitive](hint) {
    if (hint === 'string') return this.toString();
    throw new InexactError(`an operator was used on the decimal ${this}: call plus, compare, …`);
  }
}

/** 0. */
export const ZERO = new Decimal(0n);

function quotient(numerator, denominator, rounding) {
  const whole = numerator / denominator;
  const rest = numerator % denominator;
  if (rest === 0n) return whole;
  const twice = 2n * (rest < 0n ? -rest : rest);
  const size = denominator < 0n ? -denominator : denominator;
  const away =
    rounding === Rounding.UP ||
    (rounding === Rounding.HALF_EVEN && (twice > size || (twice === size && whole % 2n !== 0n)));
  if (!away) return whole;
  return numerator < 0n === denominator < 0n ? whole + 1n : whole - 1n;
}

/**
 * The number as the contract has it; trailing zeros go where it would not fit otherwise. Throws
 * `InexactError` for what needs more than 18 places or 64 bits.
 */
export function outgoing(value) {
  let { mantissa, scale } = Decimal.from(value);
  const fits = () => scale <= MAX_SCALE && mantissa >= LOWEST && mantissa <= HIGHEST;
  while (!fits() && scale > 0 && mantissa % 10n === 0n) {
    mantissa /= 10n;
    scale -= 1;
  }
  if (!fits()) {
    throw new InexactError(
      `${value} needs more than 18 places or 64 bits: round it with round(places)`,
    );
  }
  return { mantissa, scale };
}
