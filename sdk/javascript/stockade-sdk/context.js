/**
 * What a handler can ask: its money, its positions, its orders, and the past.
 *
 * A `Context` lives for one event; used later it throws `StaleContext`. Answers of the host that
 * can't change during a call are asked for once a call; an order that was asked for makes the next
 * question go to the host again. Market values come from the event in hand and the events before it,
 * so they mean the same in a list as in single calls.
 */

import { Decimal, ZERO } from './decimal.js';
import { StaleContext } from './errors.js';
import { LogLevel, Side, TimeInForce } from './events.js';

/** What the host keeps for money. */
const VALUE_PLACES = 9;

/**
 * What the host said to an order, a replacement or a cancel. `ok` is true when it was taken; then
 * `order` is the order's number, a BigInt, else `refusal` says why not. The final word is `onOrder`.
 */
export class Answer {
  constructor(order, refusal) {
    this.order = order;
    this.refusal = refusal;
  }

  get ok() {
    return this.refusal === undefined;
  }
}

/** What the contexts of one call share. */
export class Call {
  constructor(host, config, marks, isWarmUp) {
    this.host = host;
    this.config = config;
    this.marks = marks;
    this.isWarmUp = isWarmUp;
    this.asked = false;
    this.current = undefined;
    this.positions = undefined;
    this.orders = undefined;
  }

  forget() {
    this.positions = undefined;
    this.orders = undefined;
  }
}

export class Context {

  constructor(call, index, event) {
    this._call = call;
    this._index = index;
    this._event = event;
  }

  _live() {
    if (this._call.current !== this) {
      throw new StaleContext(
        'this context belongs to an event that is over: ask the one that your handler got',
      );
    }
    return this._call;
  }

  /** The time of the event in hand, the only time there is. */
  get at() {
    return this._event.at;
  }

  /** True while the past is replayed: orders are refused with the code `warm_up`. */
  get isWarmUp() {
    return this._call.isWarmUp;
  }

  /** The instruments of the configuration. */
  get instruments() {
    return this._call.config.instruments;
  }

  /** The symbol of an instrument. */
  symbol(instrument) {
    return this._call.config.symbol(instrument);
  }

  /** Cash of the sleeve. */
  get cash() {
    return this._live().host.cash();
  }

  /** Cash that no order holds. */
  get buyingPower() {
    return this._live().host.buyingPower();
  }

  /** The position in an instrument: `qty` (signed), `available`, `cost`. */
  position(instrument) {
    const call = this._live();
    call.positions ??= new Map();
    let known = call.positions.get(instrument);
    if (known === undefined) {
      known = call.host.position(instrument);
      call.positions.set(instrument, known);
    }
    return known;
  }

  /** Open orders, those asked for in this call included. */
  get openOrders() {
    const call = this._live();
    call.orders ??= call.host.openOrders();
    return call.orders;
  }

  /** True when an order in the instrument is open. */
  hasOpenOrder(instrument) {
    return this.openOrders.some((order) => order.instrument === instrument);
  }

  /** The last close or trade that the bot has seen, the event in hand included. */
  price(instrument) {
    return this._live().marks[instrument]?.mark;
  }

  /** Market value of a position at `price`; `undefined` without a price. */
  marketValue(instrument) {
    const { qty } = this.position(instrument);
    if (qty.isZero) return ZERO;
    return this.price(instrument)?.times(qty).round(VALUE_PLACES);
  }

  /** Market value minus cost of a position; `undefined` without a price. */
  unrealised(instrument) {
    return this.marketValue(instrument)?.minus(this.position(instrument).cost);
  }

  /** Cash and the market value of every position; `undefined` while one of them has no price. */
  get equity() {
    let equity = this.cash;
    for (const { id } of this.instruments) {
      const value = this.marketValue(id);
      if (value === undefined) return undefined;
      equity = equity.plus(value);
    }
    return equity;
  }

  /** The last `count` bars before the event in hand, oldest first, as far as the host holds them. */
  history(instrument, count) {
    return this._live().host.history(this._index, instrument, count);
  }

  /** A purchase to complete and submit; without more a market order, good till cancelled. */
  buy(instrument, qty) {
    return this._draft(instrument, Side.BUY, { tag: 'qty', val: Decimal.from(qty) });
  }

  /** A sale to complete and submit; without more a market order, good till cancelled. */
  sell(instrument, qty) {
    return this._draft(instrument, Side.SELL, { tag: 'qty', val: Decimal.from(qty) });
  }

  /** A purchase for an amount of dollars; market orders only. */
  buyFor(instrument, dollars) {
    return this._draft(instrument, Side.BUY, { tag: 'notional', val: Decimal.from(dollars) });
  }

  _draft(instrument, side, size) {
    this._live();
    const submit = (intent) => this._ask((host) => host.submit(this._index, intent));
    return new Draft(submit, {
      instrument,
      side,
      size,
      orderType: { tag: 'market' },
      timeInForce: TimeInForce.GTC,
      extendedHours: false,
      reason: undefined,
      tag: undefined,
      lot: undefined,
    });
  }

  /** Asks to cancel an open order. */
  cancel(order) {
    return this._ask((host) => host.cancel(this._index, order));
  }

  /**
   * Asks to cancel an open order and to put another in its place, with this quantity in all and
   * these prices where given: `ctx.replace(order, { limit: '101.5' })`.
   */
  replace(order, { qty, limit, stop } = {}) {
    const exact = (value) => (value === undefined ? undefined : Decimal.from(value));
    const numbers = [exact(qty), exact(limit), exact(stop)];
    return this._ask((host) => host.replace(this._index, order, ...numbers));
  }

  _ask(question) {
    const call = this._live();
    call.asked = true;
    call.forget();
    return question(call.host);
  }

  /** Writes a debug line to the bot's log. */
  debug(message) {
    this._live().host.log(LogLevel.DEBUG, String(message));
  }

  /** Writes an information line to the bot's log. */
  info(message) {
    this._live().host.log(LogLevel.INFO, String(message));
  }

  /** Writes a warning to the bot's log. */
  warn(message) {
    this._live().host.log(LogLevel.WARN, String(message));
  }

  /** Writes an error to the bot's log. It stops nothing. */
  error(message) {
    this._live().host.log(LogLevel.ERROR, String(message));
  }
}

/** An order in the making. Nothing happens before `submit`. */
export class Draft {
  #submit;
  #intent;

  constructor(submit, intent) {
    this.#submit = submit;
    this.#intent = intent;
  }

  #with(fields) {
    Object.assign(this.#intent, fields);
    return this;
  }

  /** At the market. */
  market() {
    return this.#with({ orderType: { tag: 'market' } });
  }

  /** At this price or better. */
  limit(price) {
    return this.#with({ orderType: { tag: 'limit', val: Decimal.from(price) } });
  }

  /** At the market once this price is reached. */
  stop(price) {
    return this.#with({ orderType: { tag: 'stop', val: Decimal.from(price) } });
  }

  /** At `limit` or better once `stop` is reached. */
  stopLimit(stop, limit) {
    const val = { stop: Decimal.from(stop), limit: Decimal.from(limit) };
    return this.#with({ orderType: { tag: 'stop-limit', val } });
  }

  /** How long the order lives. */
  timeInForce(timeInForce) {
    return this.#with({ timeInForce });
  }

  /** Also outside of regular hours. */
  extendedHours() {
    return this.#with({ extendedHours: true });
  }

  /** Becomes the exit reason of the round trips that the order closes. At most 64 characters. */
  reason(reason) {
    return this.#with({ reason });
  }

  /** A label of your own. At most 64 characters. */
  tag(tag) {
    return this.#with({ tag });
  }

  /** The lot that a sale closes first, by the number that `onOrder` of its purchase gave. */
  lot(lot) {
    return this.#with({ lot });
  }

  /** Asks for the order. */
  submit() {
    return this.#submit({ ...this.#intent });
  }
}
