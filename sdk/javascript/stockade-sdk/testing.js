/**
 * Runs a strategy natively, without wasm.
 *
 * `Harness` gives the configuration as the host does, hands over events through the same code as a
 * component, and keeps a small account whose fills follow the backtest's reference behaviour: a
 * market order fills in full at the next bar's open of its symbol; a buy limit fills when a later
 * low is below the limit, at the open when that is at or below it; a stop triggers when the high
 * reaches it and fills at the stop or, beyond a gap, at the open; sales mirror this. It is a model to
 * test a strategy with, not the host: of the host's controls it has capital and long-only alone.
 */

import { Answer } from './context.js';
import { Decimal, Rounding, ZERO } from './decimal.js';
import { Config, NANOSECONDS_PER_SECOND, ParamType } from './describe.js';
import { Bar, OrderStatus, Quote, SessionKind, Side, TimeInForce, Trade } from './events.js';
import { Running } from './running.js';

/** Where the harness's time begins: 2024-01-02T14:30:00 UTC, an opening bell in New York. */
export const START = 1_704_205_800n * NANOSECONDS_PER_SECOND;
/** The time between the bars that the harness makes. */
export const MINUTE = 60n * NANOSECONDS_PER_SECOND;

/** Places of quantities and money. */
const PLACES = 9;

const min = (a, b) => (a.lessThan(b) ? a : b);
const max = (a, b) => (a.lessThan(b) ? b : a);
const atMost = (a, b) => !a.greaterThan(b);
const atLeast = (a, b) => !a.lessThan(b);

class Refusal extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** Cash, positions, orders, log and prices: the host of a strategy under test. */
class Account {
  constructor(cash) {
    this.free = cash;
    this.positions = new Map();
    this.orders = [];
    this.refusals = [];
    this.logLines = [];
    // Every bar that was handed over, oldest first; those from `first` on belong to the call in hand.
    this.bars = [];
    this.first = 0;
    this.now = START;
    this.isWarmUp = false;
  }

  begin(at, isWarmUp, bars = []) {
    this.first = this.bars.length;
    this.now = at;
    this.isWarmUp = isWarmUp;
    this.bars.push(...bars);
  }

  end(handled) {
    this.bars.length = this.first + handled;
  }

  get open() {
    return this.orders.filter((order) => order.status === OrderStatus.ACKNOWLEDGED);
  }

  cash() {
    return this.free;
  }

  buyingPower() {
    return this.open.reduce((left, order) => left.minus(order.held), this.free);
  }

  position(instrument) {
    const { qty, cost } = this.positions.get(instrument) ?? { qty: ZERO, cost: ZERO };
    const selling = this.open
      .filter((order) => order.instrument === instrument && order.side === Side.SELL)
      .reduce((sum, order) => sum.plus(order.qty), ZERO);
    return { instrument, qty, available: qty.minus(selling), cost };
  }

  openOrders() {
    return this.open.map(({ id, instrument, side, qty, orderType, status }) => {
      return { order: id, instrument, side, qty, filled: ZERO, orderType, status };
    });
  }

  submit(event, intent) {
    return this.answered(() => this.admit(event, intent));
  }

  replace(event, id, qty, limit, stop) {
    return this.answered(() => {
      const old = this.close(id);
      const orderType = repriced(old.orderType, limit, stop);
      const size = { tag: 'qty', val: qty ?? old.qty };
      return this.admit(event, { ...old, size, orderType });
    });
  }

  cancel(event, id) {
    return this.answered(() => {
      this.close(id);
      return undefined;
    });
  }

  answered(ask) {
    try {
      return new Answer(ask(), undefined);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const refusal = { code: error.code, message: error.message };
      this.refusals.push(refusal);
      return new Answer(undefined, refusal);
    }
  }

  admit(event, intent) {
    const { instrument, side, size, orderType, reason, tag } = intent;
    if (this.isWarmUp) throw new Refusal('warm_up', 'the past is being replayed');
    const seen = this.bars.slice(0, this.first + event + 1);
    const last = seen.findLast((bar) => bar.instrument === instrument)?.close;
    if (last === undefined) throw new Refusal('no_price', 'no bar of it was seen yet');
    const price = priceOf(orderType) ?? last;
    const qty =
      size.tag === 'qty' ? size.val : size.val.dividedBy(price, PLACES, Rounding.DOWN);
    if (!qty.isPositive) throw new Refusal('invalid_quantity', `${qty} is not above zero`);
    if (!price.isPositive) throw new Refusal('invalid_price', `${price} is not above zero`);
    const held = side === Side.BUY ? this.capitalFor(qty, price) : this.sharesFor(instrument, qty);
    const id = BigInt(this.orders.length + 1);
    const at = this.bars[this.first + event]?.at ?? this.now;
    const status = OrderStatus.ACKNOWLEDGED;
    this.orders.push({ id, at, instrument, side, qty, orderType, status, reason, tag, held });
    return id;
  }

  capitalFor(qty, price) {
    const needed = qty.times(price).round(PLACES, Rounding.UP);
    const left = this.buyingPower();
    if (needed.greaterThan(left)) {
      throw new Refusal('capital', `${qty} at ${price} is more than the ${left} that are free`);
    }
    return needed;
  }

  sharesFor(instrument, qty) {
    const { available } = this.position(instrument);
    if (qty.greaterThan(available)) {
      throw new Refusal('long_only', `${qty} is more than the ${available} that are available`);
    }
    return ZERO;
  }

  close(id) {
    const order = this.orders.find((known) => known.id === id);
    if (!order) throw new Refusal('not_found', `there is no order ${id}`);
    if (order.status !== OrderStatus.ACKNOWLEDGED) {
      throw new Refusal('not_open', `order ${id} is ${order.status}`);
    }
    order.status = OrderStatus.CANCELED;
    order.held = ZERO;
    return order;
  }

  /** Fills what the bars of one time stamp fill; gives what happened. */
  fill(bars) {
    const events = [];
    for (const order of this.open) {
      const bar = bars.find((candidate) => candidate.instrument === order.instrument);
      const price = bar && fillPrice(order, bar);
      if (price === undefined) continue;
      Object.assign(order, { status: OrderStatus.FILLED, price, filledAt: bar.at, held: ZERO });
      this.book(order, price);
      events.push({
        at: bar.at,
        order: order.id,
        instrument: order.instrument,
        side: order.side,
        status: order.status,
        filled: order.qty,
        lastQty: order.qty,
        lastPrice: price,
      });
    }
    return events;
  }

  book({ instrument, side, qty }, price) {
    const value = qty.times(price).round(PLACES);
    const held = this.positions.get(instrument) ?? { qty: ZERO, cost: ZERO };
    if (side === Side.BUY) {
      this.free = this.free.minus(value);
      this.positions.set(instrument, { qty: held.qty.plus(qty), cost: held.cost.plus(value) });
      return;
    }
    // The average cost leaves with the shares; lots are the host's affair.
    const left = held.qty.minus(qty);
    const cost = held.cost.dividedBy(held.qty, PLACES).times(left).round(PLACES);
    this.free = this.free.plus(value);
    this.positions.set(instrument, { qty: left, cost });
  }

  log(level, message) {
    this.logLines.push([level, message]);
  }

  history(event, instrument, count) {
    const before = this.bars.slice(0, this.first + event);
    return before.filter((bar) => bar.instrument === instrument).slice(-count || before.length);
  }
}

function priceOf({ tag, val }) {
  if (tag === 'market') return undefined;
  return tag === 'stop-limit' ? val.limit : val;
}

function repriced({ tag, val }, limit, stop) {
  if (tag === 'limit') return { tag, val: limit ?? val };
  if (tag === 'stop') return { tag, val: stop ?? val };
  if (tag === 'stop-limit') return { tag, val: { stop: stop ?? val.stop, limit: limit ?? val.limit } };
  return { tag };
}

/** What a bar does to an open order; `undefined` when nothing. */
function fillPrice({ side, orderType: { tag, val } }, { open, high, low }) {
  const isBuy = side === Side.BUY;
  if (tag === 'market') return open;
  if (tag === 'limit') {
    if (isBuy) return low.lessThan(val) || atMost(open, val) ? min(open, val) : undefined;
    return high.greaterThan(val) || atLeast(open, val) ? max(open, val) : undefined;
  }
  const stop = tag === 'stop' ? val : val.stop;
  const isReached = isBuy ? atLeast(high, stop) : atMost(low, stop);
  if (!isReached) return undefined;
  const price = isBuy ? max(open, stop) : min(open, stop);
  if (tag === 'stop') return price;
  // Triggered and filled within one bar, or not at all: enough to test a strategy with.
  const isWithin = isBuy ? atMost(price, val.limit) : atLeast(price, val.limit);
  return isWithin ? price : undefined;
}

/** Fills in defaults and checks what the host checks at deployment. */
function complete(known, given) {
  const unknown = Object.keys(given).find((name) => !known.some((param) => param.name === name));
  if (unknown !== undefined) throw new Error(`parameter "${unknown}" is unknown`);
  return known.map((param) => {
    const value = given[param.name] ?? param.default;
    if (value === undefined) {
      throw new Error(`parameter "${param.name}" has no default and no value`);
    }
    check(param, String(value));
    return [param.name, String(value)];
  });
}

function check({ name, type, minimum, maximum }, value) {
  const wrong = (what) => new Error(`parameter "${name}" is "${value}", ${what}`);
  const fits = {
    [ParamType.INTEGER]: () => /^[+-]?\d+$/.test(value),
    [ParamType.DECIMAL]: () => Decimal.parse(value) !== undefined,
    [ParamType.BOOLEAN]: () => value === 'true' || value === 'false',
    [ParamType.TEXT]: () => true,
  };
  if (!fits[type]()) throw wrong('not of its type');
  const number = Decimal.parse(value);
  if (minimum !== undefined && number?.lessThan(minimum)) throw wrong('below its minimum');
  if (maximum !== undefined && number?.greaterThan(maximum)) throw wrong('above its maximum');
}

/** A strategy with an account of its own. */
export class Harness {
  /**
   * A strategy with this much cash, these symbols (those that end in USD are crypto) and these
   * parameters; the defaults of the description fill in the rest.
   */
  constructor(Bot, { cash, symbols, params = {}, oneByOne = false }) {
    const instruments = symbols.map((symbol, id) => {
      return { id, symbol, class: symbol.endsWith('USD') ? 'crypto' : 'equity' };
    });
    this.Bot = Bot;
    this.config = new Config({ instruments, params: complete(Bot.describe().params, params), seed: 1n });
    this.running = new Running(Bot, this.config);
    this.account = new Account(Decimal.from(cash));
    this.now = START;
    // Marks events from here on as the past, or not.
    this.isWarmUp = false;
    // Calls the strategy once a time stamp, even where the host would hand over a longer list.
    this.oneByOne = oneByOne;
  }

  /**
   * Hands over bars, oldest first: open orders fill, the strategy hears of it and gets the bars.
   * Without open orders many time stamps go in one list, as the host does it.
   */
  bars(bars) {
    let rest = bars;
    while (rest.length > 0) {
      const { at } = rest[0];
      this.now = at;
      const next = rest.findIndex((bar) => bar.at !== at);
      const same = next < 0 ? rest : rest.slice(0, next);
      this.hear('orders', this.account.fill(same), at);
      const list = this.oneByOne || this.account.open.length > 0 ? same : rest;
      this.account.begin(at, this.isWarmUp, list);
      const handled = this.running.bars(this.account, list.map(fieldsOf), this.isWarmUp);
      this.account.end(handled);
      this.now = list[handled - 1].at;
      rest = rest.slice(handled);
    }
  }

  /** Hands over events of another kind until all are handled. */
  hear(kind, events, at) {
    let left = events;
    while (left.length > 0) {
      this.account.begin(at, this.isWarmUp);
      left = left.slice(this.running[kind](this.account, left, this.isWarmUp));
    }
  }

  /** One bar a close for one symbol, minute by minute, with all four prices at the close. */
  closes(symbol, closes) {
    this.bars(closes.map((close, index) => this.bar(symbol, close, this.now + BigInt(index + 1) * MINUTE)));
  }

  /** One more minute with a flat bar for each of these symbols: `{ AAPL: '10', MSFT: '20' }`. */
  minute(closes) {
    const at = this.now + MINUTE;
    this.bars(Object.entries(closes).map(([symbol, close]) => this.bar(symbol, close, at)));
  }

  /** A bar with all four prices at `close`. */
  bar(symbol, close, at) {
    const { mantissa, scale } = Decimal.from(close);
    return Bar.of({
      at,
      instrument: this.instrument(symbol),
      priceScale: scale,
      open: mantissa,
      high: mantissa,
      low: mantissa,
      close: mantissa,
      volume: 100n,
    });
  }

  /** The session opens or closes; `day` is year * 10,000 + month * 100 + day. */
  session(kind, day) {
    this.hear('sessions', [{ at: this.now, kind: kind ?? SessionKind.OPEN, day }], this.now);
  }

  /** The period of the timer has passed. */
  timer() {
    this.hear('timers', [{ at: this.now }], this.now);
  }

  /** Hands over a quote of these fields (integers are BigInts), see `Quote.of`. */
  quote(fields) {
    this.now = fields.at ?? this.now;
    this.hear('quotes', [{ at: this.now, ...fields }], this.now);
  }

  /** Hands over a trade of somebody, of these fields, see `Trade.of`. */
  trade(fields) {
    this.now = fields.at ?? this.now;
    this.hear('trades', [{ at: this.now, ...fields }], this.now);
  }

  /** A corporate action. */
  action(fields) {
    this.hear('actions', [{ at: this.now, ratioNew: Decimal.from(1), ratioOld: Decimal.from(1), amount: ZERO, ...fields }], this.now);
  }

  /** Replaces the strategy by a new one that restores the state of the old one, as a reload does. */
  reload() {
    this.restore(this.Bot.describe().stateSchema, this.save());
  }

  /** Replaces the strategy by a new one that takes this state, migrated where the schema differs. */
  restore(schema, state) {
    const fresh = new Running(this.Bot, this.config);
    const isOwn = schema === this.Bot.describe().stateSchema;
    fresh.restore(isOwn ? state : fresh.migrate(schema, state));
    this.running = fresh;
  }

  /** The state that a reload would carry over. */
  save() {
    return this.running.save();
  }

  /** The strategy, to look at. */
  get strategy() {
    return this.running.strategy;
  }

  /** Every order that was accepted, oldest first. */
  get orders() {
    return this.account.orders;
  }

  /** Every refusal, oldest first. */
  get refusals() {
    return this.account.refusals;
  }

  /** Every line of the log, oldest first, as `[level, text]`. */
  get logLines() {
    return this.account.logLines;
  }

  /** Cash of the account. */
  get cash() {
    return this.account.cash();
  }

  /** The position in a symbol. */
  position(symbol) {
    return this.account.position(this.instrument(symbol));
  }

  /** The number of a symbol. */
  instrument(symbol) {
    const found = this.config.instrument(symbol);
    if (found === undefined) throw new Error(`the harness was made without ${symbol}`);
    return found;
  }
}

/** The fields of a bar, as the contract has them. */
function fieldsOf(bar) {
  return {
    at: bar.at,
    instrument: bar.instrument,
    priceScale: bar.priceScale,
    volumeScale: bar.volumeScale,
    open: bar.openUnits,
    high: bar.highUnits,
    low: bar.lowUnits,
    close: bar.closeUnits,
    volume: bar.volumeUnits,
  };
}

export { Quote, TimeInForce, Trade };
