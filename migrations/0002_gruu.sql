-- What GRUUs depend on (RFC 5627): since when temporary ones are valid, and those of the main registrar.
ALTER TABLE binding ADD COLUMN registered_at_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE binding ADD COLUMN upstream_gruu TEXT NOT NULL DEFAULT '';
