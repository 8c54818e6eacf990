-- What a secrets read costs the server is mostly making queries ready and fetching pages that
-- no processor's cache has. So: a key is looked up once and not twice, where its organization
-- is entered, and a row that was locked is updated where it lies.

-- enter_key, which returns the key and its account as well: who holds a key is looked up by it
-- alone, before there is an organization that row-level security could hold anybody to. An
-- account of another organization than the key's is none of its.
CREATE FUNCTION strongroom.enter_holder(of_hash bytea) RETURNS record LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  holder record;
  entered text;
BEGIN
  SELECT k, a INTO holder
    FROM strongroom.api_keys k
    JOIN strongroom.service_accounts a ON a.id = k.service_account_id
      AND a.organization_id IS NOT DISTINCT FROM k.organization_id
    WHERE k.hash = of_hash;
  IF NOT FOUND THEN
    entered := pg_catalog.set_config('strongroom.organization', '', true);
    RETURN NULL;
  END IF;
  entered := pg_catalog.set_config('strongroom.organization',
    coalesce((holder.a).organization_id, '00000000-0000-0000-0000-000000000000')::text, true);
  RETURN holder;
END
$$;

-- The credential is looked up by whoever calls, with row-level security.
CREATE OR REPLACE FUNCTION strongroom.key_account_credential(of_hash bytea, of_credential uuid) RETURNS record LANGUAGE plpgsql AS $$
DECLARE
  holder record;
  kept record;
BEGIN
  holder := strongroom.enter_holder(of_hash);
  IF holder IS NULL THEN
    RETURN NULL;
  END IF;
  SELECT c INTO kept FROM strongroom.credentials c
    WHERE c.id = of_credential AND c.organization_id = (holder.a).organization_id AND c.deleted_at IS NULL;
  RETURN ROW(holder.k, holder.a, kept.c);
END
$$;

-- The row is locked, so that its place is its own until the end of the transaction: to search
-- for it by its id again would find the same.
CREATE OR REPLACE FUNCTION strongroom.touch_credentials(organizations uuid[], ids uuid[], times timestamptz[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  place tid;
BEGIN
  FOR i IN 1 .. cardinality(ids) LOOP
    SELECT c.ctid INTO place FROM strongroom.credentials c
      WHERE c.id = ids[i] AND c.organization_id = organizations[i] AND (c.last_used_at IS NULL OR c.last_used_at < times[i])
      FOR NO KEY UPDATE SKIP LOCKED;
    IF FOUND THEN
      UPDATE strongroom.credentials c SET last_used_at = times[i]
        WHERE c.ctid = place AND c.id = ids[i] AND c.organization_id = organizations[i];
    END IF;
  END LOOP;
END
$$;
