-- An order waits for its commit: what each statement does anew, or does twice, is time on its way.

-- The lease says how far its writer has come. One update is then the check of the epoch, the lock
-- against a change of hands and the number that is read back after a lost connection.
ALTER TABLE stockade.lease ADD COLUMN sequence bigint NOT NULL DEFAULT 0;
DROP TABLE stockade.writer;
DROP TRIGGER lease_epoch_rises ON stockade.lease;
CREATE TRIGGER lease_epoch_rises BEFORE UPDATE OF account, epoch, holder OR DELETE ON stockade.lease
    FOR EACH ROW EXECUTE FUNCTION stockade.lease_epoch_rises();

-- Checks of one column move into their types, as those of orders and sleeves did: a CHECK of a table
-- is read and planned anew by every statement that writes to it.
CREATE DOMAIN stockade.counter AS bigint CONSTRAINT counter CHECK (VALUE >= 0);
CREATE DOMAIN stockade.ordinal AS integer CONSTRAINT ordinal CHECK (VALUE > 0);

-- A trigger's condition names columns, which keep their type as long as it stands.
DROP TRIGGER keep_changed ON stockade.account;
ALTER TABLE stockade.account
    DROP CONSTRAINT account_state_check,
    DROP CONSTRAINT account_allocation_factor_check,
    DROP CONSTRAINT account_input_index_check,
    ALTER state TYPE stockade.trading_state,
    ALTER allocation_factor TYPE stockade.not_negative,
    ALTER input_index TYPE stockade.counter;
CREATE TRIGGER keep_changed AFTER UPDATE ON stockade.account FOR EACH ROW
    WHEN ((OLD.state, OLD.state_reason, OLD.controls, OLD.allocation_factor, OLD.has_broker, OLD.broker_account_id)
          IS DISTINCT FROM (NEW.state, NEW.state_reason, NEW.controls, NEW.allocation_factor, NEW.has_broker, NEW.broker_account_id))
    EXECUTE FUNCTION stockade.keep_change('account');

ALTER TABLE stockade.order_change
    DROP CONSTRAINT order_change_change_check,
    ALTER change TYPE stockade.ordinal;

-- What history names is not written again by an update of the rest: only a statement that names it is
-- looked at.
DROP TRIGGER key_stays ON stockade.sleeve;
CREATE TRIGGER key_stays BEFORE UPDATE OF account, id, name ON stockade.sleeve FOR EACH ROW
    WHEN ((OLD.account, OLD.id, OLD.name) IS DISTINCT FROM (NEW.account, NEW.id, NEW.name))
    EXECUTE FUNCTION stockade.key_stays();
DROP TRIGGER key_stays ON stockade.order;
CREATE TRIGGER key_stays BEFORE UPDATE OF account, id, sleeve ON stockade.order FOR EACH ROW
    WHEN ((OLD.account, OLD.id, OLD.sleeve) IS DISTINCT FROM (NEW.account, NEW.id, NEW.sleeve))
    EXECUTE FUNCTION stockade.key_stays();
DROP TRIGGER key_stays ON stockade.lot;
CREATE TRIGGER key_stays BEFORE UPDATE OF account, id ON stockade.lot FOR EACH ROW
    WHEN ((OLD.account, OLD.id) IS DISTINCT FROM (NEW.account, NEW.id))
    EXECUTE FUNCTION stockade.key_stays();

-- Nothing searches in what an input was: kept as its text, it is only checked, not taken apart.
ALTER TABLE stockade.input ALTER body TYPE json;
