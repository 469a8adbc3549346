/**
 * Makes a component of a strategy. The build gives it the host's imports; a strategy's own file
 * imports nothing but the SDK, so the same file runs under `node --test`.
 *
 * Bars, quotes and trades arrive as the bytes of their list where the build could arrange it
 * (`build.mjs`), else as arrays of objects.
 */

import { Answer } from './context.js';
import { Decimal, outgoing } from './decimal.js';
import { Config } from './describe.js';
import { Refused } from './errors.js';
import { Bar, LogLevel, records } from './events.js';
import { Running } from './running.js';

/** The words of an error with the lines of its stack; the last line says it all. */
function wordsOf(error) {
  if (!(error instanceof Error)) return [`thrown: ${String(error)}`];
  const stack = String(error.stack ?? '').split('\n').filter((line) => line !== '').slice(0, 30);
  return [...stack, `${error.name}: ${error.message}`];
}

const decimal = ({ mantissa, scale }) => new Decimal(mantissa, scale);
const optional = (value) => (value === undefined || value === null ? undefined : decimal(value));
const sending = (value) => (value === undefined ? undefined : outgoing(value));

function orderType({ tag, val }, convert) {
  if (tag === 'market') return { tag };
  if (tag !== 'stop-limit') return { tag, val: convert(val) };
  return { tag, val: { stop: convert(val.stop), limit: convert(val.limit) } };
}

/** The host behind a component's imports, for one call. */
class Host {
  #capital;
  #host;

  constructor(capital, host) {
    this.#capital = capital;
    this.#host = host;
  }

  cash() {
    return decimal(this.#capital.cash());
  }

  buyingPower() {
    return decimal(this.#capital.buyingPower());
  }

  position(instrument) {
    const { qty, available, cost } = this.#capital.position(instrument);
    return { instrument, qty: decimal(qty), available: decimal(available), cost: decimal(cost) };
  }

  openOrders() {
    return this.#capital.openOrders().map((order) => ({
      ...order,
      qty: decimal(order.qty),
      filled: decimal(order.filled),
      orderType: orderType(order.orderType, decimal),
    }));
  }

  submit(event, intent) {
    const out = {
      ...intent,
      size: { tag: intent.size.tag, val: outgoing(intent.size.val) },
      orderType: orderType(intent.orderType, outgoing),
    };
    return answer(() => this.#capital.submit(event, out));
  }

  replace(event, order, qty, limit, stop) {
    const numbers = [sending(qty), sending(limit), sending(stop)];
    return answer(() => this.#capital.replace(event, order, ...numbers));
  }

  cancel(event, order) {
    return answer(() => this.#capital.cancel(event, order));
  }

  log(level, message) {
    this.#host.log(level, message);
  }

  history(event, instrument, count) {
    return records(Bar, this.#host.history(event, instrument, count));
  }
}

function answer(ask) {
  try {
    return new Answer(ask(), undefined);
  } catch (error) {
    // A refusal is the error of the contract's result; anything else is the strategy's own.
    const refusal = error?.payload;
    if (refusal === undefined) throw error;
    return new Answer(undefined, refusal);
  }
}

const orderEvent = (event) => ({
  ...event,
  filled: decimal(event.filled),
  lastQty: decimal(event.lastQty),
  lastPrice: optional(event.lastPrice),
});

const actionEvent = (event) => ({
  ...event,
  ratioNew: decimal(event.ratioNew),
  ratioOld: decimal(event.ratioOld),
  amount: decimal(event.amount),
});

/** What the component of a strategy exports. */
export function component(Bot, host) {
  let running;

  /** Says in the log what was thrown before the call ends with it. */
  const guarded = (work) => {
    try {
      return work();
    } catch (error) {
      for (const line of wordsOf(error)) host.log(LogLevel.ERROR, line);
      throw error;
    }
  };

  /** A `Refused` is the error of the contract's result. */
  const refusing = (work) => {
    try {
      return { tag: 'ok', val: work() };
    } catch (error) {
      if (error instanceof Refused) return { tag: 'err', val: error.message };
      throw error;
    }
  };

  const handler = (kind, convert = (list) => list) => ({
    handle: (capital, list, isWarmUp) =>
      guarded(() => running[kind](new Host(capital, host), convert(list), isWarmUp)),
  });

  return {
    lifecycle: {
      describe: () => guarded(() => Bot.describe()),
      init: (config) =>
        guarded(() =>
          refusing(() => {
            running = new Running(Bot, new Config(config));
          }),
        ),
      save: () => guarded(() => running.save()),
      migrate: (schema, state) => guarded(() => refusing(() => running.migrate(schema, state))),
      restore: (state) => guarded(() => refusing(() => running.restore(state))),
    },
    onBars: handler('bars'),
    onQuotes: handler('quotes'),
    onTrades: handler('trades'),
    onOrders: handler('orders', (list) => list.map(orderEvent)),
    onTimer: handler('timers'),
    onSession: handler('sessions'),
    onActions: handler('actions', (list) => list.map(actionEvent)),
  };
}
