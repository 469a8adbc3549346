-- Room in each page for the next version of its rows. An update that finds room there needs no new
-- entry in any index, and the old version is cleared away by the next one that passes. Without it
-- two of three updates of an order cost five index entries.
ALTER TABLE stockade.account SET (fillfactor = 20);
ALTER TABLE stockade.sleeve SET (fillfactor = 45);
ALTER TABLE stockade.position SET (fillfactor = 45);
ALTER TABLE stockade.order SET (fillfactor = 45);
ALTER TABLE stockade.bot SET (fillfactor = 45);
ALTER TABLE stockade.mark SET (fillfactor = 45);
ALTER TABLE stockade.writer SET (fillfactor = 20);
ALTER TABLE stockade.lease SET (fillfactor = 20);
