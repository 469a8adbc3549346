-- A CHECK of a table is read and planned anew by every statement that writes to it, the check of a
-- domain once per connection: on the way of an order that is a tenth of a millisecond.

CREATE DOMAIN stockade.side AS text CONSTRAINT side CHECK (VALUE IN ('buy', 'sell'));
CREATE DOMAIN stockade.order_type AS text
    CONSTRAINT order_type CHECK (VALUE IN ('market', 'limit', 'stop', 'stop_limit'));
CREATE DOMAIN stockade.time_in_force AS text
    CONSTRAINT time_in_force CHECK (VALUE IN ('day', 'gtc', 'ioc', 'fok', 'opg', 'cls'));
CREATE DOMAIN stockade.order_status AS text
    CONSTRAINT order_status CHECK (VALUE IN ('accepted', 'sending', 'unknown', 'acknowledged', 'partially_filled',
        'filled', 'canceled', 'expired', 'rejected', 'replaced', 'abandoned'));
CREATE DOMAIN stockade.sleeve_kind AS text
    CONSTRAINT sleeve_kind CHECK (VALUE IN ('bot', 'hand', 'house', 'suspense', 'rounding'));
CREATE DOMAIN stockade.trading_state AS text
    CONSTRAINT trading_state CHECK (VALUE IN ('active', 'reducing', 'halted'));
CREATE DOMAIN stockade.lot_method AS text
    CONSTRAINT lot_method CHECK (VALUE IN ('fifo', 'lifo', 'hifo', 'average'));
-- Not a number is above every number, and would pass any bound.
CREATE DOMAIN stockade.number AS numeric(38,18) CONSTRAINT is_a_number CHECK (VALUE <> 'NaN');
CREATE DOMAIN stockade.not_negative AS numeric(38,18)
    CONSTRAINT not_negative CHECK (VALUE >= 0 AND VALUE <> 'NaN');
CREATE DOMAIN stockade.positive AS numeric(38,18) CONSTRAINT positive CHECK (VALUE > 0 AND VALUE <> 'NaN');

ALTER TABLE stockade.order
    DROP CONSTRAINT order_side_check,
    DROP CONSTRAINT order_type_check,
    DROP CONSTRAINT order_sent_type_check,
    DROP CONSTRAINT order_time_in_force_check,
    DROP CONSTRAINT order_status_check,
    DROP CONSTRAINT order_qty_check,
    DROP CONSTRAINT order_notional_check,
    DROP CONSTRAINT order_reserved_check,
    DROP CONSTRAINT order_filled_qty_check,
    DROP CONSTRAINT order_filled_value_check,
    DROP CONSTRAINT order_broker_filled_qty_check,
    ALTER side TYPE stockade.side,
    ALTER type TYPE stockade.order_type,
    ALTER sent_type TYPE stockade.order_type,
    ALTER time_in_force TYPE stockade.time_in_force,
    ALTER status TYPE stockade.order_status,
    ALTER qty TYPE stockade.positive,
    ALTER notional TYPE stockade.positive,
    ALTER reserved TYPE stockade.not_negative,
    ALTER filled_qty TYPE stockade.not_negative,
    ALTER filled_value TYPE stockade.not_negative,
    ALTER broker_filled_qty TYPE stockade.not_negative;

-- A trigger's condition names columns, which keep their type as long as it stands.
DROP TRIGGER keep_changed ON stockade.sleeve;
ALTER TABLE stockade.sleeve
    DROP CONSTRAINT sleeve_kind_check,
    DROP CONSTRAINT sleeve_state_check,
    DROP CONSTRAINT sleeve_lots,
    DROP CONSTRAINT sleeve_reserved_check,
    DROP CONSTRAINT sleeve_numbers,
    ALTER kind TYPE stockade.sleeve_kind,
    ALTER state TYPE stockade.trading_state,
    ALTER lots TYPE stockade.lot_method,
    ALTER reserved TYPE stockade.not_negative,
    ALTER cash TYPE stockade.number,
    ALTER realised TYPE stockade.number,
    ALTER fees TYPE stockade.number,
    ALTER initial_capital TYPE stockade.number,
    ALTER added TYPE stockade.number,
    ALTER withdrawn TYPE stockade.number;
CREATE TRIGGER keep_changed AFTER UPDATE ON stockade.sleeve FOR EACH ROW
    WHEN ((OLD.kind, OLD.state, OLD.state_reason, OLD.controls, OLD.lots, OLD.retired)
          IS DISTINCT FROM (NEW.kind, NEW.state, NEW.state_reason, NEW.controls, NEW.lots, NEW.retired))
    EXECUTE FUNCTION stockade.keep_change('id');
