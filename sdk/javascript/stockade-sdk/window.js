/**
 * The last values of a series with their exact sum.
 *
 * Nothing is rounded, so a window that was saved and restored goes on exactly, and two languages
 * agree to the last digit. Means are compared, never computed, since a mean may have no exact
 * decimal.
 */

import { Decimal } from './decimal.js';

const power = (places) => 10n ** BigInt(places);

export class Window {
  // Fields with an underscore are this class's own. Private names cost an interpreter twice the time
  // of everything else that happens at a bar.

  /** An empty window of `capacity` values; a capacity of 0 counts as 1. */
  constructor(capacity) {
    this._capacity = Math.max(capacity, 1);
    this._scale = 0;
    // A ring once it is full; `_next` is the place of the oldest.
    this._units = [];
    this._next = 0;
    this._sum = 0n;
  }

  /** Takes a number in and lets the oldest go when the window is full. */
  push(value) {
    const { mantissa, scale } = Decimal.from(value);
    this.pushUnits(mantissa, scale);
  }

  /**
   * `push` of `units` / 10^`scale`: `window.pushUnits(bar.closeUnits, bar.priceScale)` spares the
   * decimal.
   */
  pushUnits(units, scale) {
    const own = scale === this._scale ? units : this._fit(units, scale);
    const held = this._units;
    if (held.length < this._capacity) {
      held.push(own);
      this._sum += own;
      return;
    }
    this._sum += own - held[this._next];
    held[this._next] = own;
    this._next = this._next + 1 === this._capacity ? 0 : this._next + 1;
  }

  _fit(units, scale) {
    if (scale < this._scale) return units * power(this._scale - scale);
    const factor = power(scale - this._scale);
    this._units = this._units.map((unit) => unit * factor);
    this._sum *= factor;
    this._scale = scale;
    return units;
  }

  /** True once `capacity` values have been seen. */
  get isFull() {
    return this._units.length === this._capacity;
  }

  /** How many values it holds. */
  get length() {
    return this._units.length;
  }

  /** The places of `units`; they only grow. */
  get scale() {
    return this._scale;
  }

  /** The values as multiples of 10^-`scale`, oldest first. */
  get units() {
    return [...this._units.slice(this._next), ...this._units.slice(0, this._next)];
  }

  /** The sum of the values. */
  get sum() {
    return new Decimal(this._sum, this._scale);
  }

  /**
   * -1, 0 or 1: how the mean of this window compares with that of another, exactly; `undefined`
   * while one of them is empty.
   */
  compareMeans(other) {
    const own = this._units.length;
    const others = other._units.length;
    if (own === 0 || others === 0) return undefined;
    let left = this._sum * BigInt(others);
    let right = other._sum * BigInt(own);
    if (this._scale < other._scale) left *= power(other._scale - this._scale);
    if (this._scale > other._scale) right *= power(this._scale - other._scale);
    return left > right ? 1 : left < right ? -1 : 0;
  }

  /** Writes the values into a state. */
  save(out) {
    out.integer(this._scale);
    out.count(this._units.length);
    for (const unit of this.units) out.integer(unit);
  }

  /** Reads what `save` wrote. The capacity stays: of a longer series the newest values do. */
  restore(from) {
    this._scale = Number(from.integer());
    const units = Array.from({ length: from.count() }, () => from.integer());
    this._units = units.slice(-this._capacity);
    this._next = 0;
    this._sum = this._units.reduce((sum, unit) => sum + unit, 0n);
  }
}
