// {{name}}: buys below a price and sells above it.

import { Description, Param, Strategy } from './stockade-sdk/index.js';

export default class {{class}} extends Strategy {
  static describe() {
    return new Description('{{name}}', '0.1.0', {
      params: [
        Param.decimal('below', '100', { help: 'price to buy below' }),
        Param.decimal('qty', '10', { help: 'shares or coins to buy' }),
      ],
    });
  }

  constructor(config) {
    super(config);
    this.below = config.decimal('below');
    this.qty = config.decimal('qty');
  }

  onBar(ctx, bar) {
    if (ctx.hasOpenOrder(bar.instrument)) return;
    const held = ctx.position(bar.instrument).qty;
    let draft;
    if (held.isZero && bar.close.lessThan(this.below)) {
      draft = ctx.buy(bar.instrument, this.qty);
    } else if (held.isPositive && bar.close.greaterThan(this.below)) {
      draft = ctx.sell(bar.instrument, held).reason('recovered');
    } else {
      return;
    }
    const { ok, refusal } = draft.submit();
    if (!ok) ctx.warn(`refused, ${refusal.code}: ${refusal.message}`);
  }
}
