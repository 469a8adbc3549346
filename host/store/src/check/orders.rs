//! Rules of orders, epochs and inputs.

use super::Rule;

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "I11",
        name: "an order has one intent, at most one successor, and its executions are its sleeve's",
        sql: "SELECT problem FROM (
                  SELECT format('orders %s replace order %s', string_agg(id::text, ', '), replaces) AS problem
                  FROM stockade.order WHERE account = $1 AND replaces IS NOT NULL
                      AND status NOT IN ('canceled', 'rejected', 'expired')
                  GROUP BY replaces HAVING count(*) > 1
                  UNION ALL
                  SELECT format('order %s has the client order id %s', id, client_order_id)
                  FROM stockade.order WHERE account = $1
                      AND (client_order_id NOT LIKE 'sk-%' OR split_part(client_order_id, '-', 3) <> replace(account, '-', '_'))
                  UNION ALL
                  SELECT format('execution %s of sleeve %s names order %s of sleeve %s', x.execution_id, x.sleeve,
                      x.order_id, coalesce(o.sleeve::text, 'none'))
                  FROM stockade.execution x LEFT JOIN stockade.order o ON o.account = x.account AND o.id = x.order_id
                  WHERE x.account = $1 AND x.order_id IS NOT NULL AND o.sleeve IS DISTINCT FROM x.sleeve
              ) AS problems ORDER BY 1 LIMIT $2",
    },
    Rule {
        id: "I15",
        name: "nothing is filled beyond its quantity without the flag that says so",
        sql: "SELECT format('order %s: filled %s of %s', id, filled_qty, qty) FROM stockade.order
              WHERE account = $1 AND (filled_qty < 0 OR (filled_qty > qty AND NOT overfilled)) ORDER BY id LIMIT $2",
    },
    Rule {
        id: "I17",
        name: "an order's filled quantity is the sum of its executions",
        sql: "SELECT format('order %s: filled %s, executions %s', o.id, o.filled_qty, coalesce(x.qty, 0))
              FROM (SELECT * FROM stockade.order WHERE account = $1) o FULL JOIN (
                  SELECT order_id, sum(qty) AS qty FROM stockade.execution e
                  WHERE account = $1 AND order_id IS NOT NULL AND NOT EXISTS (
                      SELECT FROM stockade.correction c
                      WHERE c.account = e.account AND c.execution_id = e.execution_id
                  ) GROUP BY order_id
              ) x ON x.order_id = o.id
              WHERE o.id IS NULL OR o.filled_qty <> coalesce(x.qty, 0) ORDER BY o.id LIMIT $2",
    },
    Rule {
        id: "I21",
        name: "a sleeve's reservation is the sum of its open orders', and final orders hold nothing",
        sql: "SELECT problem FROM (
                  SELECT format('sleeve %s: reserved %s, orders %s', s.name, s.reserved, coalesce(sum(o.reserved), 0)) AS problem
                  FROM stockade.sleeve s LEFT JOIN stockade.order o ON o.account = s.account AND o.sleeve = s.id
                      AND o.status IN ('accepted', 'sending', 'unknown', 'acknowledged', 'partially_filled')
                  WHERE s.account = $1 GROUP BY s.name, s.reserved
                  HAVING s.reserved < 0 OR s.reserved <> coalesce(sum(o.reserved), 0)
                  UNION ALL
                  SELECT format('order %s is %s and holds %s', id, status, reserved) FROM stockade.order
                  WHERE account = $1 AND reserved <> 0
                      AND status NOT IN ('accepted', 'sending', 'unknown', 'acknowledged', 'partially_filled')
              ) AS problems ORDER BY 1 LIMIT $2",
    },
    Rule {
        id: "I23",
        // A successor that waits for its predecessor's end counts with it: the larger of the two.
        name: "a long-only sleeve offers no more than it owns",
        sql: "WITH open AS (
                  SELECT id, sleeve, symbol, side, replaces, coalesce(qty - filled_qty, 0) AS left_qty FROM stockade.order
                  WHERE account = $1 AND status IN ('accepted', 'sending', 'unknown', 'acknowledged', 'partially_filled')
              ), lineage AS (
                  SELECT o.sleeve, o.symbol, max(o.left_qty) AS left_qty FROM open o
                  LEFT JOIN open before ON before.id = o.replaces
                  WHERE o.side = 'sell' GROUP BY o.sleeve, o.symbol, coalesce(before.id, o.id)
              ), offered AS (SELECT sleeve, symbol, sum(left_qty) AS qty FROM lineage GROUP BY sleeve, symbol)
              SELECT format('sleeve %s offers %s %s and owns %s', s.name, f.qty, f.symbol, coalesce(p.qty, 0))
              FROM offered f JOIN stockade.sleeve s ON s.account = $1 AND s.id = f.sleeve
              LEFT JOIN stockade.position p ON p.account = $1 AND p.sleeve = f.sleeve AND p.symbol = f.symbol
              WHERE (s.controls ->> 'long_only')::boolean AND s.state = 'active' AND f.qty > coalesce(p.qty, 0)
              ORDER BY 1 LIMIT $2",
    },
    Rule {
        id: "I29",
        name: "epochs never fall and none is beyond the lease's",
        sql: "SELECT problem FROM (
                  SELECT format('%s %s has epoch %s after epoch %s', what, id, epoch, before) AS problem FROM (
                      SELECT 'entry' AS what, id, epoch, lag(epoch) OVER (ORDER BY id) AS before
                      FROM stockade.entry WHERE account = $1
                      UNION ALL
                      SELECT 'input', index, epoch, lag(epoch) OVER (ORDER BY index) FROM stockade.input WHERE account = $1
                  ) AS epochs WHERE epoch < before
                  UNION ALL
                  SELECT format('the account has epoch %s, the lease %s', a.epoch, coalesce(l.epoch, 0))
                  FROM stockade.account a LEFT JOIN stockade.lease l USING (account)
                  WHERE a.account = $1 AND a.epoch > coalesce(l.epoch, 0)
              ) AS problems ORDER BY 1 LIMIT $2",
    },
    Rule {
        id: "I30",
        name: "no input is missing, and the last one is the account's",
        sql: "SELECT format('inputs %s to %s are %s, the account is at %s', min(i.index), max(i.index), count(i.index), a.input_index)
              FROM stockade.account a LEFT JOIN stockade.input i USING (account)
              WHERE a.account = $1 GROUP BY a.input_index
              HAVING coalesce(max(i.index), 0) <> a.input_index
                  OR count(i.index) <> coalesce(max(i.index) - min(i.index) + 1, 0) LIMIT $2",
    },
];
