-- Renewal of OAuth tokens lives on the credentials it is about. The table is made anew, so
-- that the ciphertext stays last: columns behind it would have to be looked for in the
-- pages that a long one spills over to.
CREATE TABLE credentials_new (
  id                BLOB NOT NULL UNIQUE,
  organization_id   BLOB NOT NULL REFERENCES organizations (id),
  user_id           BLOB,
  name              TEXT NOT NULL,
  provider          TEXT NOT NULL,
  type              TEXT NOT NULL,
  status            TEXT NOT NULL,
  modified_by       BLOB NOT NULL,
  version           INTEGER NOT NULL CHECK (version >= 1),
  account_email     TEXT,
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
  stale_at          INTEGER,
  renew_at          INTEGER,
  renew_failures    INTEGER NOT NULL DEFAULT 0,
  status_since      INTEGER,
  status_reason     TEXT NOT NULL DEFAULT '',
  oauth_client_id   TEXT NOT NULL DEFAULT '',
  -- The lease on a renewal: its fence counts attempts, and leased_until is set as long as
  -- one has begun and not ended.
  renew_fence       INTEGER NOT NULL DEFAULT 0,
  leased_until      INTEGER,
  -- Until when a due renewal is somebody's to make; it stays due meanwhile.
  claimed_until     INTEGER,
  sealed            BLOB NOT NULL
) STRICT;

INSERT INTO credentials_new (id, organization_id, user_id, name, provider, type, status, modified_by, version,
    account_email, expires_at, scopes, created_at, updated_at, last_used_at, last_checked_at, last_check,
    last_refreshed_at, refresh_error, deleted_at, sealed)
  SELECT id, organization_id, user_id, name, provider, type, status, modified_by, version,
    google_email, expires_at, scopes, created_at, updated_at, last_used_at, last_checked_at, last_check,
    last_refreshed_at, refresh_error, deleted_at, sealed
  FROM credentials ORDER BY rowid;

DROP TABLE credentials;
ALTER TABLE credentials_new RENAME TO credentials;

CREATE INDEX credentials_live ON credentials (organization_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX credentials_live_by_provider ON credentials (organization_id, provider, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX credentials_live_by_user ON credentials (organization_id, user_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX credentials_deleted ON credentials (organization_id, created_at, id) WHERE deleted_at IS NOT NULL;
CREATE INDEX credentials_renewal_due ON credentials (provider, renew_at) WHERE renew_at IS NOT NULL AND deleted_at IS NULL;

-- Tokens that were stored before they could be renewed: when one that expires is due, it
-- is looked at, and what can be renewed is.
UPDATE credentials SET stale_at = expires_at, renew_at = expires_at WHERE expires_at IS NOT NULL;

-- An organization's own OAuth clients.
CREATE TABLE oauth_clients (
  organization_id BLOB NOT NULL REFERENCES organizations (id),
  provider        TEXT NOT NULL,
  id              BLOB NOT NULL UNIQUE,
  client_id       TEXT NOT NULL,
  version         INTEGER NOT NULL CHECK (version >= 1),
  modified_by     BLOB NOT NULL,
  created_at      INTEGER NOT NULL,
  updated_at      INTEGER NOT NULL,
  sealed          BLOB NOT NULL,
  PRIMARY KEY (organization_id, provider)
) STRICT, WITHOUT ROWID;

-- Connections under way, by the hash of their state.
CREATE TABLE oauth_flows (
  state_hash      BLOB NOT NULL PRIMARY KEY,
  id              BLOB NOT NULL UNIQUE,
  organization_id BLOB NOT NULL REFERENCES organizations (id),
  user_id         BLOB NOT NULL,
  role            TEXT NOT NULL,
  provider        TEXT NOT NULL,
  type            TEXT NOT NULL,
  name            TEXT NOT NULL,
  credential_id   BLOB,
  client_id       TEXT NOT NULL,
  redirect_to     TEXT NOT NULL,
  callback_path   TEXT NOT NULL,
  scopes          TEXT,
  browser_hash    BLOB NOT NULL,
  created_at      INTEGER NOT NULL,
  expires_at      INTEGER NOT NULL,
  used_at         INTEGER,
  code_hash       BLOB,
  outcome         TEXT,
  sealed          BLOB NOT NULL
) STRICT;

CREATE INDEX oauth_flows_expiry ON oauth_flows (expires_at);
CREATE INDEX oauth_flows_user ON oauth_flows (organization_id, user_id, expires_at);
