-- The past of what is kept by key and no entry books: trading states and settings of sleeves and
-- accounts, bots, breaks, activities. With it every query that reads can be asked for a moment.
--
-- A version is kept by a trigger, and only where something of that kind changed: a booking changes
-- a sleeve's cash, which the journal keeps. Its time is the market's time of the commit that wrote
-- it: what a query could have seen first.
--
-- And the second lock (decision 0033) where a person with psql found it open.

CREATE TABLE stockade.change (
    account   text NOT NULL,
    relation  text NOT NULL CHECK (relation IN ('account', 'sleeve', 'bot', 'break', 'activity')),
    key       text NOT NULL,
    number    bigint GENERATED ALWAYS AS IDENTITY,
    at_ns     bigint NOT NULL,
    body      jsonb NOT NULL,                       -- the whole row then
    PRIMARY KEY (account, relation, key, number)
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON stockade.change
    FOR EACH STATEMENT EXECUTE FUNCTION stockade.append_only();

-- Its argument is the column that is the key inside an account.
CREATE FUNCTION stockade.keep_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    body jsonb := to_jsonb(NEW);
BEGIN
    INSERT INTO stockade.change (account, relation, key, at_ns, body)
    SELECT NEW.account, TG_TABLE_NAME, body ->> TG_ARGV[0],
           coalesce((SELECT a.market_ns FROM stockade.account a WHERE a.account = NEW.account), 0), body;
    RETURN NULL;
END $$;

-- What stands already: from when it was made, with the state of which nothing is known till now.
INSERT INTO stockade.change (account, relation, key, at_ns, body)
SELECT account, 'account', account, 0, to_jsonb(a) FROM stockade.account a
UNION ALL
SELECT account, 'sleeve', id::text, created_ns, to_jsonb(s) || '{"state": null, "state_reason": null}' FROM stockade.sleeve s
UNION ALL
SELECT account, 'bot', sleeve::text, created_ns, to_jsonb(b) || '{"state": "deployed", "state_reason": null}' FROM stockade.bot b
UNION ALL
SELECT account, 'break', id::text, opened_ns, to_jsonb(b) || '{"action": "", "resolved_ns": null}' FROM stockade.break b
UNION ALL
SELECT account, 'activity', id, at_ns, to_jsonb(v) FROM stockade.activity v;
INSERT INTO stockade.change (account, relation, key, at_ns, body)
SELECT s.account, 'sleeve', s.id::text, a.market_ns, to_jsonb(s)
  FROM stockade.sleeve s JOIN stockade.account a ON a.account = s.account
UNION ALL
SELECT b.account, 'bot', b.sleeve::text, a.market_ns, to_jsonb(b)
  FROM stockade.bot b JOIN stockade.account a ON a.account = b.account
UNION ALL
SELECT account, 'break', id::text, coalesce(resolved_ns, opened_ns), to_jsonb(b) FROM stockade.break b;

CREATE TRIGGER keep_made AFTER INSERT ON stockade.account FOR EACH ROW
    EXECUTE FUNCTION stockade.keep_change('account');
CREATE TRIGGER keep_changed AFTER UPDATE ON stockade.account FOR EACH ROW
    WHEN ((OLD.state, OLD.state_reason, OLD.controls, OLD.allocation_factor, OLD.has_broker, OLD.broker_account_id)
          IS DISTINCT FROM (NEW.state, NEW.state_reason, NEW.controls, NEW.allocation_factor, NEW.has_broker, NEW.broker_account_id))
    EXECUTE FUNCTION stockade.keep_change('account');

CREATE TRIGGER keep_made AFTER INSERT ON stockade.sleeve FOR EACH ROW
    EXECUTE FUNCTION stockade.keep_change('id');
CREATE TRIGGER keep_changed AFTER UPDATE ON stockade.sleeve FOR EACH ROW
    WHEN ((OLD.kind, OLD.state, OLD.state_reason, OLD.controls, OLD.lots, OLD.retired)
          IS DISTINCT FROM (NEW.kind, NEW.state, NEW.state_reason, NEW.controls, NEW.lots, NEW.retired))
    EXECUTE FUNCTION stockade.keep_change('id');

CREATE TRIGGER keep_made AFTER INSERT ON stockade.bot FOR EACH ROW
    EXECUTE FUNCTION stockade.keep_change('sleeve');
CREATE TRIGGER keep_changed AFTER UPDATE ON stockade.bot FOR EACH ROW
    WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION stockade.keep_change('sleeve');

CREATE TRIGGER keep_made AFTER INSERT ON stockade.break FOR EACH ROW
    EXECUTE FUNCTION stockade.keep_change('id');
CREATE TRIGGER keep_changed AFTER UPDATE ON stockade.break FOR EACH ROW
    WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION stockade.keep_change('id');

CREATE TRIGGER keep_made AFTER INSERT ON stockade.activity FOR EACH ROW
    EXECUTE FUNCTION stockade.keep_change('id');
CREATE TRIGGER keep_changed AFTER UPDATE ON stockade.activity FOR EACH ROW
    WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION stockade.keep_change('id');

-- ---------------------------------------------------------------------------------------------
-- What was believed at a moment, as the functions of 0005

CREATE FUNCTION stockade.change_at(moment bigint) RETURNS SETOF stockade.change
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT c.* FROM stockade.change c WHERE c.at_ns <= moment
$$;

-- The last version of each row.
CREATE FUNCTION stockade.standing_at(of_relation text, moment bigint) RETURNS SETOF stockade.change
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT c.* FROM stockade.change c
     WHERE c.relation = of_relation AND c.at_ns <= moment
       AND NOT EXISTS (SELECT FROM stockade.change n WHERE n.account = c.account AND n.relation = c.relation
                          AND n.key = c.key AND n.number > c.number AND n.at_ns <= moment)
$$;

CREATE FUNCTION stockade.break_at(moment bigint) RETURNS SETOF stockade.break
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.* FROM stockade.standing_at('break', moment) c,
           LATERAL jsonb_populate_record(NULL::stockade.break, c.body) r
$$;

CREATE FUNCTION stockade.activity_at(moment bigint) RETURNS SETOF stockade.activity
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.* FROM stockade.standing_at('activity', moment) c,
           LATERAL jsonb_populate_record(NULL::stockade.activity, c.body) r
$$;

CREATE OR REPLACE FUNCTION stockade.bot_at(moment bigint) RETURNS SETOF stockade.bot
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.* FROM stockade.standing_at('bot', moment) c,
           LATERAL jsonb_populate_record(NULL::stockade.bot, c.body) r
$$;

CREATE FUNCTION stockade.input_at(moment bigint) RETURNS SETOF stockade.input
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT i.* FROM stockade.input i WHERE i.market_ns <= moment
$$;

CREATE FUNCTION stockade.posting_at(moment bigint) RETURNS SETOF stockade.posting
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT p.* FROM stockade.posting p
      JOIN stockade.entry e ON e.account = p.account AND e.id = p.entry
     WHERE e.at_ns <= moment
$$;

CREATE FUNCTION stockade.lot_change_at(moment bigint) RETURNS SETOF stockade.lot_change
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT c.* FROM stockade.lot_change c WHERE c.at_ns <= moment
$$;

CREATE FUNCTION stockade.order_change_at(moment bigint) RETURNS SETOF stockade.order_change
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT c.* FROM stockade.order_change c WHERE c.at_ns <= moment
$$;

-- The last input by then gives the account's times; its counters are those of now.
CREATE FUNCTION stockade.account_at(moment bigint) RETURNS SETOF stockade.account
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.* FROM stockade.standing_at('account', moment) c
      JOIN stockade.account a ON a.account = c.account
      LEFT JOIN LATERAL (SELECT i.index, i.market_ns, i.machine_ns FROM stockade.input i
                          WHERE i.account = c.account AND i.market_ns <= moment
                          ORDER BY i.index DESC LIMIT 1) i ON true,
           LATERAL jsonb_populate_record(a, c.body || jsonb_build_object(
               'input_index', coalesce(i.index, 0),
               'market_ns', greatest(coalesce(i.market_ns, c.at_ns), c.at_ns),
               'machine_ns', coalesce(i.machine_ns, (c.body ->> 'machine_ns')::bigint))) r
$$;

-- Sums of postings as before; the rest is the row's last version. Of versions from before this
-- migration the trading state is not known.
CREATE OR REPLACE FUNCTION stockade.sleeve_at(moment bigint) RETURNS SETOF stockade.sleeve
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.* FROM stockade.sleeve s
      JOIN stockade.standing_at('sleeve', moment) c ON c.account = s.account AND c.key = s.id::text
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
                  GROUP BY x.account, x.sleeve) o ON o.account = s.account AND o.sleeve = s.id,
           LATERAL jsonb_populate_record(s, c.body || jsonb_build_object(
               'initial_capital', s.initial_capital - coalesce(b.initial_later, 0),
               'added', s.added - coalesce(b.added_later, 0),
               'withdrawn', s.withdrawn - coalesce(b.withdrawn_later, 0),
               'cash', coalesce(b.cash, 0),
               'reserved', coalesce(o.reserved, 0),
               'realised', CASE WHEN s.kind = 'rounding' THEN s.realised
                    ELSE coalesce(b.cash, 0) + coalesce(b.cost, 0) + coalesce(l.fee_left, 0) - coalesce(b.capital, 0) END,
               'fees', coalesce(b.fees, 0),
               'dividends', coalesce(b.dividends, 0),
               'interest', coalesce(b.interest, 0),
               'day', 0, 'day_start_equity', 0, 'next_intent', s.next_intent)) r
     WHERE s.created_ns <= moment
$$;

-- ---------------------------------------------------------------------------------------------
-- The second lock, where it was open

-- An execution is the one that its entry books: none hides behind the entry of another.
CREATE FUNCTION stockade.execution_in_entry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    stray record;
BEGIN
    SELECT n.account, n.execution_id, n.entry INTO stray
        FROM inserted n LEFT JOIN stockade.entry e ON e.account = n.account AND e.id = n.entry
        WHERE e.execution_id IS DISTINCT FROM n.execution_id LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'execution % of account % is not what its entry % books', stray.execution_id, stray.account, stray.entry
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'execution_in_entry',
                  TABLE = 'execution', SCHEMA = 'stockade';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER execution_in_entry AFTER INSERT ON stockade.execution
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION stockade.execution_in_entry();

-- Not a number is above every number, and would pass any bound.
ALTER TABLE stockade.lot ADD CONSTRAINT lot_numbers
    CHECK (qty + remaining + cost + cost_left + fee + fee_left <> 'NaN');
ALTER TABLE stockade.posting ADD CONSTRAINT posting_numbers CHECK (amount <> 'NaN' AND qty <> 'NaN');
ALTER TABLE stockade.execution ADD CONSTRAINT execution_numbers CHECK (qty + price + fee + fee_qty <> 'NaN');
ALTER TABLE stockade.sleeve ADD CONSTRAINT sleeve_numbers
    CHECK (cash + reserved + realised + fees + initial_capital + added + withdrawn <> 'NaN');

-- What history names keeps its name, and an order its owner.
CREATE FUNCTION stockade.key_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a row of stockade.% can not become another: its key is what history names', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'key_stays',
              TABLE = TG_TABLE_NAME, SCHEMA = 'stockade';
END $$;
CREATE TRIGGER key_stays BEFORE UPDATE ON stockade.sleeve FOR EACH ROW
    WHEN ((OLD.account, OLD.id, OLD.name) IS DISTINCT FROM (NEW.account, NEW.id, NEW.name))
    EXECUTE FUNCTION stockade.key_stays();
CREATE TRIGGER key_stays BEFORE UPDATE ON stockade.order FOR EACH ROW
    WHEN ((OLD.account, OLD.id, OLD.sleeve) IS DISTINCT FROM (NEW.account, NEW.id, NEW.sleeve))
    EXECUTE FUNCTION stockade.key_stays();
CREATE TRIGGER key_stays BEFORE UPDATE ON stockade.lot FOR EACH ROW
    WHEN ((OLD.account, OLD.id) IS DISTINCT FROM (NEW.account, NEW.id))
    EXECUTE FUNCTION stockade.key_stays();

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'stockade_app') THEN
        GRANT SELECT, INSERT ON stockade.change TO stockade_app;
    END IF;
EXCEPTION
    WHEN insufficient_privilege THEN RAISE NOTICE 'stockade_app got no rights: one role does everything';
END $$;
-- A later migration that adds a column to sleeve, bot, break, activity or account leaves these
-- functions as they are: they give whole rows.
