-- A start reads the executions of the last while, not all of them; older ones are looked up when
-- something names them. Both along an index; these are partial, so that a booking pays for none.

-- Splits of files are booked once by their id, as executions are.
CREATE INDEX entry_split ON stockade.entry (account, effective_ns) WHERE kind = 'split';

-- Of an order of ours executions are found by the order; of nobody's order by the broker's id.
CREATE INDEX execution_of_nobody ON stockade.execution (account, broker_order_id)
    WHERE order_id IS NULL AND broker_order_id <> '';
