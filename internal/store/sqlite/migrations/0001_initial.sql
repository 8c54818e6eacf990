-- Ids are the 16 bytes of a UUID, times microseconds since 1970 in UTC. Small tables that
-- are read by their id are kept in its order (WITHOUT ROWID): one descent a look-up.

CREATE TABLE installation (
  singleton        INTEGER PRIMARY KEY CHECK (singleton = 1),
  id               BLOB NOT NULL,
  root_fingerprint TEXT NOT NULL,
  created_at       INTEGER NOT NULL
) STRICT;

CREATE TABLE organizations (
  id         BLOB NOT NULL PRIMARY KEY,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE organization_keys (
  organization_id  BLOB NOT NULL REFERENCES organizations (id),
  version          INTEGER NOT NULL CHECK (version >= 1),
  wrapped          BLOB NOT NULL,
  root_fingerprint TEXT NOT NULL,
  created_at       INTEGER NOT NULL,
  PRIMARY KEY (organization_id, version)
) STRICT, WITHOUT ROWID;

-- Rows are long here: kept in the order of their ids, few would fit a page at any level of
-- the tree, and it would be deep. So ids have an index of their own. The ciphertext comes
-- last, so that reading metadata never follows it into the pages that a long one spills
-- over to.
CREATE TABLE credentials (
  id                BLOB NOT NULL UNIQUE,
  organization_id   BLOB NOT NULL REFERENCES organizations (id),
  user_id           BLOB,
  name              TEXT NOT NULL,
  provider          TEXT NOT NULL,
  type              TEXT NOT NULL,
  status            TEXT NOT NULL,
  modified_by       BLOB NOT NULL,
  version           INTEGER NOT NULL CHECK (version >= 1),
  google_email      TEXT,
  expires_at        INTEGER,
  scopes            TEXT,
  created_at        INTEGER NOT NULL,
  updated_at        INTEGER NOT NULL,
  last_used_at      INTEGER,
  last_checked_at   INTEGER,
  last_check        TEXT,
  last_refreshed_at INTEGER,
  refresh_error     TEXT,
  deleted_at        INTEGER,
  sealed            BLOB NOT NULL
) STRICT;

CREATE INDEX credentials_live ON credentials (organization_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX credentials_live_by_provider ON credentials (organization_id, provider, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX credentials_live_by_user ON credentials (organization_id, user_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX credentials_deleted ON credentials (organization_id, created_at, id) WHERE deleted_at IS NOT NULL;

CREATE TABLE service_accounts (
  id              BLOB NOT NULL PRIMARY KEY,
  organization_id BLOB REFERENCES organizations (id),
  name            TEXT NOT NULL,
  description     TEXT,
  status          TEXT NOT NULL,
  grants          TEXT,
  modified_by     BLOB NOT NULL,
  created_at      INTEGER NOT NULL,
  updated_at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX service_accounts_organization ON service_accounts (organization_id, created_at, id);
CREATE UNIQUE INDEX service_accounts_name ON service_accounts (organization_id, name) WHERE organization_id IS NOT NULL;
CREATE UNIQUE INDEX service_accounts_system_name ON service_accounts (name) WHERE organization_id IS NULL;

-- Every request looks a key up by its hash.
CREATE TABLE api_keys (
  hash               BLOB NOT NULL PRIMARY KEY,
  id                 BLOB NOT NULL UNIQUE,
  service_account_id BLOB NOT NULL REFERENCES service_accounts (id) ON DELETE CASCADE,
  organization_id    BLOB REFERENCES organizations (id),
  user_id            BLOB,
  name               TEXT NOT NULL,
  description        TEXT,
  token_prefix       TEXT NOT NULL,
  modified_by        BLOB NOT NULL,
  created_at         INTEGER NOT NULL,
  updated_at         INTEGER NOT NULL,
  expires_at         INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX api_keys_account ON api_keys (service_account_id, created_at, id);

CREATE TABLE signing_keys (
  id              BLOB NOT NULL PRIMARY KEY,
  public          BLOB NOT NULL,
  wrapped_private BLOB NOT NULL,
  created_at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Events of no organization carry the nil UUID. Rows never go, so that the next rowid
-- is a new cursor without AUTOINCREMENT, which would cost a page a commit. The index
-- on the organization holds the cursor too, as every index holds the rowid.
CREATE TABLE audit_events (
  cursor          INTEGER PRIMARY KEY,
  chain           BLOB NOT NULL,
  sequence        INTEGER NOT NULL CHECK (sequence >= 1),
  at              INTEGER NOT NULL,
  organization_id BLOB NOT NULL,
  hash            BLOB NOT NULL,
  body            TEXT NOT NULL,
  UNIQUE (chain, sequence)
) STRICT;

CREATE INDEX audit_events_organization ON audit_events (organization_id);

CREATE TRIGGER audit_events_never_change BEFORE UPDATE ON audit_events
BEGIN
  SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TRIGGER audit_events_never_go BEFORE DELETE ON audit_events
BEGIN
  SELECT RAISE(ABORT, 'the audit log is append-only');
END;

-- checkpointed says that a checkpoint names the head as it is now.
CREATE TABLE audit_heads (
  chain        BLOB NOT NULL PRIMARY KEY,
  sequence     INTEGER NOT NULL,
  hash         BLOB NOT NULL,
  key_id       BLOB NOT NULL,
  signature    BLOB NOT NULL,
  updated_at   INTEGER NOT NULL,
  checkpointed INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_checkpoints (
  sequence   INTEGER PRIMARY KEY CHECK (sequence >= 1),
  body       BLOB NOT NULL,
  key_id     BLOB NOT NULL,
  signature  BLOB NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

-- What Ready writes to, to see whether it can.
CREATE TABLE readiness (
  singleton INTEGER PRIMARY KEY CHECK (singleton = 1),
  tick      INTEGER NOT NULL,
  filler    BLOB
) STRICT;

INSERT INTO readiness (singleton, tick) VALUES (1, 0);
