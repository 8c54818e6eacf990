-- Keys are replaced, and organizations erased; a secrets read's look-up is made cheaper. What the server's role may not do to tables
-- (it deletes no credential and changes no key) goes through functions, each for one purpose.
-- Servers of the version before are held by the triggers as well: they know nothing of
-- erased organizations and replaced root keys.

ALTER TABLE strongroom.organizations ADD COLUMN erased_at timestamptz;

-- Re-sealing goes through an organization's credentials, deleted ones too, in order of id.
CREATE INDEX credentials_organization ON strongroom.credentials (organization_id, id);

-- Which root key wrapped a signing key, as with the organizations' keys; and from when on
-- it was to sign nothing more.
ALTER TABLE strongroom.signing_keys ADD COLUMN root_fingerprint text NOT NULL DEFAULT '', ADD COLUMN retired_at timestamptz;
UPDATE strongroom.signing_keys SET root_fingerprint = coalesce((SELECT i.root_fingerprint FROM strongroom.installation i), '');

-- A process that was started before the root key was replaced must add nothing that only
-- the old one opens. The installation's row is held until the key is committed, so that a
-- replacement sees it. A server of the version before does not say which root key it has:
-- it makes a signing key only where there is none, so that it can only be the first.
CREATE FUNCTION strongroom.check_root() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  known text;
BEGIN
  SELECT i.root_fingerprint INTO known FROM strongroom.installation i FOR SHARE;
  IF TG_TABLE_NAME = 'signing_keys' AND NEW.root_fingerprint = '' THEN
    NEW.root_fingerprint := coalesce(known, '');
  END IF;
  IF known <> NEW.root_fingerprint THEN
    RAISE EXCEPTION 'wrapped by another root key' USING ERRCODE = 'SR001';
  END IF;
  RETURN NEW;
END
$$;

CREATE TRIGGER organization_keys_root BEFORE INSERT ON strongroom.organization_keys
  FOR EACH ROW EXECUTE FUNCTION strongroom.check_root();
CREATE TRIGGER signing_keys_root BEFORE INSERT ON strongroom.signing_keys
  FOR EACH ROW EXECUTE FUNCTION strongroom.check_root();

-- Nothing is made for an organization that was erased. Its row is held as the foreign key
-- holds it, so that an erasure waits for what is being made, and sees it.
CREATE FUNCTION strongroom.check_erased() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  erased timestamptz;
  of_organization uuid;
BEGIN
  IF TG_TABLE_NAME = 'organizations' THEN
    of_organization := NEW.id;
  ELSE
    of_organization := NEW.organization_id;
  END IF;
  SELECT o.erased_at INTO erased FROM strongroom.organizations o WHERE o.id = of_organization FOR KEY SHARE;
  IF erased IS NOT NULL THEN
    RAISE EXCEPTION 'the organization was erased' USING ERRCODE = 'SR002';
  END IF;
  RETURN NEW;
END
$$;

CREATE TRIGGER erased BEFORE INSERT ON strongroom.organizations FOR EACH ROW EXECUTE FUNCTION strongroom.check_erased();
CREATE TRIGGER erased BEFORE INSERT ON strongroom.organization_keys FOR EACH ROW EXECUTE FUNCTION strongroom.check_erased();
CREATE TRIGGER erased BEFORE INSERT ON strongroom.credentials FOR EACH ROW EXECUTE FUNCTION strongroom.check_erased();
CREATE TRIGGER erased BEFORE INSERT ON strongroom.service_accounts FOR EACH ROW EXECUTE FUNCTION strongroom.check_erased();
CREATE TRIGGER erased BEFORE INSERT ON strongroom.oauth_clients FOR EACH ROW EXECUTE FUNCTION strongroom.check_erased();
CREATE TRIGGER erased BEFORE INSERT ON strongroom.oauth_flows FOR EACH ROW EXECUTE FUNCTION strongroom.check_erased();

-- All of the keys, or none: whoever calls this and has not given every key as it is gets an
-- error, and nothing of it is kept.
CREATE FUNCTION strongroom.move_root(from_root text, to_root text, organizations uuid[], versions bigint[], old_keys bytea[], new_keys bytea[],
  signing uuid[], old_signing bytea[], new_signing bytea[]) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  PERFORM FROM strongroom.installation i WHERE i.root_fingerprint = from_root FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the installation has another root key' USING ERRCODE = 'SR003';
  END IF;
  UPDATE strongroom.organization_keys k SET wrapped = g.new_key, root_fingerprint = to_root
    FROM ROWS FROM (unnest(organizations), unnest(versions), unnest(old_keys), unnest(new_keys)) AS g (organization_id, version, old_key, new_key)
    WHERE k.organization_id = g.organization_id AND k.version = g.version AND k.wrapped = g.old_key AND k.root_fingerprint = from_root;
  UPDATE strongroom.signing_keys k SET wrapped_private = g.new_key, root_fingerprint = to_root
    FROM ROWS FROM (unnest(signing), unnest(old_signing), unnest(new_signing)) AS g (id, old_key, new_key)
    WHERE k.id = g.id AND k.wrapped_private = g.old_key AND k.root_fingerprint = from_root;
  IF EXISTS (SELECT FROM strongroom.organization_keys k WHERE k.root_fingerprint <> to_root)
    OR EXISTS (SELECT FROM strongroom.signing_keys k WHERE k.root_fingerprint <> to_root) THEN
    RAISE EXCEPTION 'keys were added or changed meanwhile' USING ERRCODE = 'SR003';
  END IF;
  UPDATE strongroom.installation SET root_fingerprint = to_root;
END
$$;

CREATE FUNCTION strongroom.retire_signing_keys(but uuid, at timestamptz) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  retired bigint;
BEGIN
  UPDATE strongroom.signing_keys k SET retired_at = at WHERE k.id <> but AND k.retired_at IS NULL;
  GET DIAGNOSTICS retired = ROW_COUNT;
  RETURN retired;
END
$$;

-- The organization of the transaction, and no other. No row: there is none.
CREATE FUNCTION strongroom.erase_organization(at timestamptz)
RETURNS TABLE (keys bigint, credentials bigint, clients bigint, accounts bigint, api_keys bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  gone uuid := strongroom.current_organization();
  before timestamptz;
BEGIN
  SELECT o.erased_at INTO before FROM strongroom.organizations o WHERE o.id = gone FOR UPDATE;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  IF before IS NOT NULL THEN
    RAISE EXCEPTION 'the organization was erased' USING ERRCODE = 'SR002';
  END IF;
  UPDATE strongroom.organizations o SET erased_at = at WHERE o.id = gone;
  DELETE FROM strongroom.api_keys t WHERE t.organization_id = gone;
  GET DIAGNOSTICS api_keys = ROW_COUNT;
  DELETE FROM strongroom.service_accounts t WHERE t.organization_id = gone;
  GET DIAGNOSTICS accounts = ROW_COUNT;
  DELETE FROM strongroom.rotations t WHERE t.organization_id = gone;
  DELETE FROM strongroom.credential_checks t WHERE t.organization_id = gone
    AND t.credential_id IN (SELECT c.id FROM strongroom.credentials c WHERE c.organization_id = gone);
  DELETE FROM strongroom.credentials t WHERE t.organization_id = gone;
  GET DIAGNOSTICS credentials = ROW_COUNT;
  DELETE FROM strongroom.oauth_flows t WHERE t.organization_id = gone;
  DELETE FROM strongroom.oauth_clients t WHERE t.organization_id = gone;
  GET DIAGNOSTICS clients = ROW_COUNT;
  DELETE FROM strongroom.organization_keys t WHERE t.organization_id = gone;
  GET DIAGNOSTICS keys = ROW_COUNT;
  RETURN NEXT;
END
$$;

CREATE FUNCTION strongroom.all_organizations() RETURNS SETOF strongroom.organizations
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT o.* FROM strongroom.organizations o ORDER BY o.id
$$;

CREATE FUNCTION strongroom.all_organization_keys() RETURNS SETOF strongroom.organization_keys
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT k.* FROM strongroom.organization_keys k ORDER BY k.organization_id, k.version
$$;

-- Every table that holds what is sealed, by how a record begins: its form and the version of
-- the organization's key.
CREATE FUNCTION strongroom.count_sealed(of_organization uuid) RETURNS TABLE (organization_id uuid, kind text, header bytea, records bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT s.organization_id, s.kind, s.header, count(*) FROM (
    SELECT c.organization_id, 'credential' AS kind, substring(c.sealed FROM 1 FOR 9) AS header FROM strongroom.credentials c
    UNION ALL SELECT c.organization_id, 'oauth-client', substring(c.sealed FROM 1 FOR 9) FROM strongroom.oauth_clients c
    UNION ALL SELECT f.organization_id, 'oauth-flow', substring(f.sealed FROM 1 FOR 9) FROM strongroom.oauth_flows f
    UNION ALL SELECT r.organization_id, 'rotation', substring(r.sealed FROM 1 FOR 9) FROM strongroom.rotations r
  ) s
  WHERE s.header <> '' AND (of_organization IS NULL OR s.organization_id = of_organization)
  GROUP BY s.organization_id, s.kind, s.header ORDER BY s.organization_id, s.kind, s.header
$$;

-- What key_and_credential answers, as one record and not as some sixty columns: to read a text
-- that names them all takes the server longer than to look the rows up. Fields may be added at
-- the end alone. The other one is for servers of the version before.
CREATE FUNCTION strongroom.key_with_credential(of_hash bytea, of_credential uuid) RETURNS record LANGUAGE plpgsql AS $$
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
