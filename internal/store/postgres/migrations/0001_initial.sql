-- Everything lives in the schema strongroom, and every statement names it: a search path
-- would be session state, which a pooler between does not keep.
--
-- The owner of the tables migrates. The server runs as a role that owns nothing, and sees
-- of the tables with an organization only the rows of the one that it has set for its
-- transaction (strongroom.organization). The nil UUID stands for the operator, whose the
-- system accounts are. What is over all organizations by design goes through the functions
-- below, which run as the owner, and through nothing else.
--
-- Text is compared by its bytes (COLLATE "C"), as everywhere else in the service.

CREATE TABLE strongroom.installation (
  singleton        boolean PRIMARY KEY CHECK (singleton),
  id               uuid NOT NULL,
  root_fingerprint text NOT NULL,
  created_at       timestamptz NOT NULL
);

CREATE TABLE strongroom.organizations (
  id         uuid PRIMARY KEY,
  created_at timestamptz NOT NULL
);

CREATE TABLE strongroom.organization_keys (
  organization_id  uuid NOT NULL REFERENCES strongroom.organizations (id),
  version          bigint NOT NULL CHECK (version >= 1),
  wrapped          bytea NOT NULL,
  root_fingerprint text NOT NULL,
  created_at       timestamptz NOT NULL,
  PRIMARY KEY (organization_id, version)
);

-- Room is left on each page, so that noting a use or a claim stays on it and touches no
-- index.
CREATE TABLE strongroom.credentials (
  id                   uuid PRIMARY KEY,
  organization_id      uuid NOT NULL REFERENCES strongroom.organizations (id),
  user_id              uuid,
  name                 text COLLATE "C" NOT NULL,
  provider             text COLLATE "C" NOT NULL,
  type                 text COLLATE "C" NOT NULL,
  status               text COLLATE "C" NOT NULL,
  modified_by          uuid NOT NULL,
  version              bigint NOT NULL CHECK (version >= 1),
  account_email        text,
  expires_at           timestamptz,
  scopes               text,
  created_at           timestamptz NOT NULL,
  updated_at           timestamptz NOT NULL,
  last_used_at         timestamptz,
  last_checked_at      timestamptz,
  last_check           text,
  last_refreshed_at    timestamptz,
  refresh_error        text,
  deleted_at           timestamptz,
  stale_at             timestamptz,
  renew_at             timestamptz,
  renew_failures       bigint NOT NULL DEFAULT 0,
  status_since         timestamptz,
  status_reason        text NOT NULL DEFAULT '',
  oauth_client_id      text NOT NULL DEFAULT '',
  -- The lease on a renewal: its fence counts attempts, and leased_until is set as long as
  -- one has begun and not ended.
  renew_fence          bigint NOT NULL DEFAULT 0,
  leased_until         timestamptz,
  -- Until when a due renewal, test or rotation is somebody's to make; it stays due
  -- meanwhile.
  claimed_until        timestamptz,
  check_claimed_until  timestamptz,
  rotate_claimed_until timestamptz,
  health_state         text COLLATE "C" NOT NULL DEFAULT '',
  check_at             timestamptz,
  check_failures       bigint NOT NULL DEFAULT 0,
  check_refusals       bigint NOT NULL DEFAULT 0,
  known_host           text NOT NULL DEFAULT '',
  -- The policy, in microseconds.
  rotate_age           bigint NOT NULL DEFAULT 0,
  rotate_grace         bigint NOT NULL DEFAULT 0,
  rotate_at            timestamptz,
  rotated_at           timestamptz,
  rotation_doubt       boolean NOT NULL DEFAULT false,
  sealed               bytea NOT NULL
) WITH (fillfactor = 85);

-- Ciphertext does not get smaller.
ALTER TABLE strongroom.credentials ALTER COLUMN sealed SET STORAGE EXTERNAL;

CREATE INDEX credentials_live ON strongroom.credentials (organization_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX credentials_live_by_provider ON strongroom.credentials (organization_id, provider, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX credentials_live_by_user ON strongroom.credentials (organization_id, user_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX credentials_deleted ON strongroom.credentials (organization_id, created_at, id) WHERE deleted_at IS NOT NULL;
CREATE INDEX credentials_renewal_due ON strongroom.credentials (provider, renew_at) WHERE renew_at IS NOT NULL AND deleted_at IS NULL;
-- The provider is in it so that those which a claim leaves out cost no look at their rows.
CREATE INDEX credentials_check_due ON strongroom.credentials (check_at, provider) WHERE check_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX credentials_rotation_due ON strongroom.credentials (rotate_at) WHERE rotate_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX credentials_health ON strongroom.credentials (provider, status, health_state) WHERE deleted_at IS NULL;

-- What tests of credentials have found: a few a credential, in the order in which they
-- were written.
CREATE TABLE strongroom.credential_checks (
  organization_id uuid NOT NULL REFERENCES strongroom.organizations (id),
  credential_id   uuid NOT NULL,
  sequence        bigint NOT NULL CHECK (sequence >= 1),
  at              timestamptz NOT NULL,
  body            text NOT NULL,
  PRIMARY KEY (credential_id, sequence)
);

-- A rotation holds its new secret as long as it is under way, and not after.
CREATE TABLE strongroom.rotations (
  id               uuid PRIMARY KEY,
  organization_id  uuid NOT NULL REFERENCES strongroom.organizations (id),
  credential_id    uuid NOT NULL,
  method           text NOT NULL,
  trigger          text NOT NULL,
  state            text COLLATE "C" NOT NULL,
  began_by         uuid NOT NULL,
  began_at         timestamptz NOT NULL,
  updated_at       timestamptz NOT NULL,
  ended_at         timestamptz,
  from_version     bigint NOT NULL,
  promoted_version bigint NOT NULL,
  attempts         bigint NOT NULL,
  next_at          timestamptz,
  code             text NOT NULL,
  message          text NOT NULL,
  fence            bigint NOT NULL,
  leased_until     timestamptz,
  claimed_until    timestamptz,
  sealed           bytea,
  CHECK ((ended_at IS NULL) = (sealed IS NOT NULL))
);

CREATE UNIQUE INDEX rotations_active ON strongroom.rotations (credential_id) WHERE ended_at IS NULL;
CREATE INDEX rotations_due ON strongroom.rotations (next_at) WHERE ended_at IS NULL AND next_at IS NOT NULL;
CREATE INDEX rotations_organization ON strongroom.rotations (organization_id, id);
CREATE INDEX rotations_credential ON strongroom.rotations (organization_id, credential_id, id);

CREATE TABLE strongroom.service_accounts (
  id              uuid PRIMARY KEY,
  organization_id uuid REFERENCES strongroom.organizations (id),
  name            text COLLATE "C" NOT NULL,
  description     text,
  status          text NOT NULL,
  grants          text,
  modified_by     uuid NOT NULL,
  created_at      timestamptz NOT NULL,
  updated_at      timestamptz NOT NULL
);

CREATE INDEX service_accounts_organization ON strongroom.service_accounts (organization_id, created_at, id);
CREATE UNIQUE INDEX service_accounts_name ON strongroom.service_accounts (organization_id, name) WHERE organization_id IS NOT NULL;
CREATE UNIQUE INDEX service_accounts_system_name ON strongroom.service_accounts (name) WHERE organization_id IS NULL;

-- Every request looks a key up by its hash.
CREATE TABLE strongroom.api_keys (
  hash               bytea PRIMARY KEY,
  id                 uuid NOT NULL UNIQUE,
  service_account_id uuid NOT NULL REFERENCES strongroom.service_accounts (id) ON DELETE CASCADE,
  organization_id    uuid REFERENCES strongroom.organizations (id),
  user_id            uuid,
  name               text NOT NULL,
  description        text,
  token_prefix       text NOT NULL,
  modified_by        uuid NOT NULL,
  created_at         timestamptz NOT NULL,
  updated_at         timestamptz NOT NULL,
  expires_at         timestamptz
);

CREATE INDEX api_keys_account ON strongroom.api_keys (service_account_id, created_at, id);

-- An organization's own OAuth clients.
CREATE TABLE strongroom.oauth_clients (
  organization_id uuid NOT NULL REFERENCES strongroom.organizations (id),
  provider        text COLLATE "C" NOT NULL,
  id              uuid NOT NULL UNIQUE,
  client_id       text NOT NULL,
  version         bigint NOT NULL CHECK (version >= 1),
  modified_by     uuid NOT NULL,
  created_at      timestamptz NOT NULL,
  updated_at      timestamptz NOT NULL,
  sealed          bytea NOT NULL,
  PRIMARY KEY (organization_id, provider)
);

-- Connections under way, by the hash of their state.
CREATE TABLE strongroom.oauth_flows (
  state_hash      bytea PRIMARY KEY,
  id              uuid NOT NULL UNIQUE,
  organization_id uuid NOT NULL REFERENCES strongroom.organizations (id),
  user_id         uuid NOT NULL,
  role            text NOT NULL,
  provider        text NOT NULL,
  type            text NOT NULL,
  name            text NOT NULL,
  credential_id   uuid,
  client_id       text NOT NULL,
  redirect_to     text NOT NULL,
  callback_path   text NOT NULL,
  scopes          text,
  browser_hash    bytea NOT NULL,
  created_at      timestamptz NOT NULL,
  expires_at      timestamptz NOT NULL,
  used_at         timestamptz,
  code_hash       bytea,
  outcome         text,
  sealed          bytea NOT NULL
);

CREATE INDEX oauth_flows_expiry ON strongroom.oauth_flows (expires_at);
CREATE INDEX oauth_flows_user ON strongroom.oauth_flows (organization_id, user_id, expires_at);

CREATE TABLE strongroom.signing_keys (
  id              uuid PRIMARY KEY,
  public          bytea NOT NULL,
  wrapped_private bytea NOT NULL,
  created_at      timestamptz NOT NULL
);

-- Events of no organization carry the nil UUID. The body is what was hashed, byte for
-- byte; what lists are filtered by stands beside it, because PostgreSQL cannot look into
-- JSON that holds an escaped zero byte.
CREATE TABLE strongroom.audit_events (
  cursor          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  chain           uuid NOT NULL,
  sequence        bigint NOT NULL CHECK (sequence >= 1),
  at              timestamptz NOT NULL,
  organization_id uuid NOT NULL,
  hash            bytea NOT NULL,
  body            text NOT NULL,
  action          text NOT NULL,
  outcome         text NOT NULL,
  credential_id   uuid,
  principal_id    uuid,
  UNIQUE (chain, sequence)
);

CREATE INDEX audit_events_organization ON strongroom.audit_events (organization_id, cursor);

CREATE FUNCTION strongroom.refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  RAISE EXCEPTION 'the audit log is append-only';
END
$$;

CREATE TRIGGER audit_events_never_change BEFORE UPDATE OR DELETE ON strongroom.audit_events
  FOR EACH ROW EXECUTE FUNCTION strongroom.refuse_change();
CREATE TRIGGER audit_events_never_go BEFORE TRUNCATE ON strongroom.audit_events
  FOR EACH STATEMENT EXECUTE FUNCTION strongroom.refuse_change();

-- checkpointed says that a checkpoint names the head as it is now. Every commit moves a
-- head, so there is room for it to stay on its page.
CREATE TABLE strongroom.audit_heads (
  chain        uuid PRIMARY KEY,
  sequence     bigint NOT NULL,
  hash         bytea NOT NULL,
  key_id       uuid NOT NULL,
  signature    bytea NOT NULL,
  updated_at   timestamptz NOT NULL,
  checkpointed boolean NOT NULL DEFAULT false
) WITH (fillfactor = 50);

CREATE TABLE strongroom.audit_checkpoints (
  sequence   bigint PRIMARY KEY CHECK (sequence >= 1),
  body       bytea NOT NULL,
  key_id     uuid NOT NULL,
  signature  bytea NOT NULL,
  created_at timestamptz NOT NULL
);

-- What Ready writes to, to see whether it can.
CREATE TABLE strongroom.readiness (
  singleton boolean PRIMARY KEY CHECK (singleton),
  tick      bigint NOT NULL
) WITH (fillfactor = 10);

INSERT INTO strongroom.readiness (singleton, tick) VALUES (true, 0);

-- Row-level security.

CREATE FUNCTION strongroom.current_organization() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT nullif(pg_catalog.current_setting('strongroom.organization', true), '')::pg_catalog.uuid
$$;

ALTER TABLE strongroom.organizations ENABLE ROW LEVEL SECURITY;
ALTER TABLE strongroom.organization_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE strongroom.credentials ENABLE ROW LEVEL SECURITY;
ALTER TABLE strongroom.credential_checks ENABLE ROW LEVEL SECURITY;
ALTER TABLE strongroom.rotations ENABLE ROW LEVEL SECURITY;
ALTER TABLE strongroom.service_accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE strongroom.api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE strongroom.oauth_clients ENABLE ROW LEVEL SECURITY;
ALTER TABLE strongroom.oauth_flows ENABLE ROW LEVEL SECURITY;
ALTER TABLE strongroom.audit_events ENABLE ROW LEVEL SECURITY;

CREATE POLICY own ON strongroom.organizations USING (id = strongroom.current_organization());
CREATE POLICY own ON strongroom.organization_keys USING (organization_id = strongroom.current_organization());
CREATE POLICY own ON strongroom.credentials USING (organization_id = strongroom.current_organization());
CREATE POLICY own ON strongroom.credential_checks USING (organization_id = strongroom.current_organization());
CREATE POLICY own ON strongroom.rotations USING (organization_id = strongroom.current_organization());
CREATE POLICY own ON strongroom.oauth_clients USING (organization_id = strongroom.current_organization());
CREATE POLICY own ON strongroom.oauth_flows USING (organization_id = strongroom.current_organization());

-- An organization sees its own accounts and the system ones, and changes its own alone.
CREATE POLICY own ON strongroom.service_accounts
  USING (coalesce(organization_id, '00000000-0000-0000-0000-000000000000') = strongroom.current_organization());
CREATE POLICY system ON strongroom.service_accounts FOR SELECT
  USING (organization_id IS NULL AND strongroom.current_organization() IS NOT NULL);
CREATE POLICY own ON strongroom.api_keys
  USING (coalesce(organization_id, '00000000-0000-0000-0000-000000000000') = strongroom.current_organization());
CREATE POLICY system ON strongroom.api_keys FOR SELECT
  USING (organization_id IS NULL AND strongroom.current_organization() IS NOT NULL);

-- One commit of the audit log holds events of many organizations.
CREATE POLICY own ON strongroom.audit_events FOR SELECT USING (organization_id = strongroom.current_organization());
CREATE POLICY everybody ON strongroom.audit_events FOR INSERT WITH CHECK (true);

-- What leads into an organization: whoever has a key, a credential's id (the operator's
-- command line) or a flow's state sets the organization that it belongs to, for the
-- statements that follow in the same transaction. Where there is none, none is set.

CREATE FUNCTION strongroom.enter_key(of_hash bytea) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  PERFORM pg_catalog.set_config('strongroom.organization', coalesce(
    (SELECT coalesce(k.organization_id, '00000000-0000-0000-0000-000000000000')::text FROM strongroom.api_keys k WHERE k.hash = of_hash), ''), true);
END
$$;

CREATE FUNCTION strongroom.enter_credential(of_id uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  PERFORM pg_catalog.set_config('strongroom.organization', coalesce(
    (SELECT c.organization_id::text FROM strongroom.credentials c WHERE c.id = of_id), ''), true);
END
$$;

CREATE FUNCTION strongroom.enter_flow(of_state bytea) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  PERFORM pg_catalog.set_config('strongroom.organization', coalesce(
    (SELECT f.organization_id::text FROM strongroom.oauth_flows f WHERE f.state_hash = of_state), ''), true);
END
$$;

-- The two round trips of a secrets read. They run as whoever calls them, with row-level
-- security, and are functions because the server then plans them once a connection: the
-- statements that the client sends are planned every time.

-- Its answer is one record, and not as many columns: to read a text that names them all takes
-- the server longer than to look the rows up. Fields may be added at the end alone.
CREATE FUNCTION strongroom.key_and_credential(of_hash bytea, of_credential uuid) RETURNS record LANGUAGE plpgsql AS $$
DECLARE
  answer record;
BEGIN
  PERFORM strongroom.enter_key(of_hash);
  SELECT k.hash, k.id, k.service_account_id, k.organization_id, k.user_id, k.name, k.description, k.token_prefix,
      k.modified_by, k.created_at, k.updated_at, k.expires_at,
      a.id, a.organization_id, a.name, a.description, a.status, a.grants, a.modified_by, a.created_at, a.updated_at,
      c.id, c.organization_id, c.user_id, c.name, c.provider, c.type, c.status, c.modified_by, c.version,
      c.account_email, c.expires_at, c.scopes, c.created_at, c.updated_at, c.last_used_at, c.last_checked_at, c.last_check,
      c.last_refreshed_at, c.refresh_error, c.deleted_at, c.stale_at, c.renew_at, c.renew_failures, c.status_since, c.status_reason,
      c.oauth_client_id, c.health_state, c.check_at, c.check_failures, c.check_refusals, c.known_host, c.rotate_age, c.rotate_grace,
      c.rotate_at, c.rotated_at, c.rotation_doubt, c.sealed
    INTO answer
    FROM strongroom.api_keys k
    JOIN strongroom.service_accounts a ON a.id = k.service_account_id
      AND a.organization_id IS NOT DISTINCT FROM k.organization_id
    LEFT JOIN strongroom.credentials c ON c.id = of_credential
      AND c.organization_id = a.organization_id AND c.deleted_at IS NULL
    WHERE k.hash = of_hash;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  RETURN answer;
END
$$;

CREATE FUNCTION strongroom.append_events(chains uuid[], sequences bigint[], times timestamptz[], organizations uuid[], hashes bytea[],
  bodies text[], actions text[], outcomes text[], credentials uuid[], principals uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO strongroom.audit_events
      (chain, sequence, at, organization_id, hash, body, action, outcome, credential_id, principal_id)
    SELECT r.chain, r.sequence, r.at, r.organization_id, r.hash, r.body, r.action, r.outcome, r.credential_id, r.principal_id
    FROM unnest(chains, sequences, times, organizations, hashes, bodies, actions, outcomes, credentials, principals) WITH ORDINALITY
      AS r (chain, sequence, at, organization_id, hash, body, action, outcome, credential_id, principal_id, place)
    ORDER BY r.place;
END
$$;

CREATE FUNCTION strongroom.move_head(of_chain uuid, to_sequence bigint, to_hash bytea, by_key uuid, signed bytea, moved timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO strongroom.audit_heads AS head (chain, sequence, hash, key_id, signature, updated_at)
    VALUES (of_chain, to_sequence, to_hash, by_key, signed, moved)
    ON CONFLICT ON CONSTRAINT audit_heads_pkey DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash, key_id = excluded.key_id,
      signature = excluded.signature, updated_at = excluded.updated_at, checkpointed = false;
END
$$;

-- What is over all organizations.

-- A row that somebody has locked is left as it is: the next use will be noted, and nobody
-- waits for such a note, or deadlocks over two of them.
CREATE FUNCTION strongroom.touch_credentials(organizations uuid[], ids uuid[], times timestamptz[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  UPDATE strongroom.credentials c SET last_used_at = free.used_at
  FROM (
    SELECT t.id, u.used_at FROM ROWS FROM (unnest(organizations), unnest(ids), unnest(times)) AS u (organization_id, id, used_at)
    JOIN strongroom.credentials t ON t.id = u.id AND t.organization_id = u.organization_id
    WHERE t.last_used_at IS NULL OR t.last_used_at < u.used_at
    FOR NO KEY UPDATE OF t SKIP LOCKED
  ) free
  WHERE c.id = free.id;
END
$$;

CREATE FUNCTION strongroom.claim_renewals(due_at timestamptz, claimed timestamptz, of_provider text, most bigint)
RETURNS TABLE (organization_id uuid, id uuid, provider text) LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
  WITH due AS MATERIALIZED (
    SELECT c.id, c.renew_at FROM strongroom.credentials c
    WHERE c.provider = of_provider AND c.renew_at <= due_at AND c.deleted_at IS NULL
      AND (c.claimed_until IS NULL OR c.claimed_until <= due_at)
    ORDER BY c.renew_at LIMIT most FOR NO KEY UPDATE SKIP LOCKED
  ), taken AS (
    UPDATE strongroom.credentials c SET claimed_until = claimed FROM due WHERE c.id = due.id
    RETURNING c.organization_id, c.id, c.provider, due.renew_at
  )
  SELECT taken.organization_id, taken.id, taken.provider FROM taken ORDER BY taken.renew_at
$$;

CREATE FUNCTION strongroom.claim_checks(due_at timestamptz, claimed timestamptz, most bigint, but text[])
RETURNS TABLE (organization_id uuid, id uuid, provider text) LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
  WITH due AS MATERIALIZED (
    SELECT c.id, c.check_at FROM strongroom.credentials c
    WHERE c.check_at <= due_at AND c.deleted_at IS NULL AND c.provider <> ALL (but)
      AND (c.check_claimed_until IS NULL OR c.check_claimed_until <= due_at)
    ORDER BY c.check_at LIMIT most FOR NO KEY UPDATE SKIP LOCKED
  ), taken AS (
    UPDATE strongroom.credentials c SET check_claimed_until = claimed FROM due WHERE c.id = due.id
    RETURNING c.organization_id, c.id, c.provider, due.check_at
  )
  SELECT taken.organization_id, taken.id, taken.provider FROM taken ORDER BY taken.check_at
$$;

CREATE FUNCTION strongroom.claim_rotation_starts(due_at timestamptz, claimed timestamptz, most bigint)
RETURNS TABLE (organization_id uuid, id uuid, provider text) LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
  WITH due AS MATERIALIZED (
    SELECT c.id, c.rotate_at FROM strongroom.credentials c
    WHERE c.rotate_at <= due_at AND c.deleted_at IS NULL
      AND (c.rotate_claimed_until IS NULL OR c.rotate_claimed_until <= due_at)
      AND NOT EXISTS (SELECT FROM strongroom.rotations r WHERE r.credential_id = c.id AND r.ended_at IS NULL)
    ORDER BY c.rotate_at LIMIT most FOR NO KEY UPDATE SKIP LOCKED
  ), taken AS (
    UPDATE strongroom.credentials c SET rotate_claimed_until = claimed FROM due WHERE c.id = due.id
    RETURNING c.organization_id, c.id, c.provider, due.rotate_at
  )
  SELECT taken.organization_id, taken.id, taken.provider FROM taken ORDER BY taken.rotate_at
$$;

CREATE FUNCTION strongroom.claim_rotations(due_at timestamptz, claimed timestamptz, most bigint)
RETURNS TABLE (organization_id uuid, credential_id uuid, id uuid) LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
  WITH due AS MATERIALIZED (
    SELECT r.id, r.next_at FROM strongroom.rotations r
    WHERE r.next_at <= due_at AND r.ended_at IS NULL AND (r.claimed_until IS NULL OR r.claimed_until <= due_at)
      AND (r.leased_until IS NULL OR r.leased_until <= due_at)
      AND EXISTS (SELECT FROM strongroom.credentials c
        WHERE c.id = r.credential_id AND c.organization_id = r.organization_id AND c.deleted_at IS NULL)
    ORDER BY r.next_at LIMIT most FOR NO KEY UPDATE OF r SKIP LOCKED
  ), taken AS (
    UPDATE strongroom.rotations r SET claimed_until = claimed FROM due WHERE r.id = due.id
    RETURNING r.organization_id, r.credential_id, r.id, due.next_at
  )
  SELECT taken.organization_id, taken.credential_id, taken.id FROM taken ORDER BY taken.next_at
$$;

CREATE FUNCTION strongroom.forget_flows(before timestamptz, most bigint) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
  DELETE FROM strongroom.oauth_flows WHERE state_hash IN (
    SELECT f.state_hash FROM strongroom.oauth_flows f WHERE f.expires_at < before
    ORDER BY f.expires_at LIMIT most FOR UPDATE SKIP LOCKED)
$$;

CREATE FUNCTION strongroom.count_health() RETURNS TABLE (provider text, status text, health_state text, live bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT c.provider, c.status, c.health_state, count(*) FROM strongroom.credentials c WHERE c.deleted_at IS NULL
  GROUP BY c.provider, c.status, c.health_state ORDER BY c.provider, c.status, c.health_state
$$;

CREATE FUNCTION strongroom.all_rotations(of_credential uuid, of_state text, most bigint, skipped bigint)
RETURNS SETOF strongroom.rotations LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT r.* FROM strongroom.rotations r
  WHERE (of_credential IS NULL OR r.credential_id = of_credential) AND (of_state IS NULL OR r.state = of_state)
  ORDER BY r.id DESC LIMIT most OFFSET skipped
$$;

CREATE FUNCTION strongroom.all_chains() RETURNS TABLE (chain uuid) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT h.chain FROM strongroom.audit_heads h UNION SELECT DISTINCT e.chain FROM strongroom.audit_events e ORDER BY chain
$$;

CREATE FUNCTION strongroom.chain_events(of_chain uuid, from_sequence bigint, most bigint)
RETURNS SETOF strongroom.audit_events LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT e.* FROM strongroom.audit_events e WHERE e.chain = of_chain AND e.sequence >= from_sequence ORDER BY e.sequence LIMIT most
$$;

CREATE FUNCTION strongroom.all_events(after bigint, most bigint)
RETURNS SETOF strongroom.audit_events LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT e.* FROM strongroom.audit_events e WHERE e.cursor > after ORDER BY e.cursor LIMIT most
$$;
