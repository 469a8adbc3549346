-- An order waits for its commit: what each statement does anew, or does twice, is time on its way.

-- The lease says how far its writer has come. One update is then the check of the epoch, the lock
-- against a change of hands and the number that is read back after a lost connection.
ALTER TABLE stockade.lease ADD COLUMN sequence bigint NOT NULL DEFAULT 0 CHECK (sequence >= 0);
DROP TABLE stockade.writer;
DROP TRIGGER lease_epoch_rises ON stockade.lease;
CREATE TRIGGER lease_epoch_rises BEFORE UPDATE OF account, epoch, holder OR DELETE ON stockade.lease
    FOR EACH ROW EXECUTE FUNCTION stockade.lease_epoch_rises();
