-- How a device is woken (RFC 8599): pn-provider, pn-param and pn-prid with a space between them; empty for devices that
-- midreg does not push to.
ALTER TABLE binding ADD COLUMN push TEXT NOT NULL DEFAULT '';
