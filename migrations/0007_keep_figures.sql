-- Figures as they were believed: one version per sleeve and session, and another whenever what came
-- later changed the round trips before the session's close (a bust, a correction, a late import).
-- Nothing wrote the table before: it is made anew, appended only.
DROP TABLE stockade.figure;
CREATE TABLE stockade.figure (
    account     text NOT NULL,
    sleeve      bigint NOT NULL,
    day         integer NOT NULL,                   -- day key yyyymmdd of the session
    version     integer NOT NULL CHECK (version > 0),
    at_ns       bigint NOT NULL,                    -- the session's close: nothing later counts
    known_ns    bigint NOT NULL,                    -- the market's time up to which the books were read
    entry       bigint NOT NULL,                    -- their last entry then
    round_trip  bigint NOT NULL,                    -- their last round trip then
    epoch       bigint NOT NULL,
    figures     jsonb NOT NULL,
    PRIMARY KEY (account, sleeve, day, version),
    CONSTRAINT figure_known CHECK (known_ns >= at_ns),
    CONSTRAINT figure_sleeve FOREIGN KEY (account, sleeve) REFERENCES stockade.sleeve (account, id)
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON stockade.figure
    FOR EACH STATEMENT EXECUTE FUNCTION stockade.append_only();

-- What was believed at a moment, as the functions of 0005.
CREATE FUNCTION stockade.figure_at(moment bigint) RETURNS SETOF stockade.figure
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT f.* FROM stockade.figure f WHERE f.known_ns <= moment
$$;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'stockade_app') THEN
        GRANT SELECT, INSERT ON stockade.figure TO stockade_app;
    END IF;
EXCEPTION
    WHEN insufficient_privilege THEN RAISE NOTICE 'stockade_app got no rights: one role does everything';
END $$;
