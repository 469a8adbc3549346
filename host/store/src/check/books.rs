//! Rules of the ledger.

use super::Rule;

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "I1",
        name: "every entry's postings sum to zero",
        sql: "SELECT format('entry %s: %s of %s legs, sum %s', e.id, count(p.leg), e.legs, coalesce(sum(p.amount), 0))
              FROM stockade.entry e LEFT JOIN stockade.posting p ON p.account = e.account AND p.entry = e.id
              WHERE e.account = $1 GROUP BY e.id, e.legs
              HAVING coalesce(sum(p.amount), 0) <> 0 OR count(p.leg) <> e.legs ORDER BY e.id LIMIT $2",
    },
    Rule {
        id: "I2",
        name: "all postings sum to zero",
        sql: "SELECT format('all postings sum to %s', sum(amount)) FROM stockade.posting
              WHERE account = $1 HAVING sum(amount) <> 0 LIMIT $2",
    },
    Rule {
        id: "I3",
        name: "stored cash, fees, income, capital, position costs and shares are the sums of their postings",
        sql: "WITH booked AS (
                  SELECT sleeve, ledger, coalesce(symbol, '') AS symbol, sum(amount) AS amount FROM stockade.posting
                  WHERE account = $1 AND ledger IN ('cash', 'fees', 'dividends', 'interest', 'capital', 'position')
                  GROUP BY sleeve, ledger, symbol
                  UNION ALL
                  SELECT sleeve, 'shares', symbol, sum(qty) FROM stockade.posting
                  WHERE account = $1 AND ledger = 'position' GROUP BY sleeve, symbol
              ), stored AS (
                  SELECT id AS sleeve, v.ledger, '' AS symbol, v.amount FROM stockade.sleeve s,
                      LATERAL (VALUES ('cash', s.cash), ('fees', s.fees), ('dividends', -s.dividends),
                          ('interest', -s.interest),
                          ('capital', s.withdrawn - s.initial_capital - s.added)) AS v (ledger, amount)
                  WHERE account = $1
                  UNION ALL
                  SELECT sleeve, 'position', symbol, cost FROM stockade.position WHERE account = $1
                  UNION ALL
                  SELECT sleeve, 'shares', symbol, qty FROM stockade.position WHERE account = $1
              )
              SELECT format('sleeve %s, %s: stored %s, booked %s', sleeve, trim(ledger || ' ' || symbol),
                  coalesce(s.amount, 0), coalesce(b.amount, 0))
              FROM stored s FULL JOIN booked b USING (sleeve, ledger, symbol)
              WHERE coalesce(s.amount, 0) <> coalesce(b.amount, 0)
              ORDER BY 1 LIMIT $2",
    },
    Rule {
        id: "I7",
        name: "a position is the sum of its open lots, all of one side",
        sql: "WITH open AS (
                  SELECT sleeve, symbol, count(DISTINCT side) AS sides,
                      sum(CASE side WHEN 'long' THEN remaining ELSE -remaining END) AS qty,
                      sum(CASE side WHEN 'long' THEN cost_left ELSE -cost_left END) AS cost,
                      sum(fee_left) AS fee_left
                  FROM stockade.lot WHERE account = $1 AND remaining > 0 GROUP BY sleeve, symbol
              ), held AS (SELECT * FROM stockade.position WHERE account = $1)
              SELECT format('sleeve %s, %s: position %s at %s (fees %s), lots %s at %s (fees %s), %s sides',
                  sleeve, symbol, coalesce(h.qty, 0), coalesce(h.cost, 0), coalesce(h.fee_left, 0),
                  coalesce(o.qty, 0), coalesce(o.cost, 0), coalesce(o.fee_left, 0), coalesce(o.sides, 0))
              FROM held h FULL JOIN open o USING (sleeve, symbol)
              WHERE coalesce(h.qty, 0) <> coalesce(o.qty, 0) OR coalesce(h.cost, 0) <> coalesce(o.cost, 0)
                 OR coalesce(h.fee_left, 0) <> coalesce(o.fee_left, 0) OR o.sides > 1
              ORDER BY 1 LIMIT $2",
    },
    Rule {
        id: "I8",
        name: "cash and lots are capital and realised profit",
        sql: "SELECT format('sleeve %s: cash %s + cost %s + fees not realised %s, net capital %s + realised %s',
                  s.name, s.cash, p.cost, p.fee_left, s.initial_capital + s.added - s.withdrawn, s.realised)
              FROM stockade.sleeve s CROSS JOIN LATERAL (
                  SELECT coalesce(sum(cost), 0) AS cost, coalesce(sum(fee_left), 0) AS fee_left
                  FROM stockade.position p WHERE p.account = s.account AND p.sleeve = s.id
              ) AS p
              WHERE s.account = $1 AND s.kind <> 'rounding'
                AND s.cash + p.cost + p.fee_left <> s.initial_capital + s.added - s.withdrawn + s.realised
              ORDER BY s.id LIMIT $2",
    },
    Rule {
        id: "I9",
        // Shares that moved to another sleeve took their part with them; a split changes quantities;
        // a pool of average cost and a correction change both.
        name: "what was closed of a lot and what is left of it are the whole",
        sql: "WITH closed AS (
                  SELECT lot, sum(opening_fee) AS fee, sum(cost) AS cost, sum(qty) AS qty
                  FROM stockade.round_trip t WHERE account = $1
                      AND NOT EXISTS (SELECT FROM stockade.round_trip_void v WHERE v.account = $1 AND v.round_trip = t.id)
                  GROUP BY lot
              ), changed AS (
                  SELECT DISTINCT p.sleeve, p.symbol, e.kind FROM stockade.entry e
                  JOIN stockade.posting p ON p.account = e.account AND p.entry = e.id
                  WHERE e.account = $1 AND e.kind IN ('transfer', 'split', 'correction', 'action') AND p.ledger = 'position'
              )
              SELECT format('lot %s: closed %s at %s (fees %s), left %s at %s (fees %s), whole %s at %s (fees %s)', l.id,
                  c.qty, c.cost, c.fee, l.remaining, l.cost_left, l.fee_left, l.qty, l.cost, l.fee)
              FROM closed c JOIN stockade.lot l ON l.account = $1 AND l.id = c.lot
              WHERE NOT EXISTS (SELECT FROM changed x WHERE x.sleeve = l.sleeve AND x.symbol = l.symbol AND x.kind <> 'split')
                AND NOT EXISTS (SELECT FROM stockade.sleeve s WHERE s.account = $1 AND s.id = l.sleeve AND s.lots = 'average')
                AND (c.fee + l.fee_left <> l.fee OR c.cost + l.cost_left <> l.cost
                  OR (c.qty + l.remaining <> l.qty AND NOT EXISTS
                      (SELECT FROM changed x WHERE x.sleeve = l.sleeve AND x.symbol = l.symbol)))
              ORDER BY l.id LIMIT $2",
    },
    Rule {
        id: "I10",
        name: "every lot in suspense names where it came from",
        sql: "SELECT format('lot %s of %s %s names nothing', l.id, l.remaining, l.symbol)
              FROM stockade.lot l JOIN stockade.sleeve s ON s.account = l.account AND s.id = l.sleeve
              WHERE l.account = $1 AND s.kind = 'suspense' AND l.remaining > 0 AND l.execution_id = ''
              ORDER BY l.id LIMIT $2",
    },
    Rule {
        id: "I16",
        name: "every execution is booked by exactly one entry",
        sql: "SELECT format('execution %s, entry %s', coalesce(x.execution_id, e.execution_id), coalesce(x.entry, e.id))
              FROM (SELECT * FROM stockade.execution WHERE account = $1) x
              FULL JOIN (SELECT * FROM stockade.entry WHERE account = $1 AND kind IN ('execution', 'correction')
                  AND execution_id IS NOT NULL) e
                  ON e.execution_id = x.execution_id AND e.id = x.entry
              WHERE x.execution_id IS NULL OR e.execution_id IS NULL ORDER BY 1 LIMIT $2",
    },
    Rule {
        id: "I22",
        // An account whose equity fell below its allocations may only reduce.
        name: "allocations are covered by the account",
        sql: "WITH equity AS (
                  SELECT (SELECT sum(cash) FROM stockade.sleeve WHERE account = $1)
                      + coalesce((SELECT sum(p.qty * coalesce(m.price, 0)) FROM stockade.position p
                          LEFT JOIN stockade.mark m USING (account, symbol) WHERE p.account = $1), 0) AS amount
              )
              SELECT format('house has %s, suspense %s, the factor %s lends %s', s.cash, u.cash, a.allocation_factor,
                  e.amount * (a.allocation_factor - 1))
              FROM stockade.account a JOIN stockade.sleeve s ON s.account = a.account AND s.kind = 'house'
                  JOIN stockade.sleeve u ON u.account = a.account AND u.kind = 'suspense', equity e
              WHERE a.account = $1 AND a.state = 'active'
                AND s.cash + least(u.cash, 0) + greatest(e.amount * (a.allocation_factor - 1), 0) < 0 LIMIT $2",
    },
];
