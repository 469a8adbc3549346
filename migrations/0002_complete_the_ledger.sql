-- The whole ledger: lot methods, what postings move in shares, the journal's chain, the past of
-- lots and orders, corrections, activities, prices.
--
-- Columns without a past (the chain, shares of postings) can't be made up for a journal that exists.

DO $$
BEGIN
    IF EXISTS (SELECT FROM stockade.entry) THEN
        RAISE EXCEPTION 'this journal was begun by a version from before the first release, whose entries have no chain: '
            'export it with that version, and import it into a new data folder';
    END IF;
END $$;

ALTER TABLE stockade.account ADD COLUMN link bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex');
ALTER TABLE stockade.account ALTER COLUMN link DROP DEFAULT;

ALTER TABLE stockade.sleeve
    ADD COLUMN dividends numeric(38,18) NOT NULL DEFAULT 0,
    ADD COLUMN interest  numeric(38,18) NOT NULL DEFAULT 0,
    ADD CONSTRAINT sleeve_lots CHECK (lots IN ('fifo', 'lifo', 'hifo', 'average'));

ALTER TABLE stockade.order
    ADD COLUMN lot            bigint,               -- the lot that it closes first, where it names one
    ADD COLUMN plugin_version text,                 -- of the bot that asked for it
    ADD COLUMN changes        integer NOT NULL DEFAULT 0;

-- An order as each input left it.
CREATE TABLE stockade.order_change (
    account       text NOT NULL,
    order_id      bigint NOT NULL,
    change        integer NOT NULL CHECK (change > 0),
    at_ns         bigint NOT NULL,
    status        text NOT NULL,
    reserved      numeric(38,18) NOT NULL,
    filled_qty    numeric(38,18) NOT NULL,
    filled_value  numeric(38,18) NOT NULL,
    PRIMARY KEY (account, order_id, change)
);

ALTER TABLE stockade.entry
    DROP CONSTRAINT entry_kind_check,
    DROP CONSTRAINT entry_legs_check,               -- shares at no price are one leg, of nothing
    ADD CONSTRAINT entry_kind CHECK (kind IN ('opening', 'deposit', 'allocation', 'execution', 'transfer', 'split',
        'adjustment', 'fee', 'dividend', 'interest', 'correction', 'action')),
    ADD COLUMN source_id     text,                  -- the activity, correction or line of a file
    ADD COLUMN corrects      bigint,                -- the entry that it takes back
    ADD COLUMN effective_ns  bigint NOT NULL,       -- when what it books happened
    ADD COLUMN ratio         numeric(38,18) CHECK (ratio > 0),   -- new shares for one old share, of a split
    ADD COLUMN link          bytea NOT NULL CHECK (octet_length(link) = 32),    -- SHA-256, chained
    ADD CONSTRAINT entry_correction CHECK ((kind = 'correction') = (corrects IS NOT NULL));
CREATE UNIQUE INDEX entry_source ON stockade.entry (account, source_id) WHERE source_id IS NOT NULL;

ALTER TABLE stockade.posting
    DROP CONSTRAINT posting_ledger_check,
    ADD CONSTRAINT posting_ledger CHECK (ledger IN ('cash', 'position', 'capital', 'realised', 'fees', 'dividends',
        'interest', 'rounding')),
    ADD COLUMN qty numeric(38,18) NOT NULL,         -- shares that come (positive) or go
    ADD CONSTRAINT posting_qty CHECK (qty = 0 OR ledger = 'position');

-- A lot as each entry left it.
CREATE TABLE stockade.lot_change (
    account      text NOT NULL,
    lot          bigint NOT NULL,
    entry        bigint NOT NULL,
    at_ns        bigint NOT NULL,
    sleeve       bigint NOT NULL,
    symbol       text NOT NULL,
    side         text NOT NULL,
    opened_ns    bigint NOT NULL,
    qty          numeric(38,18) NOT NULL,
    remaining    numeric(38,18) NOT NULL CHECK (remaining >= 0),
    entry_price  numeric(38,18) NOT NULL,
    cost         numeric(38,18) NOT NULL,
    cost_left    numeric(38,18) NOT NULL,
    fee          numeric(38,18) NOT NULL,
    fee_left     numeric(38,18) NOT NULL,
    execution_id text NOT NULL,
    PRIMARY KEY (account, lot, entry)
);

ALTER TABLE stockade.execution
    ADD COLUMN fee_qty numeric(38,18) NOT NULL CHECK (fee_qty >= 0),
    DROP CONSTRAINT execution_source_check,
    ADD CONSTRAINT execution_source CHECK (source IN ('stream', 'activity', 'import', 'opening', 'action'));

ALTER TABLE stockade.round_trip ADD COLUMN entry bigint NOT NULL;

-- Round trips that a correction took back.
CREATE TABLE stockade.round_trip_void (
    account     text NOT NULL,
    round_trip  bigint NOT NULL,
    entry       bigint NOT NULL,
    at_ns       bigint NOT NULL,
    PRIMARY KEY (account, round_trip),
    FOREIGN KEY (account, round_trip) REFERENCES stockade.round_trip (account, id) DEFERRABLE INITIALLY DEFERRED
);

-- Executions that the broker took back, and what stands in their place. One compensation each.
CREATE TABLE stockade.correction (
    account       text NOT NULL,
    execution_id  text NOT NULL,
    replacement   text,
    entry         bigint NOT NULL,
    at_ns         bigint NOT NULL,
    PRIMARY KEY (account, execution_id),
    FOREIGN KEY (account, execution_id) REFERENCES stockade.execution (account, execution_id) DEFERRABLE INITIALLY DEFERRED
);

-- What the broker reports beside fills. Kept by key: from pending to its end.
CREATE TABLE stockade.activity (
    account       text NOT NULL,
    id            text NOT NULL,
    kind          text NOT NULL,
    symbol        text,
    effective_ns  bigint NOT NULL,
    net_amount    numeric(38,18) NOT NULL,
    body          jsonb NOT NULL,
    state         text NOT NULL CHECK (state IN ('pending', 'booked', 'flagged', 'ignored')),
    note          text NOT NULL,
    entry         bigint,
    at_ns         bigint NOT NULL,
    PRIMARY KEY (account, id)
);
CREATE INDEX activity_open ON stockade.activity (account, id) WHERE state IN ('pending', 'flagged');

-- The marks that snapshots of the sleeves used.
CREATE TABLE stockade.price (
    account  text NOT NULL,
    symbol   text NOT NULL,
    at_ns    bigint NOT NULL,
    price    numeric(38,18) NOT NULL,
    PRIMARY KEY (account, symbol, at_ns)
);

ALTER TABLE stockade.equity ADD COLUMN exposure numeric(38,18) NOT NULL;

-- The figures of a sleeve as of a session's close: made from the equity rows, kept so that what was
-- shown can be shown again.
CREATE TABLE stockade.figure (
    account   text NOT NULL,
    sleeve    bigint NOT NULL,
    day       integer NOT NULL,                     -- day key yyyymmdd
    at_ns     bigint NOT NULL,
    figures   jsonb NOT NULL,
    PRIMARY KEY (account, sleeve, day)
);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['order_change', 'lot_change', 'round_trip_void', 'correction', 'price'] LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON stockade.%I
            FOR EACH STATEMENT EXECUTE FUNCTION stockade.append_only()', name);
    END LOOP;
END $$;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'stockade_app') THEN
        GRANT SELECT ON ALL TABLES IN SCHEMA stockade TO stockade_app;
        GRANT INSERT ON stockade.order_change, stockade.lot_change, stockade.round_trip_void, stockade.correction,
            stockade.price TO stockade_app;
        GRANT INSERT, UPDATE ON stockade.activity, stockade.figure TO stockade_app;
    END IF;
EXCEPTION
    WHEN insufficient_privilege THEN RAISE NOTICE 'stockade_app got no rights: one role does everything';
END $$;
