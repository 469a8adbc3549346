-- What the books said at a moment. One function per table, named after it, with its columns: a query
-- of the present asks the past by the function's name in the table's place.
--
--   moment   nanoseconds since 1970, market time; what was booked at that very moment counts
--
-- What counts is when something was booked, not when it happened: a correction or a late import is
-- not seen before it came. Null where the tables keep no past: a sleeve's trading state. Sleeves and
-- positions are sums of postings here, not their stored rows turned back.
--
-- Written so that the planner takes each function into the query that asks, with its conditions.

CREATE FUNCTION stockade.entry_at(moment bigint) RETURNS SETOF stockade.entry
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT e.* FROM stockade.entry e WHERE e.at_ns <= moment
$$;

CREATE FUNCTION stockade.equity_at(moment bigint) RETURNS SETOF stockade.equity
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT q.* FROM stockade.equity q WHERE q.at_ns <= moment
$$;

CREATE FUNCTION stockade.refusal_at(moment bigint) RETURNS SETOF stockade.refusal
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.* FROM stockade.refusal r WHERE r.at_ns <= moment
$$;

CREATE FUNCTION stockade.bot_event_at(moment bigint) RETURNS SETOF stockade.bot_event
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT b.* FROM stockade.bot_event b WHERE b.at_ns <= moment
$$;

CREATE FUNCTION stockade.correction_at(moment bigint) RETURNS SETOF stockade.correction
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT c.* FROM stockade.correction c WHERE c.at_ns <= moment
$$;

CREATE FUNCTION stockade.round_trip_void_at(moment bigint) RETURNS SETOF stockade.round_trip_void
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT v.* FROM stockade.round_trip_void v WHERE v.at_ns <= moment
$$;

CREATE FUNCTION stockade.execution_at(moment bigint) RETURNS SETOF stockade.execution
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT x.* FROM stockade.execution x
      JOIN stockade.entry e ON e.account = x.account AND e.id = x.entry
     WHERE e.at_ns <= moment
$$;

CREATE FUNCTION stockade.round_trip_at(moment bigint) RETURNS SETOF stockade.round_trip
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.* FROM stockade.round_trip r
      JOIN stockade.entry e ON e.account = r.account AND e.id = r.entry
     WHERE e.at_ns <= moment
$$;

CREATE FUNCTION stockade.lot_at(moment bigint) RETURNS SETOF stockade.lot
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT c.account, c.lot, c.sleeve, c.symbol, c.side, c.opened_ns, c.qty, c.remaining, c.entry_price,
           c.cost, c.cost_left, c.fee, c.fee_left, c.execution_id
      FROM stockade.lot_change c
     WHERE c.at_ns <= moment
       AND NOT EXISTS (SELECT FROM stockade.lot_change n WHERE n.account = c.account AND n.lot = c.lot
                          AND n.entry > c.entry AND n.at_ns <= moment)
$$;

CREATE FUNCTION stockade.position_at(moment bigint) RETURNS SETOF stockade.position
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT b.account, b.sleeve, b.symbol, b.qty, b.cost, coalesce(l.fee_left, 0)
      FROM (SELECT p.account, p.sleeve, p.symbol, sum(p.qty) AS qty, sum(p.amount) AS cost
              FROM stockade.posting p
              JOIN stockade.entry e ON e.account = p.account AND e.id = p.entry
             WHERE p.ledger = 'position' AND e.at_ns <= moment
             GROUP BY p.account, p.sleeve, p.symbol) b
      LEFT JOIN (SELECT o.account, o.sleeve, o.symbol, sum(o.fee_left) AS fee_left
                   FROM stockade.lot_at(moment) o WHERE o.remaining > 0
                  GROUP BY o.account, o.sleeve, o.symbol) l
        ON l.account = b.account AND l.sleeve = b.sleeve AND l.symbol = b.symbol
$$;

-- A price stands under its own time: one that came with an entry that was booked later was not
-- known yet (a correction brings no price).
CREATE FUNCTION stockade.price_at(moment bigint) RETURNS SETOF stockade.price
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT p.* FROM stockade.price p
     WHERE p.at_ns <= moment
       AND NOT EXISTS (SELECT FROM stockade.entry e
            JOIN stockade.posting q ON q.account = e.account AND q.entry = e.id
           WHERE e.account = p.account AND e.effective_ns = p.at_ns AND e.at_ns > moment
             AND e.kind <> 'correction' AND q.ledger = 'position' AND q.symbol = p.symbol)
$$;

-- Each mark that was stored left its price; before the first one an execution's price is the nearest.
CREATE FUNCTION stockade.mark_at(moment bigint) RETURNS SETOF stockade.mark
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT DISTINCT ON (k.account, k.symbol) k.account, k.symbol, k.price, k.at_ns
      FROM (SELECT p.account, p.symbol, p.price, p.at_ns, 1 AS choice, 0 AS entry
              FROM stockade.price_at(moment) p
            UNION ALL
            SELECT x.account, x.symbol, x.price, x.at_ns, 2, x.entry FROM stockade.execution_at(moment) x
             WHERE x.price > 0) k
     ORDER BY k.account, k.symbol, k.choice, k.at_ns DESC, k.entry DESC
$$;

-- The broker's id and the reason of the end are those of now, once the order had come that far.
CREATE FUNCTION stockade.order_at(moment bigint) RETURNS SETOF stockade.order
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT o.account, o.id, o.sleeve, o.intent_id, o.client_order_id,
           CASE WHEN c.change = o.changes OR c.status NOT IN ('accepted', 'sending', 'unknown')
                THEN o.broker_order_id END,
           o.symbol, o.side, o.qty, o.notional, o.type, o.limit_price, o.stop_price, o.sent_type,
           o.sent_limit_price, o.sent_stop_price, o.time_in_force, o.extended_hours, o.reason, o.tag,
           c.status, o.decision_price, o.worst_price, c.reserved, c.filled_qty, c.filled_value,
           CASE WHEN c.change = o.changes THEN o.broker_filled_qty ELSE c.filled_qty END,
           o.epoch, o.attempt,
           o.cancel_requested AND c.change = o.changes,
           CASE WHEN c.change = o.changes THEN o.cancel_attempts ELSE 0 END,
           o.replaces,
           CASE WHEN c.change = o.changes
                  OR c.status IN ('filled', 'canceled', 'expired', 'rejected', 'replaced', 'abandoned')
                THEN o.end_reason END,
           o.overfilled AND (c.change = o.changes OR c.filled_qty = o.filled_qty),
           o.lookups, o.accepted_ns, o.claimed_ns, c.at_ns, o.lot, o.plugin_version, c.change
      FROM stockade.order o
      JOIN stockade.order_change c ON c.account = o.account AND c.order_id = o.id
     WHERE c.at_ns <= moment
       AND NOT EXISTS (SELECT FROM stockade.order_change n WHERE n.account = c.account
                          AND n.order_id = c.order_id AND n.change > c.change AND n.at_ns <= moment)
$$;

-- A bot's version and settings are those of now.
CREATE FUNCTION stockade.bot_at(moment bigint) RETURNS SETOF stockade.bot
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT b.account, b.sleeve, b.name, b.plugin, b.digest, b.version, b.params, b.symbols, b.seed,
           b.generation,
           CASE WHEN EXISTS (SELECT FROM stockade.bot_event v WHERE v.account = b.account
                   AND v.sleeve = b.sleeve AND v.kind = 'retired' AND v.at_ns <= moment
                   AND v.at_ns >= b.created_ns) THEN 'retired' ELSE 'deployed' END,
           NULL::text, b.strikes, NULL::bigint, b.created_ns
      FROM stockade.bot b WHERE b.created_ns <= moment
$$;

-- Capital: what came later is taken from what is stored, since an entry doesn't say whether it
-- counts as a beginning or as an addition. Suspense gets what is found as added, of either sign.
-- Realised profit is what cash and lots at cost are beyond the capital (invariant I8).
CREATE FUNCTION stockade.sleeve_at(moment bigint) RETURNS SETOF stockade.sleeve
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT s.account, s.id, s.name, s.kind, NULL::text, NULL::text,
           s.initial_capital - coalesce(b.initial_later, 0),
           s.added - coalesce(b.added_later, 0),
           s.withdrawn - coalesce(b.withdrawn_later, 0),
           coalesce(b.cash, 0),
           coalesce(o.reserved, 0),
           CASE WHEN s.kind = 'rounding' THEN s.realised
                ELSE coalesce(b.cash, 0) + coalesce(b.cost, 0) + coalesce(l.fee_left, 0) - coalesce(b.capital, 0) END,
           coalesce(b.fees, 0),
           s.lots, s.controls, 0, 0::numeric(38,18), s.next_intent, s.created_ns, s.retired,
           coalesce(b.dividends, 0), coalesce(b.interest, 0)
      FROM stockade.sleeve s
      LEFT JOIN (SELECT p.account, p.sleeve,
               sum(p.amount) FILTER (WHERE p.ledger = 'cash' AND e.at_ns <= moment) AS cash,
               sum(p.amount) FILTER (WHERE p.ledger = 'position' AND e.at_ns <= moment) AS cost,
               sum(p.amount) FILTER (WHERE p.ledger = 'fees' AND e.at_ns <= moment) AS fees,
               -sum(p.amount) FILTER (WHERE p.ledger = 'dividends' AND e.at_ns <= moment) AS dividends,
               -sum(p.amount) FILTER (WHERE p.ledger = 'interest' AND e.at_ns <= moment) AS interest,
               -sum(p.amount) FILTER (WHERE p.ledger = 'capital' AND e.at_ns <= moment) AS capital,
               -sum(p.amount) FILTER (WHERE p.ledger = 'capital' AND e.at_ns > moment
                    AND e.kind = 'opening' AND p.sleeve = 1) AS initial_later,
               -sum(p.amount) FILTER (WHERE p.ledger = 'capital' AND e.at_ns > moment
                    AND CASE WHEN p.sleeve = 2 THEN e.kind <> 'transfer' OR p.amount < 0
                             WHEN p.sleeve = 1 THEN e.kind <> 'opening' AND p.amount < 0
                             ELSE p.amount < 0 END) AS added_later,
               sum(p.amount) FILTER (WHERE p.ledger = 'capital' AND e.at_ns > moment AND p.amount > 0
                    AND CASE WHEN p.sleeve = 2 THEN e.kind = 'transfer'
                             WHEN p.sleeve = 1 THEN e.kind <> 'opening'
                             ELSE true END) AS withdrawn_later
          FROM stockade.posting p
          JOIN stockade.entry e ON e.account = p.account AND e.id = p.entry
         GROUP BY p.account, p.sleeve) b ON b.account = s.account AND b.sleeve = s.id
      LEFT JOIN (SELECT x.account, x.sleeve, sum(x.fee_left) AS fee_left
                   FROM stockade.lot_at(moment) x WHERE x.remaining > 0
                  GROUP BY x.account, x.sleeve) l ON l.account = s.account AND l.sleeve = s.id
      LEFT JOIN (SELECT x.account, x.sleeve, sum(x.reserved) AS reserved
                   FROM stockade.order_at(moment) x
                  GROUP BY x.account, x.sleeve) o ON o.account = s.account AND o.sleeve = s.id
     WHERE s.created_ns <= moment
$$;
