-- Indexes for lists: pages are read sleeve by sleeve along the sleeve's time, so that one index per
-- table serves a list of one sleeve and of all. Each index here costs every booking a little: none
-- is added where the primary key gives the order.

-- The lists' order is by time of opening; a position's own lots are few enough to filter.
DROP INDEX stockade.lot_open;
CREATE INDEX lot_open ON stockade.lot (account, sleeve, opened_ns, id) WHERE remaining > 0;

DROP INDEX stockade.round_trip_sleeve;
CREATE INDEX round_trip_sleeve ON stockade.round_trip (account, sleeve, exit_ns, id);

CREATE INDEX execution_sleeve ON stockade.execution (account, sleeve, at_ns, entry);

-- Of all sleeves together: rows come in the order of time, at the index's right edge.
CREATE INDEX round_trip_time ON stockade.round_trip (exit_ns, account, id);
