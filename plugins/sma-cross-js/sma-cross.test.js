// Tests of the bot, natively: `cargo xtask test` runs them.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Refused } from '../../sdk/javascript/stockade-sdk/index.js';
import { Harness, MINUTE, START } from '../../sdk/javascript/stockade-sdk/testing.js';
import SmaCross from './sma-cross.js';

/** A walk without a pattern: closes between 90 and 110 in cents. */
function walk(seed, bars) {
  let state = seed;
  return Array.from({ length: bars }, () => {
    state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n);
    const cents = String(((state >> 33n) % 2000n) + 9000n);
    return `${cents.slice(0, -2)}.${cents.slice(-2)}`;
  });
}

const harness = (symbols, { cash = '10000', ...params } = {}) =>
  new Harness(SmaCross, { cash, symbols, params: { fast: 2, slow: 3, ...params } });

test('trades the crosses and nothing else', () => {
  const h = harness(['AAPL']);
  h.closes('AAPL', ['10', '10', '10', '12', '13', '11.5', '11', '10', '9']);
  const seen = h.orders.map((o) => [o.side, Number((o.at - START) / MINUTE), String(o.price)]);
  assert.deepEqual(seen, [['buy', 4, '13'], ['sell', 7, '10']]);
  assert.ok(h.cash.equals('9970'));
  assert.equal(h.orders[1].reason, 'cross down');
});

test('equal means do nothing', () => {
  const h = harness(['AAPL']);
  h.closes('AAPL', ['10.1', '10.1', '10.10', '10.100', '10.1']);
  h.closes('AAPL', ['0.333333333', '0.333333333', '0.333333333']);
  assert.equal(h.orders.length, 0);
});

test('agrees with a plain reading of the rule', () => {
  const closes = walk(7n, 400);
  const h = new Harness(SmaCross, { cash: '100000', symbols: ['AAPL'] });
  h.closes('AAPL', closes);
  const cents = closes.map((close) => Number(close.replace('.', '')));
  const sum = (list) => list.reduce((a, b) => a + b, 0);
  const want = [];
  let holds = false;
  for (let i = 29; i < cents.length; i += 1) {
    const fast = 3 * sum(cents.slice(i - 9, i + 1));
    const slow = sum(cents.slice(i - 29, i + 1));
    if ((fast > slow && !holds) || (fast < slow && holds)) {
      want.push([holds ? 'sell' : 'buy', START + BigInt(i + 1) * MINUTE]);
      holds = !holds;
    }
  }
  assert.ok(want.length > 10, 'the walk has to cross');
  assert.deepEqual(h.orders.map((o) => [o.side, o.at]), want);
});

test('a reload changes nothing', () => {
  const [straight, reloaded] = [harness(['AAPL', 'MSFT']), harness(['AAPL', 'MSFT'])];
  const [a, m] = [walk(3n, 100), walk(5n, 100)];
  a.forEach((close, index) => {
    straight.minute({ AAPL: close, MSFT: m[index] });
    reloaded.minute({ AAPL: close, MSFT: m[index] });
    reloaded.reload();
  });
  const key = (order) => [order.side, order.at, order.instrument, String(order.price)];
  assert.ok(straight.orders.length > 10);
  assert.deepEqual(straight.orders.map(key), reloaded.orders.map(key));
  assert.throws(() => reloaded.restore(2, straight.save()), /schema 2/);
});

test('warm-up counts and refusals are logged', () => {
  const h = harness(['AAPL'], { cash: '1', fast: 1, slow: 2 });
  h.isWarmUp = true;
  h.closes('AAPL', ['10', '11']);
  assert.equal(h.refusals.length, 0, 'nothing is asked during the warm-up');
  h.isWarmUp = false;
  h.closes('AAPL', ['12']);
  assert.equal(h.refusals[0].code, 'capital');
  assert.match(h.logLines[0][1], /purchase refused, capital/);
});

test('fast must be smaller', () => {
  assert.throws(() => harness(['AAPL'], { fast: 30, slow: 30 }), Refused);
});
