-- The tables are the state: one table per kind of row of the core (host/core/src/row.rs).
--
-- Conventions
--   account     the account's label; part of every key
--   sleeve      the sleeve's number (sleeve.id); 1 house, 2 suspense, 3 rounding, 10.. bots and people
--   …_ns        nanoseconds since 1970-01-01T00:00:00 UTC: timestamptz stops at microseconds;
--               stockade.time(ns) gives a timestamptz for people
--   numeric(38,18)  money, prices, quantities: a product of two nine-digit fractions is exact
--   epoch       the lease epoch of the transaction that wrote the row
-- Names are written with their schema: "order" is a reserved word, stockade.order is not.
--
-- Appended only, by trigger and by grant: entry, posting, execution, round_trip, input, refusal,
-- bot_event, equity. Everything else is kept by key.

CREATE FUNCTION stockade.time(ns bigint) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN '1970-01-01T00:00:00Z'::timestamptz + (ns / 1000) * interval '1 microsecond';

-- ---------------------------------------------------------------------------------------------
-- Who may write

CREATE TABLE stockade.lease (
    account      text PRIMARY KEY,
    epoch        bigint NOT NULL CHECK (epoch > 0),
    holder       text NOT NULL,
    acquired_at  timestamptz NOT NULL,
    renewed_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,      -- by the database's clock
    released_at  timestamptz                -- set by an orderly stop
);

CREATE FUNCTION stockade.lease_epoch_rises() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'the lease of account % can not be deleted: its epoch must never repeat', OLD.account
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'lease_epoch_rises';
    END IF;
    IF NEW.epoch < OLD.epoch OR (NEW.holder <> OLD.holder AND NEW.epoch = OLD.epoch) THEN
        RAISE EXCEPTION 'the lease epoch of account % can not go from % to %', OLD.account, OLD.epoch, NEW.epoch
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'lease_epoch_rises';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER lease_epoch_rises BEFORE UPDATE OR DELETE ON stockade.lease
    FOR EACH ROW EXECUTE FUNCTION stockade.lease_epoch_rises();

-- Locks the lease against a change of hands until the transaction ends, and refuses a writer whose
-- epoch has passed. Every money transaction calls it and stamps what it gives.
CREATE FUNCTION stockade.fence(of_account text, of_epoch bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    present record;
BEGIN
    SELECT l.epoch, l.holder, l.released_at INTO present
        FROM stockade.lease l WHERE l.account = of_account FOR SHARE;
    IF NOT FOUND OR present.epoch <> of_epoch OR present.released_at IS NOT NULL THEN
        RAISE EXCEPTION 'the lease of account % is at epoch % (%), the writer is at epoch %',
            of_account, coalesce(present.epoch, 0), coalesce(present.holder, 'nobody'), of_epoch
            USING ERRCODE = 'SKF01', DETAIL = coalesce(present.epoch, 0)::text;
    END IF;
    RETURN present.epoch;
END $$;

-- How far the writer of an epoch has come: read back after a lost connection, so that the outcome
-- of a commit is known and never assumed.
CREATE TABLE stockade.writer (
    account   text NOT NULL,
    epoch     bigint NOT NULL,
    sequence  bigint NOT NULL,
    PRIMARY KEY (account, epoch)
);

-- ---------------------------------------------------------------------------------------------
-- Kept by key

CREATE TABLE stockade.account (
    account            text PRIMARY KEY,
    broker_account_id  text,
    has_broker         boolean NOT NULL,
    era                text NOT NULL,
    state              text NOT NULL CHECK (state IN ('active', 'reducing', 'halted')),
    state_reason       text,
    controls           jsonb NOT NULL,
    allocation_factor  numeric(38,18) NOT NULL CHECK (allocation_factor >= 0),
    next_order         bigint NOT NULL,
    next_sleeve        bigint NOT NULL,
    next_entry         bigint NOT NULL,
    next_lot           bigint NOT NULL,
    next_round_trip    bigint NOT NULL,
    next_break         bigint NOT NULL,
    input_index        bigint NOT NULL CHECK (input_index >= 0),   -- the last committed input
    market_ns          bigint NOT NULL,
    machine_ns         bigint NOT NULL,
    fills_since_ns     bigint NOT NULL,
    opened_ns          bigint,                      -- when stockade first saw the broker's account
    epoch              bigint NOT NULL
);

CREATE TABLE stockade.instrument (
    account          text NOT NULL,
    symbol           text NOT NULL,
    class            text NOT NULL CHECK (class IN ('equity', 'crypto')),
    tradable         boolean NOT NULL,
    fractionable     boolean NOT NULL,
    price_increment  numeric(38,18) CHECK (price_increment > 0),
    min_qty          numeric(38,18) CHECK (min_qty >= 0),
    PRIMARY KEY (account, symbol)
);

CREATE TABLE stockade.sleeve (
    account           text NOT NULL,
    id                bigint NOT NULL,
    name              text NOT NULL,
    kind              text NOT NULL CHECK (kind IN ('bot', 'hand', 'house', 'suspense', 'rounding')),
    state             text NOT NULL CHECK (state IN ('active', 'reducing', 'halted')),
    state_reason      text,
    initial_capital   numeric(38,18) NOT NULL,
    added             numeric(38,18) NOT NULL,
    withdrawn         numeric(38,18) NOT NULL,
    cash              numeric(38,18) NOT NULL,
    reserved          numeric(38,18) NOT NULL CHECK (reserved >= 0),
    realised          numeric(38,18) NOT NULL,
    fees              numeric(38,18) NOT NULL,
    lots              text NOT NULL,                -- lot method
    controls          jsonb NOT NULL,
    day               integer NOT NULL,             -- day key yyyymmdd, 0 before the first
    day_start_equity  numeric(38,18) NOT NULL,
    next_intent       bigint NOT NULL,
    created_ns        bigint NOT NULL,
    retired           boolean NOT NULL,
    PRIMARY KEY (account, id),
    UNIQUE (account, name)
);

CREATE TABLE stockade.position (
    account   text NOT NULL,
    sleeve    bigint NOT NULL,
    symbol    text NOT NULL,
    qty       numeric(38,18) NOT NULL,
    cost      numeric(38,18) NOT NULL,
    fee_left  numeric(38,18) NOT NULL,
    PRIMARY KEY (account, sleeve, symbol)
);

CREATE TABLE stockade.lot (
    account       text NOT NULL,
    id            bigint NOT NULL,
    sleeve        bigint NOT NULL,
    symbol        text NOT NULL,
    side          text NOT NULL CHECK (side IN ('long', 'short')),
    opened_ns     bigint NOT NULL,
    qty           numeric(38,18) NOT NULL CHECK (qty > 0),
    remaining     numeric(38,18) NOT NULL,
    entry_price   numeric(38,18) NOT NULL,
    cost          numeric(38,18) NOT NULL CHECK (cost >= 0),
    cost_left     numeric(38,18) NOT NULL CHECK (cost_left >= 0),
    fee           numeric(38,18) NOT NULL,
    fee_left      numeric(38,18) NOT NULL,
    execution_id  text NOT NULL,
    PRIMARY KEY (account, id),
    CONSTRAINT lot_remaining CHECK (remaining >= 0 AND remaining <= qty),
    CONSTRAINT lot_nothing_left CHECK (remaining > 0 OR (cost_left = 0 AND fee_left = 0))
);
CREATE INDEX lot_open ON stockade.lot (account, sleeve, symbol, opened_ns, id) WHERE remaining > 0;

CREATE TABLE stockade.order (
    account             text NOT NULL,
    id                  bigint NOT NULL,
    sleeve              bigint NOT NULL,
    intent_id           bigint NOT NULL,
    client_order_id     text NOT NULL,
    broker_order_id     text,
    symbol              text NOT NULL,
    side                text NOT NULL CHECK (side IN ('buy', 'sell')),
    qty                 numeric(38,18) CHECK (qty > 0),
    notional            numeric(38,18) CHECK (notional > 0),
    type                text NOT NULL CHECK (type IN ('market', 'limit', 'stop', 'stop_limit')),
    limit_price         numeric(38,18),
    stop_price          numeric(38,18),
    sent_type           text NOT NULL CHECK (sent_type IN ('market', 'limit', 'stop', 'stop_limit')),
    sent_limit_price    numeric(38,18),
    sent_stop_price     numeric(38,18),
    time_in_force       text NOT NULL CHECK (time_in_force IN ('day', 'gtc', 'ioc', 'fok', 'opg', 'cls')),
    extended_hours      boolean NOT NULL,
    reason              text,
    tag                 text,
    status              text NOT NULL CHECK (status IN ('accepted', 'sending', 'unknown', 'acknowledged',
                            'partially_filled', 'filled', 'canceled', 'expired', 'rejected', 'replaced', 'abandoned')),
    decision_price      numeric(38,18),
    worst_price         numeric(38,18) NOT NULL,
    reserved            numeric(38,18) NOT NULL CHECK (reserved >= 0),
    filled_qty          numeric(38,18) NOT NULL CHECK (filled_qty >= 0),
    filled_value        numeric(38,18) NOT NULL CHECK (filled_value >= 0),
    broker_filled_qty   numeric(38,18) NOT NULL CHECK (broker_filled_qty >= 0),
    epoch               bigint NOT NULL,            -- of the claim; 0 before it
    attempt             integer NOT NULL,
    cancel_requested    boolean NOT NULL,
    cancel_attempts     integer NOT NULL,
    replaces            bigint,
    end_reason          text,
    overfilled          boolean NOT NULL,
    lookups             integer NOT NULL,
    accepted_ns         bigint NOT NULL,
    claimed_ns          bigint NOT NULL,            -- by the machine's clock
    updated_ns          bigint NOT NULL,
    PRIMARY KEY (account, id),
    CONSTRAINT order_size CHECK ((qty IS NULL) <> (notional IS NULL)),
    CONSTRAINT order_filled CHECK (overfilled OR qty IS NULL OR filled_qty <= qty),
    CONSTRAINT order_sleeve FOREIGN KEY (account, sleeve) REFERENCES stockade.sleeve (account, id)
);
CREATE UNIQUE INDEX order_client_order_id ON stockade.order (account, client_order_id);
CREATE UNIQUE INDEX order_broker_order_id ON stockade.order (account, broker_order_id) WHERE broker_order_id IS NOT NULL;
CREATE UNIQUE INDEX order_intent ON stockade.order (account, sleeve, intent_id);
CREATE INDEX order_open ON stockade.order (account, id)
    WHERE status IN ('accepted', 'sending', 'unknown', 'acknowledged', 'partially_filled');

CREATE TABLE stockade.mark (
    account  text NOT NULL,
    symbol   text NOT NULL,
    price    numeric(38,18) NOT NULL,
    at_ns    bigint NOT NULL,
    PRIMARY KEY (account, symbol)
);

CREATE TABLE stockade.break (
    account      text NOT NULL,
    id           bigint NOT NULL,
    class        text NOT NULL,
    severity     text NOT NULL CHECK (severity IN ('info', 'warning', 'serious')),
    symbol       text,
    ours         numeric(38,18) NOT NULL,
    broker       numeric(38,18) NOT NULL,
    evidence     text NOT NULL,
    action       text NOT NULL,
    opened_ns    bigint NOT NULL,
    resolved_ns  bigint,
    PRIMARY KEY (account, id)
);

CREATE TABLE stockade.bot (
    account             text NOT NULL,
    sleeve              bigint NOT NULL,
    name                text NOT NULL,
    plugin              text NOT NULL,
    digest              text NOT NULL,
    version             text NOT NULL,
    params              jsonb NOT NULL,             -- [[name, value], …]
    symbols             jsonb NOT NULL,             -- [symbol, …]
    seed                numeric(20,0) NOT NULL,
    generation          bigint NOT NULL,
    state               text NOT NULL CHECK (state IN ('loading', 'running', 'suspended', 'quarantined', 'stopped', 'retired')),
    state_reason        text,
    strikes             jsonb NOT NULL,             -- [ns, …]
    suspended_until_ns  bigint,
    created_ns          bigint NOT NULL,
    PRIMARY KEY (account, sleeve)
);

CREATE TABLE stockade.snapshot (
    account  text NOT NULL,
    sleeve   bigint NOT NULL,
    digest   text NOT NULL,
    at_ns    bigint NOT NULL,
    bytes    bytea NOT NULL,
    PRIMARY KEY (account, sleeve)
);

-- ---------------------------------------------------------------------------------------------
-- Appended

CREATE TABLE stockade.input (
    account     text NOT NULL,
    index       bigint NOT NULL,
    epoch       bigint NOT NULL,
    market_ns   bigint NOT NULL,
    machine_ns  bigint NOT NULL,
    kind        text NOT NULL,
    body        jsonb NOT NULL,
    PRIMARY KEY (account, index)
);

CREATE TABLE stockade.entry (
    account       text NOT NULL,
    id            bigint NOT NULL,
    epoch         bigint NOT NULL,
    at_ns         bigint NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('opening', 'deposit', 'allocation', 'execution', 'transfer', 'split', 'adjustment')),
    memo          text NOT NULL,
    execution_id  text,
    legs          smallint NOT NULL CHECK (legs <> 1),  -- none: an execution at no price moves nothing
    PRIMARY KEY (account, id)
);
CREATE UNIQUE INDEX entry_execution ON stockade.entry (account, execution_id) WHERE kind IN ('execution', 'split');

CREATE TABLE stockade.posting (
    account  text NOT NULL,
    entry    bigint NOT NULL,
    leg      smallint NOT NULL CHECK (leg >= 0),
    sleeve   bigint NOT NULL,
    ledger   text NOT NULL CHECK (ledger IN ('cash', 'position', 'capital', 'realised', 'fees', 'rounding')),
    symbol   text,
    amount   numeric(38,18) NOT NULL,               -- debit positive, credit negative
    PRIMARY KEY (account, entry, leg),
    CONSTRAINT posting_symbol CHECK ((ledger = 'position') = (symbol IS NOT NULL))
);

CREATE TABLE stockade.execution (
    account          text NOT NULL,
    execution_id     text NOT NULL,
    epoch            bigint NOT NULL,
    sleeve           bigint NOT NULL,
    order_id         bigint,
    broker_order_id  text NOT NULL,
    symbol           text NOT NULL,
    side             text NOT NULL CHECK (side IN ('buy', 'sell')),
    qty              numeric(38,18) NOT NULL CHECK (qty > 0),
    price            numeric(38,18) NOT NULL CHECK (price >= 0),
    fee              numeric(38,18) NOT NULL,
    cumulative_qty   numeric(38,18),                -- the broker order's filled quantity after it, where reported
    at_ns            bigint NOT NULL,
    entry            bigint NOT NULL,
    source           text NOT NULL CHECK (source IN ('stream', 'activity', 'import', 'opening')),
    CONSTRAINT execution_once PRIMARY KEY (account, execution_id)
);
CREATE INDEX execution_entry ON stockade.execution (account, entry);
CREATE INDEX execution_order ON stockade.execution (account, order_id) WHERE order_id IS NOT NULL;

CREATE TABLE stockade.round_trip (
    account            text NOT NULL,
    id                 bigint NOT NULL,
    sleeve             bigint NOT NULL,
    symbol             text NOT NULL,
    side               text NOT NULL CHECK (side IN ('long', 'short')),
    lot                bigint NOT NULL,
    qty                numeric(38,18) NOT NULL CHECK (qty > 0),
    entry_ns           bigint NOT NULL,
    entry_price        numeric(38,18) NOT NULL,
    exit_ns            bigint NOT NULL,
    exit_price         numeric(38,18) NOT NULL,
    gross              numeric(38,18) NOT NULL,
    opening_fee        numeric(38,18) NOT NULL,
    closing_fee        numeric(38,18) NOT NULL,
    net                numeric(38,18) NOT NULL,
    cost               numeric(38,18) NOT NULL,
    exit_reason        text,
    exit_execution_id  text NOT NULL,
    PRIMARY KEY (account, id),
    CONSTRAINT round_trip_net CHECK (net = gross - opening_fee - closing_fee)
);
CREATE INDEX round_trip_lot ON stockade.round_trip (account, lot);
CREATE INDEX round_trip_sleeve ON stockade.round_trip (account, sleeve, exit_ns);

CREATE TABLE stockade.refusal (
    account    text NOT NULL,
    id         bigint GENERATED ALWAYS AS IDENTITY,
    sleeve     bigint NOT NULL,
    intent_id  bigint NOT NULL,
    at_ns      bigint NOT NULL,
    intent     jsonb NOT NULL,
    code       text NOT NULL,
    message    text NOT NULL,
    PRIMARY KEY (account, id)
);

CREATE TABLE stockade.bot_event (
    account     text NOT NULL,
    id          bigint GENERATED ALWAYS AS IDENTITY,
    sleeve      bigint NOT NULL,
    generation  bigint NOT NULL,
    at_ns       bigint NOT NULL,
    kind        text NOT NULL,
    message     text NOT NULL,
    PRIMARY KEY (account, id)
);

-- A second sample of the same sleeve and market time is dropped by the writer: the market's time
-- can stand still between two samples.
CREATE TABLE stockade.equity (
    account        text NOT NULL,
    sleeve         bigint NOT NULL,
    at_ns          bigint NOT NULL,
    session_close  integer NOT NULL,                -- day key when a session's close, else 0
    cash           numeric(38,18) NOT NULL,
    market_value   numeric(38,18) NOT NULL,
    net_capital    numeric(38,18) NOT NULL,
    realised       numeric(38,18) NOT NULL,
    PRIMARY KEY (account, sleeve, at_ns, session_close)
);

-- ---------------------------------------------------------------------------------------------
-- The books balance

-- Per entry, not per posting: that would cost half the speed.
CREATE FUNCTION stockade.entry_balances() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    found_legs bigint;
    total numeric;
BEGIN
    SELECT count(*), coalesce(sum(amount), 0) INTO found_legs, total
        FROM stockade.posting WHERE account = NEW.account AND entry = NEW.id;
    IF found_legs <> NEW.legs OR total <> 0 THEN
        RAISE EXCEPTION 'entry % of account % has % of % legs and sums to %, not zero',
            NEW.id, NEW.account, found_legs, NEW.legs, total
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'entry_balances',
                  TABLE = 'entry', SCHEMA = 'stockade';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER entry_balances AFTER INSERT ON stockade.entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION stockade.entry_balances();

-- Together with entry_balances and the key of posting, no leg can be added to an entry later.
CREATE FUNCTION stockade.posting_in_entry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    stray record;
BEGIN
    SELECT n.account, n.entry, n.leg INTO stray
        FROM inserted n LEFT JOIN stockade.entry e ON e.account = n.account AND e.id = n.entry
        WHERE e.id IS NULL OR n.leg >= e.legs LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'leg % belongs to no leg of entry % of account %', stray.leg, stray.entry, stray.account
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'posting_in_entry',
                  TABLE = 'posting', SCHEMA = 'stockade';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER posting_in_entry AFTER INSERT ON stockade.posting
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION stockade.posting_in_entry();

-- ---------------------------------------------------------------------------------------------
-- Appended only

CREATE FUNCTION stockade.append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on stockade.% is refused: its rows are only ever added', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'append_only',
              TABLE = TG_TABLE_NAME, SCHEMA = 'stockade';
END $$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['entry', 'posting', 'execution', 'round_trip', 'input', 'refusal', 'bot_event', 'equity'] LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON stockade.%I
            FOR EACH STATEMENT EXECUTE FUNCTION stockade.append_only()', name);
    END LOOP;
END $$;

-- The second lock, where roles may be made here: the writer works as stockade_app, which has no
-- right to change what is appended.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'stockade_app') THEN
        CREATE ROLE stockade_app NOLOGIN;
    END IF;
EXCEPTION
    WHEN insufficient_privilege THEN RAISE NOTICE 'stockade_app was not made: one role does everything';
    WHEN duplicate_object OR unique_violation THEN NULL;  -- another database's migration was faster
END $$;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'stockade_app') THEN
        GRANT USAGE ON SCHEMA stockade TO stockade_app;
        GRANT SELECT ON ALL TABLES IN SCHEMA stockade TO stockade_app;
        GRANT INSERT ON stockade.entry, stockade.posting, stockade.execution, stockade.round_trip,
            stockade.input, stockade.refusal, stockade.bot_event, stockade.equity TO stockade_app;
        GRANT INSERT, UPDATE ON stockade.account, stockade.instrument, stockade.sleeve, stockade.position,
            stockade.lot, stockade.order, stockade.mark, stockade.break, stockade.bot, stockade.snapshot,
            stockade.lease, stockade.writer TO stockade_app;
        EXECUTE format('GRANT stockade_app TO %I', current_user);
    END IF;
EXCEPTION
    WHEN insufficient_privilege THEN RAISE NOTICE 'stockade_app got no rights: one role does everything';
END $$;
