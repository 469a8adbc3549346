/**
 * Two moving averages: buys when the fast mean is above the slow one, sells when it is below.
 *
 * Each symbol stands on its own. Means are compared by cross-multiplied exact sums, so every
 * language gives the same orders. The bot keeps closes alone; what it holds and what is open it asks
 * of the host.
 */

import {
  Description,
  Param,
  Reader,
  Refused,
  Strategy,
  Window,
  Writer,
} from '../../sdk/javascript/stockade-sdk/index.js';

export default class SmaCross extends Strategy {
  static describe() {
    return new Description('sma-cross-js', '0.1.0', {
      params: [
        Param.integer('fast', 10, { minimum: 1, maximum: 100_000, help: 'closes of the fast mean' }),
        Param.integer('slow', 30, { minimum: 2, maximum: 100_000, help: 'closes of the slow mean' }),
        Param.decimal('qty', '10', {
          minimum: '0.000000001',
          maximum: 1_000_000_000,
          help: 'shares or coins to buy',
        }),
      ],
    });
  }

  constructor(config) {
    super(config);
    const fast = config.count('fast');
    const slow = config.count('slow');
    if (fast === 0 || fast >= slow) {
      throw new Refused(`fast is ${fast} and slow is ${slow}; fast must be the smaller`);
    }
    this.qty = config.decimal('qty');
    this.series = [];
    for (const { id, symbol } of config.instruments) {
      this.series[id] = { symbol, fast: new Window(fast), slow: new Window(slow) };
    }
  }

  onBar(ctx, bar) {
    const { fast, slow } = this.series[bar.instrument];
    const close = bar.closeUnits;
    const scale = bar.priceScale;
    fast.pushUnits(close, scale);
    slow.pushUnits(close, scale);
    if (!slow.isFull || ctx.isWarmUp) return;
    const order = fast.compareMeans(slow);
    if (order > 0) this.buy(ctx, bar.instrument);
    if (order < 0) this.sell(ctx, bar.instrument);
  }

  buy(ctx, instrument) {
    if (!ctx.position(instrument).qty.isZero || ctx.hasOpenOrder(instrument)) return;
    const { ok, refusal } = ctx.buy(instrument, this.qty).reason('cross up').submit();
    if (!ok) ctx.warn(`purchase refused, ${refusal.code}: ${refusal.message}`);
  }

  sell(ctx, instrument) {
    const held = ctx.position(instrument).qty;
    if (!held.isPositive || ctx.hasOpenOrder(instrument)) return;
    const { ok, refusal } = ctx.sell(instrument, held).reason('cross down').submit();
    if (!ok) ctx.warn(`sale refused, ${refusal.code}: ${refusal.message}`);
  }

  save() {
    const out = new Writer();
    const kept = this.series.filter((series) => series !== undefined);
    out.count(kept.length);
    for (const { symbol, fast, slow } of kept) {
      out.text(symbol);
      fast.save(out);
      slow.save(out);
    }
    return out.finish();
  }

  restore(state) {
    const from = new Reader(state);
    for (let left = from.count(); left > 0; left -= 1) {
      const symbol = from.text();
      // A symbol that is no longer wanted is read into a spare place.
      const gone = { fast: new Window(1), slow: new Window(1) };
      const series = this.series.find((known) => known?.symbol === symbol) ?? gone;
      series.fast.restore(from);
      series.slow.restore(from);
    }
    from.finish();
  }
}
