-- A version of a bot that was not taken, or was given back, is not tried again until a person says so.
ALTER TABLE stockade.bot ADD COLUMN rejected jsonb NOT NULL DEFAULT '[]';    -- [digest, …], the latest last
