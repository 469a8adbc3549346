import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  Config,
  Decimal,
  Description,
  InexactError,
  Param,
  ParamType,
  Reader,
  Refused,
  Rounding,
  Side,
  StaleContext,
  Strategy,
  Window,
  Writer,
} from '../stockade-sdk/index.js';
import { Bar, records } from '../stockade-sdk/events.js';
import { component } from '../stockade-sdk/component.js';
import { outgoing } from '../stockade-sdk/decimal.js';
import { Harness, MINUTE, START } from '../stockade-sdk/testing.js';

const d = (text) => Decimal.from(text);

test('decimals are exact and compare by value', () => {
  assert.equal(String(d('0.1').plus('0.2')), '0.3');
  assert.ok(d('1.0').equals('1.00'));
  assert.equal(String(d('-1.50').times('3')), '-4.50');
  assert.equal(String(d('10').dividedBy('3', 4)), '3.3333');
  assert.equal(String(d('-2.5').round(0)), '-2');
  assert.equal(String(d('3.5').round(0)), '4');
  assert.equal(String(d('-0.01').round(1, Rounding.UP)), '-0.1');
  assert.equal(String(d('-0.19').round(1, Rounding.DOWN)), '-0.1');
  assert.throws(() => d(0.1), InexactError);
  assert.throws(() => d('1e3'), InexactError);
  assert.throws(() => d('1') + d('2'), InexactError);
});

test('what leaves fits 18 places and 64 bits, or says so', () => {
  assert.deepEqual(outgoing('1.5000000000000000000000'), { mantissa: 1500000000000000000n, scale: 18 });
  assert.deepEqual(outgoing('-9223372036854775808'), { mantissa: -(2n ** 63n), scale: 0 });
  assert.throws(() => outgoing('0.0000000000000000001'), /round it/);
  assert.throws(() => outgoing('9223372036854775808'), InexactError);
});

test('windows keep the newest and compare means exactly', () => {
  const window = (capacity, ...values) => {
    const made = new Window(capacity);
    values.forEach((value) => made.push(value));
    return made;
  };
  assert.deepEqual(window(3, '1', '0.1', '0.22', '0.003').units, [100n, 220n, 3n]);
  assert.equal(window(3, '1', '1', '2').compareMeans(window(1, '1.333333333')), 1);
  assert.equal(window(3, '1', '1', '2').compareMeans(window(6, '1', '1', '1', '1', '2', '2')), 0);
  assert.equal(window(3, '1').compareMeans(new Window(3)), undefined);
  const out = new Writer();
  window(4, '1.5', '2', '3', '4').save(out);
  const short = new Window(2);
  short.restore(new Reader(out.finish()));
  assert.equal(String(short.sum), '7.0');
  short.push('1');
  assert.equal(String(short.sum), '5.0');
});

test('a state reads back, and every damage is found', () => {
  const out = new Writer();
  for (const number of [0n, -1n, 255n, -(2n ** 127n)]) out.integer(number);
  out.text('déjà');
  out.optionalDecimal(d('-1.50'));
  out.optionalDecimal(undefined);
  out.boolean(true);
  const state = out.finish();
  const from = new Reader(state);
  assert.deepEqual([from.integer(), from.integer(), from.integer(), from.integer()], [0n, -1n, 255n, -(2n ** 127n)]);
  assert.equal(from.text(), 'déjà');
  assert.equal(String(from.optionalDecimal()), '-1.50');
  assert.equal(from.optionalDecimal(), undefined);
  assert.throws(() => from.finish(), /1 bytes follow/);
  assert.equal(from.boolean(), true);
  from.finish();
  for (let index = 0; index < state.length; index += 1) {
    const damaged = state.slice();
    damaged[index] ^= 0x40;
    assert.throws(() => new Reader(damaged), /checksum/, `byte ${index}`);
    assert.throws(() => new Reader(state.slice(0, index)), Refused, `length ${index}`);
  }
});

test('parameters carry text of their type, and getters name what is wrong', () => {
  const param = Param.decimal('width', '2.0', { minimum: '0.1', maximum: 10, help: 'band' });
  assert.deepEqual([param.default, param.minimum, param.maximum], ['2.0', '0.1', '10']);
  const params = [['fast', 'ten'], ['on', 'yes'], ['n', '-1']];
  const config = new Config({ instruments: [], params, seed: 0n });
  assert.throws(() => config.integer('fast'), /parameter "fast" is "ten", not a whole number/);
  assert.throws(() => config.boolean('on'), /"yes"/);
  assert.throws(() => config.count('n'), Refused);
  assert.throws(() => config.text('gone'), /parameter "gone" is missing/);
});

test('packed records read like their fields', () => {
  const fields = { at: START, instrument: 3, priceScale: 2, volumeScale: 1, open: 1n, high: 2n, low: -3n, close: 2n ** 62n, volume: 5n };
  const bar = Bar.of(fields);
  const twice = new Uint8Array(2 * Bar.BYTES);
  twice.set(new Uint8Array(bar.view.buffer), Bar.BYTES);
  const [, second] = records(Bar, twice.buffer);
  for (const one of [bar, second]) {
    assert.deepEqual([one.at, one.instrument, one.closeUnits], [START, 3, 2n ** 62n]);
    assert.deepEqual([String(one.low), String(one.volume)], ['-0.03', '0.5']);
  }
});

/** Buys at every third close and sells when the fill is heard; counts what it sees. */
class Third extends Strategy {
  static describe() {
    return new Description('third', '1', {
      params: [
        Param.integer('size', 1, { minimum: 1, maximum: 5 }),
        Param.required('note', ParamType.TEXT),
      ],
    });
  }

  constructor(config) {
    super(config);
    if (config.text('note') === 'bad') throw new Refused('the note is bad');
    this.bars = 0n;
    this.calls = [];
  }

  onBar(ctx, bar) {
    this.bars += 1n;
    this.kept ??= ctx;
    this.calls.push([ctx.at, String(ctx.equity)]);
    if (this.bars % 3n !== 0n) return;
    const before = ctx.buyingPower;
    const { ok } = ctx.buy(bar.instrument, '2').reason('third').submit();
    if (ok) {
      assert.ok(before.minus(ctx.buyingPower).equals(bar.close.times('2')));
      assert.ok(ctx.hasOpenOrder(bar.instrument));
    }
    ctx.info(`asked at ${bar.close}`);
  }

  onOrder(ctx, order) {
    if (order.side !== Side.BUY) return;
    const { ok } = ctx.sell(order.instrument, order.lastQty).limit(order.lastPrice.plus(1)).submit();
    assert.ok(ok);
  }

  save() {
    const out = new Writer();
    out.integer(this.bars);
    return out.finish();
  }

  restore(state) {
    const from = new Reader(state);
    this.bars = from.integer();
    from.finish();
  }

  migrate(schema, state) {
    if (schema !== 7) return super.migrate(schema, state);
    const out = new Writer();
    out.integer(BigInt(new TextDecoder().decode(state)));
    return out.finish();
  }
}

const CLOSES = ['10', '11', '12', '13', '15', '14', '16', '12', '18'];
const harness = (more = {}) =>
  new Harness(Third, { cash: '1000', symbols: ['AAPL', 'BTCUSD'], params: { note: 'x' }, ...more });
const plain = (orders) => JSON.stringify(orders, (_, value) => (typeof value === 'bigint' ? String(value) : value));

test('fills follow the reference behaviour', () => {
  const h = harness();
  h.closes('AAPL', CLOSES);
  const [bought, sold] = h.orders;
  assert.deepEqual([bought.at, bought.filledAt], [START + 3n * MINUTE, START + 4n * MINUTE]);
  assert.deepEqual([String(bought.price), String(sold.price), bought.reason], ['13', '15', 'third']);
  assert.ok(h.cash.equals('1008'));
  assert.equal(h.orders[4].status, 'acknowledged');
  assert.deepEqual(h.logLines[0], ['info', 'asked at 12']);
});

test('a list means what single calls mean', () => {
  const [batched, single] = [harness(), harness({ oneByOne: true })];
  batched.closes('AAPL', CLOSES);
  single.closes('AAPL', CLOSES);
  assert.equal(plain(batched.orders), plain(single.orders));
  assert.deepEqual(batched.strategy.calls, single.strategy.calls);
  assert.deepEqual(batched.save(), single.save());
});

test('a list ends after the time stamp of the first intent', () => {
  const h = harness();
  const at = (symbol, minute) => h.bar(symbol, '10', START + BigInt(minute) * MINUTE);
  // The third bar asks, the fourth shares its time stamp.
  const bars = [at('AAPL', 1), at('AAPL', 2), at('AAPL', 3), at('BTCUSD', 3), at('AAPL', 4)];
  const list = new Uint8Array(bars.length * Bar.BYTES);
  bars.forEach((bar, index) => list.set(new Uint8Array(bar.view.buffer), index * Bar.BYTES));
  h.account.begin(START, false, bars);
  assert.equal(h.running.bars(h.account, list.buffer, false), 4);
});

test('warm-up refuses and is seen', () => {
  const h = harness();
  h.isWarmUp = true;
  h.closes('AAPL', CLOSES.slice(0, 4));
  assert.equal(h.refusals[0].code, 'warm_up');
  assert.equal(h.orders.length, 0);
});

test('a context of an event that is over throws a typed error', () => {
  const h = harness();
  h.closes('AAPL', ['10', '11']);
  const { kept } = h.strategy;
  for (const use of [
    () => kept.cash,
    () => kept.position(0),
    () => kept.openOrders,
    () => kept.buy(0, '1'),
    () => kept.cancel(1n),
    () => kept.replace(1n, {}),
    () => kept.history(0, 1),
    () => kept.info('x'),
  ]) {
    assert.throws(use, StaleContext);
  }
});

test('a reload carries state and prices over, another schema is migrated', () => {
  const [reloaded, straight] = [harness(), harness()];
  for (const close of CLOSES) {
    reloaded.closes('AAPL', [close]);
    reloaded.reload();
    straight.closes('AAPL', [close]);
  }
  assert.equal(plain(reloaded.orders), plain(straight.orders));
  assert.deepEqual(reloaded.save(), straight.save());
  const state = straight.save();
  state[3] ^= 1;
  assert.throws(() => reloaded.restore(1, state), /checksum/);
  assert.throws(() => reloaded.restore(2, straight.save()), /schema 2, this version reads 1/);
});

test('parameters are checked by name', () => {
  assert.throws(() => harness({ params: {} }), /"note" has no default/);
  assert.throws(() => harness({ params: { note: 'x', sizes: 1 } }), /"sizes" is unknown/);
  assert.throws(() => harness({ params: { note: 'x', size: 6 } }), /above its maximum/);
  assert.throws(() => harness({ params: { note: 'x', size: '1.5' } }), /not of its type/);
  assert.throws(() => harness({ params: { note: 'bad' } }), /the note is bad/);
});

test('a component says what was thrown and lets it through', () => {
  const lines = [];
  class Thrower extends Third {
    onBar() {
      throw new TypeError('my own words');
    }
  }
  const made = component(Thrower, { log: (level, text) => lines.push([level, text]) });
  const params = [['size', '1'], ['note', 'x']];
  const instruments = [{ id: 0, symbol: 'AAPL', class: 'equity' }];
  assert.deepEqual(made.lifecycle.init({ instruments, params: [['note', 'bad']], seed: 1n }), {
    tag: 'err',
    val: 'the note is bad',
  });
  assert.equal(made.lifecycle.init({ instruments, params, seed: 1n }).tag, 'ok');
  const bar = { at: START, instrument: 0, priceScale: 0, volumeScale: 0, open: 1n, high: 1n, low: 1n, close: 1n, volume: 1n };
  assert.throws(() => made.onBars.handle({}, [bar], false), /my own words/);
  assert.deepEqual(lines.at(-1), ['error', 'TypeError: my own words']);
});
