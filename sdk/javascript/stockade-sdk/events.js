/**
 * Events as a strategy sees them.
 *
 * Prices and volumes of bars, quotes and trades are integers at hand (`closeUnits`, with
 * `priceScale`) and decimals on demand (`close`). A list that arrives as the bytes of its records is
 * read where it lies: a bar that nobody looks at costs nothing. The offsets are those of the
 * contract's records in the canonical ABI.
 */

import { Decimal } from './decimal.js';

/** Names of the contract's cases, so that a slip of the pen is `undefined` and not a wrong order. */
export const Side = Object.freeze({ BUY: 'buy', SELL: 'sell' });
export const TimeInForce = Object.freeze({
  DAY: 'day',
  GTC: 'gtc',
  IOC: 'ioc',
  FOK: 'fok',
  OPG: 'opg',
  CLS: 'cls',
});
export const OrderStatus = Object.freeze({
  REFUSED: 'refused',
  ACCEPTED: 'accepted',
  SENDING: 'sending',
  UNKNOWN: 'unknown',
  ACKNOWLEDGED: 'acknowledged',
  PARTIALLY_FILLED: 'partially-filled',
  FILLED: 'filled',
  CANCELED: 'canceled',
  EXPIRED: 'expired',
  REJECTED: 'rejected',
  REPLACED: 'replaced',
  ABANDONED: 'abandoned',
});
export const SessionKind = Object.freeze({ OPEN: 'open', CLOSE: 'close' });
export const AssetClass = Object.freeze({ EQUITY: 'equity', CRYPTO: 'crypto' });
export const ActionKind = Object.freeze({
  SPLIT: 'split',
  DIVIDEND: 'dividend',
  SYMBOL_CHANGE: 'symbol-change',
  OTHER: 'other',
});
export const LogLevel = Object.freeze({ DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' });

/** A record in the bytes of a list. */
class Packed {
  constructor(view, offset) {
    this.view = view;
    this.offset = offset;
  }

  /** The time in nanoseconds since 1970, a BigInt; of a bar the start of its interval. */
  get at() {
    return this.view.getBigInt64(this.offset, true);
  }

  get instrument() {
    return this.view.getUint32(this.offset + 8, true);
  }

  get priceScale() {
    return this.view.getUint8(this.offset + 12);
  }

  units(place) {
    return this.view.getBigInt64(this.offset + place, true);
  }

  get secondScale() {
    return this.view.getUint8(this.offset + 13);
  }

  priceAt(place) {
    return new Decimal(this.units(place), this.priceScale);
  }

  amountAt(place) {
    return new Decimal(this.units(place), this.secondScale);
  }

  /** Whether another record of the same list has the same time. */
  isAtTimeOf(other) {
    return (
      this.view.getInt32(this.offset, true) === other.view.getInt32(other.offset, true) &&
      this.view.getInt32(this.offset + 4, true) === other.view.getInt32(other.offset + 4, true)
    );
  }
}

/** A bar of one instrument. */
export class Bar extends Packed {
  static BYTES = 56;

  /** A bar of its fields; integers are BigInts. */
  static of(fields) {
    const units = [fields.open, fields.high, fields.low, fields.close, fields.volume];
    return packed(Bar, fields, fields.volumeScale, units);
  }

  get volumeScale() {
    return this.secondScale;
  }

  get openUnits() {
    return this.units(16);
  }

  get highUnits() {
    return this.units(24);
  }

  get lowUnits() {
    return this.units(32);
  }

  get closeUnits() {
    return this.view.getBigInt64(this.offset + 40, true);
  }

  get volumeUnits() {
    return this.units(48);
  }

  get open() {
    return this.priceAt(16);
  }

  get high() {
    return this.priceAt(24);
  }

  get low() {
    return this.priceAt(32);
  }

  get close() {
    return this.priceAt(40);
  }

  get volume() {
    return this.amountAt(48);
  }

  /** The price that a position is valued at from here on. */
  get mark() {
    return this.close;
  }
}

/** The best bid and ask. */
export class Quote extends Packed {
  static BYTES = 48;

  /** A quote of its fields; integers are BigInts. */
  static of(fields) {
    const units = [fields.bid, fields.bidSize, fields.ask, fields.askSize];
    return packed(Quote, fields, fields.sizeScale, units);
  }

  get sizeScale() {
    return this.secondScale;
  }

  get bidUnits() {
    return this.units(16);
  }

  get askUnits() {
    return this.units(32);
  }

  get bid() {
    return this.priceAt(16);
  }

  get bidSize() {
    return this.amountAt(24);
  }

  get ask() {
    return this.priceAt(32);
  }

  get askSize() {
    return this.amountAt(40);
  }
}

/** Somebody's trade. */
export class Trade extends Packed {
  static BYTES = 32;

  /** A trade of its fields; integers are BigInts. */
  static of(fields) {
    return packed(Trade, fields, fields.sizeScale, [fields.price, fields.size]);
  }

  get sizeScale() {
    return this.secondScale;
  }

  get priceUnits() {
    return this.units(16);
  }

  get price() {
    return this.priceAt(16);
  }

  get size() {
    return this.amountAt(24);
  }

  /** The price that a position is valued at from here on. */
  get mark() {
    return this.price;
  }
}

function packed(Kind, fields, secondScale, units) {
  const view = new DataView(new ArrayBuffer(Kind.BYTES));
  view.setBigInt64(0, BigInt(fields.at), true);
  view.setUint32(8, fields.instrument, true);
  view.setUint8(12, fields.priceScale ?? 0);
  view.setUint8(13, secondScale ?? 0);
  units.forEach((value, index) => view.setBigInt64(16 + 8 * index, BigInt(value), true));
  return new Kind(view, 0);
}

/** A list of records: the bytes of all, or an array of their fields. */
export function records(Kind, list) {
  if (!(list instanceof ArrayBuffer)) return list.map((fields) => Kind.of(fields));
  const view = new DataView(list);
  const count = list.byteLength / Kind.BYTES;
  const out = new Array(count);
  for (let index = 0; index < count; index += 1) out[index] = new Kind(view, index * Kind.BYTES);
  return out;
}

/** Whether two events of one list have the same time. */
export function areAtOneTime(a, b) {
  return a instanceof Packed ? a.isAtTimeOf(b) : a.at === b.at;
}
