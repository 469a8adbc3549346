/**
 * Writes and reads the bytes that `save` and `restore` exchange with the host.
 *
 * Fields in a fixed order, ended by a checksum, so that a truncated or damaged state is an error and
 * never a wrong state. There are no field names: a new layout takes a new `stateSchema`, and
 * `migrate` reads the old one by its number.
 */

import { Decimal, MAX_SCALE, outgoing } from './decimal.js';
import { StateError } from './errors.js';

const SHORT = 'the state ends before its last field';
const IMPOSSIBLE = 'a field of the state has an impossible value';

/** FNV-1a with 32 bits. */
function checksum(bytes) {
  let hash = 0x811c9dc5;
  for (let index = 0; index < bytes.length; index += 1) {
    hash = Math.imul(hash ^ bytes[index], 0x01000193);
  }
  return hash >>> 0;
}

/** Collects fields; `finish` adds the checksum. */
export class Writer {
  #bytes = new Uint8Array(256);
  #length = 0;

  #add(bytes) {
    const length = this.#length + bytes.length;
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(2 * length);
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length = length;
  }

  /** A whole number or BigInt of any size. */
  integer(value) {
    const number = BigInt(value);
    const digits = [];
    let rest = number < 0n ? -number : number;
    for (; rest > 0n; rest >>= 8n) digits.push(Number(rest & 0xffn));
    if (digits.length > 127) {
      throw new StateError(`an integer of ${digits.length} bytes, at most 127 are allowed`);
    }
    this.#add(Uint8Array.of(digits.length + (number < 0n ? 128 : 0), ...digits));
  }

  /** True or false. */
  boolean(value) {
    this.#add(Uint8Array.of(value ? 1 : 0));
  }

  /** The number of entries that follow. */
  count(entries) {
    this.#add(new Uint8Array(Uint32Array.of(entries).buffer));
  }

  /** A length and as many bytes. */
  bytes(value) {
    this.count(value.length);
    this.#add(value);
  }

  /** Text. */
  text(value) {
    this.bytes(new TextEncoder().encode(value));
  }

  /** A number with its scale. */
  decimal(value) {
    const { mantissa, scale } = outgoing(value);
    this.#add(Uint8Array.of(scale));
    this.integer(mantissa);
  }

  /** A number or nothing. */
  optionalDecimal(value) {
    this.boolean(value !== undefined);
    if (value !== undefined) this.decimal(value);
  }

  /** The bytes with their checksum. */
  finish() {
    const body = this.#bytes.subarray(0, this.#length);
    this.count(checksum(body));
    return this.#bytes.slice(0, this.#length);
  }
}

/** Reads the fields in the order in which they were written. */
export class Reader {
  #body;
  #at = 0;

  constructor(state) {
    if (state.length < 4) throw new StateError(SHORT);
    this.#body = state.subarray(0, state.length - 4);
    const sum = new DataView(state.buffer, state.byteOffset + state.length - 4).getUint32(0, true);
    if (sum !== checksum(this.#body)) {
      throw new StateError('the checksum of the state does not fit its bytes');
    }
  }

  #take(size) {
    const end = this.#at + size;
    if (end > this.#body.length) throw new StateError(SHORT);
    const taken = this.#body.slice(this.#at, end);
    this.#at = end;
    return taken;
  }

  /** What `Writer.integer` wrote, a BigInt. */
  integer() {
    const [head] = this.#take(1);
    const digits = this.#take(head & 127);
    const size = digits.reduceRight((sum, digit) => (sum << 8n) | BigInt(digit), 0n);
    return head > 127 ? -size : size;
  }

  /** What `Writer.boolean` wrote. */
  boolean() {
    const [value] = this.#take(1);
    if (value > 1) throw new StateError(IMPOSSIBLE);
    return value === 1;
  }

  /** What `Writer.count` wrote. Never more than the bytes that are left, so a loop over it ends. */
  count() {
    const count = new DataView(this.#take(4).buffer).getUint32(0, true);
    if (count > this.#body.length - this.#at) throw new StateError(SHORT);
    return count;
  }

  /** What `Writer.bytes` wrote. */
  bytes() {
    return this.#take(this.count());
  }

  /** What `Writer.text` wrote. */
  text() {
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(this.bytes());
    } catch (error) {
      throw error instanceof StateError ? error : new StateError(IMPOSSIBLE);
    }
  }

  /** What `Writer.decimal` wrote. */
  decimal() {
    const [scale] = this.#take(1);
    if (scale > MAX_SCALE) throw new StateError(IMPOSSIBLE);
    return new Decimal(this.integer(), scale);
  }

  /** What `Writer.optionalDecimal` wrote. */
  optionalDecimal() {
    return this.boolean() ? this.decimal() : undefined;
  }

  /** Checks that nothing is left. */
  finish() {
    const left = this.#body.length - this.#at;
    if (left > 0) throw new StateError(`${left} bytes follow the last field`);
  }
}
