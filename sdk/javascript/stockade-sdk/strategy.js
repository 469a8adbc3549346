/** The class that a bot derives from. */

import { StateError } from './errors.js';

/**
 * A bot. Everything but `describe` has a default that does nothing.
 *
 * Handlers get one event each, in order. What a strategy keeps between events belongs into `save`,
 * except what it can ask of `Context`: orders and positions live with the host and survive a reload.
 */
export class Strategy {
  /** What the bot is and wants, a `Description`. Called before anything else. */
  static describe() {
    throw new Error(`${this.name}.describe is missing`);
  }

  /** Takes the configuration. A `Refused` ends the deployment with its text. */
  constructor(config) {
    void config;
  }

  /** A bar is complete. */
  onBar(ctx, bar) {
    void [ctx, bar];
  }

  /**
   * The bars of one time stamp have all been handled: the place to compare instruments. Live, a late
   * bar of the same time stamp comes in a call of its own, followed by this one again.
   */
  afterBars(ctx, at) {
    void [ctx, at];
  }

  /** The best bid or ask changed. */
  onQuote(ctx, quote) {
    void [ctx, quote];
  }

  /** Somebody traded. */
  onTrade(ctx, trade) {
    void [ctx, trade];
  }

  /** Something happened to one of the bot's orders. */
  onOrder(ctx, order) {
    void [ctx, order];
  }

  /** The period that `describe` asked for has passed in market time. */
  onTimer(ctx, timer) {
    void [ctx, timer];
  }

  /** The session opened or closed. */
  onSession(ctx, session) {
    void [ctx, session];
  }

  /** A corporate action on one of the bot's instruments. */
  onAction(ctx, action) {
    void [ctx, action];
  }

  /** What to carry over a reload or a restart, a Uint8Array. */
  save() {
    return new Uint8Array(0);
  }

  /**
   * Takes a state that `save` of a version with the same `stateSchema` wrote. The default accepts an
   * empty state alone.
   */
  restore(state) {
    if (state.length === 0) return;
    throw new StateError(`this bot keeps no state and was given ${state.length} bytes`);
  }

  /**
   * Makes a state for `restore` of one that a version with another `stateSchema` wrote. The default
   * refuses.
   */
  migrate(schema, state) {
    void state;
    const own = this.constructor.describe().stateSchema;
    throw new StateError(`the state has schema ${schema}, this version reads ${own}`);
  }
}
