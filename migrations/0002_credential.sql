-- What the digest of a phone is checked against. Text as in the tables before it: one character for each byte.
-- Rarely changed, and then written at once, so it is not journaled.
CREATE TABLE credential (
  realm TEXT NOT NULL,
  username TEXT NOT NULL,
  algorithm TEXT NOT NULL, -- MD5, SHA-256, SHA-512-256
  ha1 TEXT NOT NULL, -- H(username:realm:password), lower-case hexadecimal; as good as the password
  PRIMARY KEY (realm, username, algorithm)
) STRICT, WITHOUT ROWID;
