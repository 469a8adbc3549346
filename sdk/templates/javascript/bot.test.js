import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Harness } from './stockade-sdk/testing.js';
import {{class}} from './bot.js';

test('buys the dip', () => {
  const h = new Harness({{class}}, { cash: '5000', symbols: ['AAPL'] });
  h.closes('AAPL', ['101', '99', '98', '102', '103']);
  assert.equal(h.orders.length, 2);
  assert.equal(String(h.cash), '5050'); // bought at 98, sold at 103
});
