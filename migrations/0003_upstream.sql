-- Which of several main registrars holds a registration: its name in the configuration, empty for the one that
-- `upstream` names. Everything stored before there could be several is at that one.
ALTER TABLE binding ADD COLUMN upstream TEXT NOT NULL DEFAULT '';
ALTER TABLE deregistration ADD COLUMN upstream TEXT NOT NULL DEFAULT '';
