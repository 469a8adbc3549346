/**
 * Writes a stockade bot in JavaScript: derive from `Strategy`, build with `build.mjs` beside this
 * file. `README.md` of the SDK is the ten-minute path.
 *
 * Guarantees: a list of events means exactly what single calls mean, because the SDK stops after the
 * time stamp at which the strategy first asked for something; money and quantities are exact
 * (`Decimal`); the same strategy runs natively under `testing.js`, without wasm.
 *
 * It does not keep time, random numbers, files or a network: a bot has none. It does not decide what
 * is allowed either: the host answers each order at once, and again when it arrives.
 */

export { Answer, Context, Draft } from './context.js';
export { Decimal, MAX_SCALE, Rounding } from './decimal.js';
export {
  Config,
  Description,
  EventKind,
  NANOSECONDS_PER_SECOND,
  Param,
  ParamType,
  barsOfMinutes,
  barsOfTrades,
} from './describe.js';
export {
  ConfigError,
  InexactError,
  Refused,
  StaleContext,
  StateError,
  StockadeError,
} from './errors.js';
export {
  ActionKind,
  AssetClass,
  Bar,
  LogLevel,
  OrderStatus,
  Quote,
  SessionKind,
  Side,
  TimeInForce,
  Trade,
} from './events.js';
export { Reader, Writer } from './state.js';
export { Strategy } from './strategy.js';
export { Window } from './window.js';
