-- Tests and rotations are about credentials, so what is due and how it stands lives on
-- their rows. The table is made anew, as before, so that the ciphertext stays last.
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
  health_state      TEXT NOT NULL DEFAULT '',
  check_at          INTEGER,
  check_failures    INTEGER NOT NULL DEFAULT 0,
  check_refusals    INTEGER NOT NULL DEFAULT 0,
  known_host        TEXT NOT NULL DEFAULT '',
  -- Until when a due test is somebody's to make.
  check_claimed_until INTEGER,
  -- The policy, in microseconds.
  rotate_age        INTEGER NOT NULL DEFAULT 0,
  rotate_grace      INTEGER NOT NULL DEFAULT 0,
  rotate_at         INTEGER,
  rotated_at        INTEGER,
  rotation_doubt    INTEGER NOT NULL DEFAULT 0,
  -- Until when a due rotation is somebody's to begin.
  rotate_claimed_until INTEGER,
  sealed            BLOB NOT NULL
) STRICT;

-- What was stored before it could be tested is due within six hours, evenly spread: steps
-- of the golden section leave no gap, however many rows there are. Deleted ones are too,
-- for when they are restored. Whether there is a test for a credential is found out by
-- whoever claims it.
INSERT INTO credentials_new (id, organization_id, user_id, name, provider, type, status, modified_by, version,
    account_email, expires_at, scopes, created_at, updated_at, last_used_at, last_checked_at, last_check,
    last_refreshed_at, refresh_error, deleted_at, stale_at, renew_at, renew_failures, status_since, status_reason,
    oauth_client_id, renew_fence, leased_until, claimed_until, check_at, sealed)
  SELECT id, organization_id, user_id, name, provider, type, status, modified_by, version,
    account_email, expires_at, scopes, created_at, updated_at, last_used_at, last_checked_at, last_check,
    last_refreshed_at, refresh_error, deleted_at, stale_at, renew_at, renew_failures, status_since, status_reason,
    oauth_client_id, renew_fence, leased_until, claimed_until, (unixepoch() + rowid * 13349 % 21600) * 1000000, sealed
  FROM credentials ORDER BY rowid;

DROP TABLE credentials;
ALTER TABLE credentials_new RENAME TO credentials;

CREATE INDEX credentials_live ON credentials (organization_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX credentials_live_by_provider ON credentials (organization_id, provider, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX credentials_live_by_user ON credentials (organization_id, user_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX credentials_deleted ON credentials (organization_id, created_at, id) WHERE deleted_at IS NOT NULL;
CREATE INDEX credentials_renewal_due ON credentials (provider, renew_at) WHERE renew_at IS NOT NULL AND deleted_at IS NULL;
-- The provider is in it so that those which a claim leaves out cost no look at their rows.
CREATE INDEX credentials_check_due ON credentials (check_at, provider) WHERE check_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX credentials_rotation_due ON credentials (rotate_at) WHERE rotate_at IS NOT NULL AND deleted_at IS NULL;
-- All that counting needs, so that it reads no rows; SQLite looks for deleted_at too.
CREATE INDEX credentials_health ON credentials (provider, status, health_state, deleted_at) WHERE deleted_at IS NULL;

-- What tests of credentials have found: a few a credential, in the order in which they
-- were written. Rows are long here too, so the key is an index of its own.
CREATE TABLE credential_checks (
  organization_id BLOB NOT NULL REFERENCES organizations (id),
  credential_id   BLOB NOT NULL,
  sequence        INTEGER NOT NULL CHECK (sequence >= 1),
  at              INTEGER NOT NULL,
  body            TEXT NOT NULL,
  UNIQUE (credential_id, sequence)
) STRICT;

-- A rotation holds its new secret as long as it is under way, and not after.
CREATE TABLE rotations (
  id               BLOB NOT NULL UNIQUE,
  organization_id  BLOB NOT NULL REFERENCES organizations (id),
  credential_id    BLOB NOT NULL,
  method           TEXT NOT NULL,
  trigger          TEXT NOT NULL,
  state            TEXT NOT NULL,
  began_by         BLOB NOT NULL,
  began_at         INTEGER NOT NULL,
  updated_at       INTEGER NOT NULL,
  ended_at         INTEGER,
  from_version     INTEGER NOT NULL,
  promoted_version INTEGER NOT NULL,
  attempts         INTEGER NOT NULL,
  next_at          INTEGER,
  code             TEXT NOT NULL,
  message          TEXT NOT NULL,
  fence            INTEGER NOT NULL,
  leased_until     INTEGER,
  -- Until when a due step is somebody's to take; it stays due meanwhile.
  claimed_until    INTEGER,
  sealed           BLOB,
  CHECK ((ended_at IS NULL) = (sealed IS NOT NULL))
) STRICT;

CREATE UNIQUE INDEX rotations_active ON rotations (credential_id) WHERE ended_at IS NULL;
CREATE INDEX rotations_due ON rotations (next_at) WHERE ended_at IS NULL AND next_at IS NOT NULL;
CREATE INDEX rotations_organization ON rotations (organization_id, id);
CREATE INDEX rotations_credential ON rotations (organization_id, credential_id, id);
