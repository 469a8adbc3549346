/**
 * A strategy at work: hands it lists of events and keeps what the SDK itself remembers.
 *
 * The component and the test harness run the same code. Each list call returns how many events were
 * handled: all events of the time stamp at which the strategy first asked for something are handled,
 * and nothing after them. The saved state holds the strategy's bytes and the last price of each
 * symbol, by symbol, because the table of instruments may differ after a reload.
 */

import { Call, Context } from './context.js';
import { StateError } from './errors.js';
import { Bar, Quote, Trade, areAtOneTime, records } from './events.js';
import { Reader, Writer } from './state.js';
import { Strategy } from './strategy.js';

/** The layout of what `save` adds to the strategy's bytes. */
const LAYOUT = 1;

export class Running {
  constructor(Bot, config) {
    this.config = config;
    // The event that last priced each instrument: its price becomes a decimal when asked for.
    this.marks = new Array(config.instrumentSlots).fill(undefined);
    this.strategy = new Bot(config);
    this.waits = this.strategy.afterBars !== Strategy.prototype.afterBars;
  }

  /** Hands over bars; returns how many were handled. */
  bars(host, list, isWarmUp) {
    const bot = this.strategy;
    const after = this.waits ? (ctx, at) => bot.afterBars(ctx, at) : undefined;
    const handler = (ctx, bar) => bot.onBar(ctx, bar);
    return this.#run(host, records(Bar, list), isWarmUp, handler, true, after);
  }

  /** Hands over quotes; returns how many were handled. */
  quotes(host, list, isWarmUp) {
    const handler = (ctx, quote) => this.strategy.onQuote(ctx, quote);
    return this.#run(host, records(Quote, list), isWarmUp, handler);
  }

  /** Hands over trades; returns how many were handled. */
  trades(host, list, isWarmUp) {
    const handler = (ctx, trade) => this.strategy.onTrade(ctx, trade);
    return this.#run(host, records(Trade, list), isWarmUp, handler, true);
  }

  /** Hands over order events; returns how many were handled. */
  orders(host, list, isWarmUp) {
    return this.#run(host, list, isWarmUp, (ctx, order) => this.strategy.onOrder(ctx, order));
  }

  /** Hands over timer events; returns how many were handled. */
  timers(host, list, isWarmUp) {
    return this.#run(host, list, isWarmUp, (ctx, timer) => this.strategy.onTimer(ctx, timer));
  }

  /** Hands over session events; returns how many were handled. */
  sessions(host, list, isWarmUp) {
    return this.#run(host, list, isWarmUp, (ctx, event) => this.strategy.onSession(ctx, event));
  }

  /** Hands over corporate actions; returns how many were handled. */
  actions(host, list, isWarmUp) {
    return this.#run(host, list, isWarmUp, (ctx, action) => this.strategy.onAction(ctx, action));
  }

  #run(host, events, isWarmUp, handler, isPriced = false, after = undefined) {
    const call = new Call(host, this.config, this.marks, isWarmUp);
    const { marks } = this;
    const count = events.length;
    try {
      for (let index = 0; index < count; index += 1) {
        const event = events[index];
        if (isPriced) marks[event.instrument] = event;
        const ctx = new Context(call, index, event);
        call.current = ctx;
        handler(ctx, event);
        // Times matter only where a list may end, or where somebody waits for one to end.
        if (call.asked || after !== undefined) {
          const next = index + 1;
          if (next === count || !areAtOneTime(event, events[next])) {
            after?.(ctx, event.at);
            if (call.asked) return next;
          }
        }
      }
      return count;
    } finally {
      call.current = undefined;
    }
  }

  /** The state for the host to keep. */
  save() {
    return this.#pack(this.strategy.save());
  }

  #pack(own) {
    const out = new Writer();
    out.integer(LAYOUT);
    out.count(this.config.instruments.length);
    for (const { id, symbol } of this.config.instruments) {
      out.text(symbol);
      out.optionalDecimal(this.marks[id]?.mark);
    }
    out.bytes(own);
    return out.finish();
  }

  /** Takes the prices of a state; gives the strategy's own bytes. */
  #unpack(state) {
    const from = new Reader(state);
    const layout = from.integer();
    if (layout !== BigInt(LAYOUT)) {
      throw new StateError(`the state has layout ${layout}, this SDK reads ${LAYOUT}`);
    }
    for (let left = from.count(); left > 0; left -= 1) {
      const instrument = this.config.instrument(from.text());
      const mark = from.optionalDecimal();
      if (instrument !== undefined && mark !== undefined) this.marks[instrument] = { mark };
    }
    const own = from.bytes();
    from.finish();
    return own;
  }

  /** Makes a state of this version's schema of one with another. */
  migrate(schema, state) {
    return this.#pack(this.strategy.migrate(schema, this.#unpack(state)));
  }

  /** Takes what `save` or `migrate` wrote. */
  restore(state) {
    this.strategy.restore(this.#unpack(state));
  }
}
