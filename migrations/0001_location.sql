-- The location service. Text is UTF-8 holding one character for each byte that came from the wire;
-- instants are milliseconds on midreg's steady timeline. No secondary indexes: memory is the index.

-- What changes rarely: a device's contact and the registration midreg holds for it upstream.
CREATE TABLE binding (
  id INTEGER PRIMARY KEY, -- never used for another binding while the journal mentions it
  aor TEXT NOT NULL,
  ctid TEXT NOT NULL,
  contact TEXT NOT NULL,
  params TEXT NOT NULL,
  q INTEGER,
  call_id TEXT NOT NULL,
  source TEXT NOT NULL,
  path TEXT NOT NULL,
  user_agent TEXT NOT NULL,
  replay TEXT NOT NULL,
  upstream_call_id TEXT NOT NULL,
  upstream_cseq INTEGER NOT NULL,
  upstream_expires_at_ms INTEGER NOT NULL,
  upstream_contact TEXT NOT NULL,
  upstream_request_uri TEXT NOT NULL,
  upstream_from TEXT NOT NULL,
  upstream_to TEXT NOT NULL,
  mode TEXT NOT NULL, -- mirror, contact or aor
  methods TEXT NOT NULL,
  attr TEXT NOT NULL,
  registered_at_ms INTEGER NOT NULL, -- since when temporary GRUUs are valid (RFC 5627); 0 when not known
  upstream_gruu TEXT NOT NULL -- GRUUs that the main registrar gave
) STRICT;

-- What every refresh changes, one narrow row for each binding: folding 250,000 refreshes of 500,000
-- bindings writes 16 MB and takes 2 microseconds each here; in the wide rows it is 70 MB and over 5.
CREATE TABLE refresh (
  id INTEGER PRIMARY KEY, -- binding.id
  cseq INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL
) STRICT;

-- REGISTERs with expires 0 that midreg owes the main registrar.
CREATE TABLE deregistration (
  ctid TEXT PRIMARY KEY,
  aor TEXT NOT NULL,
  due_at_ms INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  upstream_call_id TEXT NOT NULL,
  upstream_cseq INTEGER NOT NULL,
  upstream_expires_at_ms INTEGER NOT NULL,
  upstream_contact TEXT NOT NULL,
  upstream_request_uri TEXT NOT NULL,
  upstream_from TEXT NOT NULL,
  upstream_to TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What is committed and not yet folded into the tables above, one row for each group commit.
-- touches: four doubles in host order each: id, cseq, expires_at_ms, updated_at_ms. They come first.
-- changes: JSON, an array of [kind, values] as in src/store/operation.ts.
CREATE TABLE journal (
  seq INTEGER PRIMARY KEY,
  touches BLOB,
  changes TEXT
) STRICT;

-- Single durable values, such as the offset of the steady timeline.
CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
