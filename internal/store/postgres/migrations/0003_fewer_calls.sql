-- What append_events and move_head do, in one call: a batch of the audit log is one statement,
-- and with that a transaction by itself. The two are for servers of the version before.
CREATE FUNCTION strongroom.append_audit(of_chain uuid, sequences bigint[], times timestamptz[], organizations uuid[], hashes bytea[],
  bodies text[], actions text[], outcomes text[], credentials uuid[], principals uuid[],
  to_sequence bigint, to_hash bytea, by_key uuid, signed bytea, moved timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO strongroom.audit_events
      (chain, sequence, at, organization_id, hash, body, action, outcome, credential_id, principal_id)
    SELECT of_chain, r.sequence, r.at, r.organization_id, r.hash, r.body, r.action, r.outcome, r.credential_id, r.principal_id
    FROM unnest(sequences, times, organizations, hashes, bodies, actions, outcomes, credentials, principals) WITH ORDINALITY
      AS r (sequence, at, organization_id, hash, body, action, outcome, credential_id, principal_id, place)
    ORDER BY r.place;
  INSERT INTO strongroom.audit_heads AS head (chain, sequence, hash, key_id, signature, updated_at)
    VALUES (of_chain, to_sequence, to_hash, by_key, signed, moved)
    ON CONFLICT ON CONSTRAINT audit_heads_pkey DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash, key_id = excluded.key_id,
      signature = excluded.signature, updated_at = excluded.updated_at, checkpointed = false;
END
$$;

-- One use after the other, by plans that are kept: it takes half the time that a join with
-- what was sent takes, which is planned and made ready each time.
CREATE OR REPLACE FUNCTION strongroom.touch_credentials(organizations uuid[], ids uuid[], times timestamptz[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  FOR i IN 1 .. cardinality(ids) LOOP
    PERFORM FROM strongroom.credentials c
      WHERE c.id = ids[i] AND c.organization_id = organizations[i] AND (c.last_used_at IS NULL OR c.last_used_at < times[i])
      FOR NO KEY UPDATE SKIP LOCKED;
    IF FOUND THEN
      UPDATE strongroom.credentials c SET last_used_at = times[i] WHERE c.id = ids[i] AND c.organization_id = organizations[i];
    END IF;
  END LOOP;
END
$$;

-- Both in one call, so that a batch in which uses are noted is one statement, too.
CREATE FUNCTION strongroom.append_audit_with_uses(of_chain uuid, sequences bigint[], times timestamptz[], organizations uuid[], hashes bytea[],
  bodies text[], actions text[], outcomes text[], credentials uuid[], principals uuid[],
  to_sequence bigint, to_hash bytea, by_key uuid, signed bytea, moved timestamptz,
  organizations_used uuid[], used uuid[], used_at timestamptz[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM strongroom.append_audit(of_chain, sequences, times, organizations, hashes, bodies, actions, outcomes, credentials, principals,
    to_sequence, to_hash, by_key, signed, moved);
  PERFORM strongroom.touch_credentials(organizations_used, used, used_at);
END
$$;

-- What key_with_credential answers, as three rows: for the server to make sixty columns ready
-- takes longer than to look them up. Their fields are the tables' columns in their order, so
-- that columns may be added and never moved or dropped. The other is for servers of the
-- version before.
CREATE FUNCTION strongroom.key_account_credential(of_hash bytea, of_credential uuid) RETURNS record LANGUAGE plpgsql AS $$
DECLARE
  answer record;
BEGIN
  PERFORM strongroom.enter_key(of_hash);
  SELECT k, a, c INTO answer
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

-- A claim names providers that it leaves out. Where what is due is theirs, to go through it
-- in order of time would go through all of it: the due ones of each provider are found apart.
-- What is asked for is a few of however many, by an index in its order; the planner, which
-- knows neither number, would take a tenth of the table for it, sort that, and compile it all.
CREATE INDEX credentials_check_due_by_provider ON strongroom.credentials (provider, check_at) WHERE check_at IS NOT NULL AND deleted_at IS NULL;
DROP INDEX strongroom.credentials_check_due;

CREATE OR REPLACE FUNCTION strongroom.claim_checks(due_at timestamptz, claimed timestamptz, most bigint, but text[])
RETURNS TABLE (organization_id uuid, id uuid, provider text) LANGUAGE sql SECURITY DEFINER SET search_path = ''
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
  WITH RECURSIVE tested AS (
    (SELECT c.provider FROM strongroom.credentials c WHERE c.check_at IS NOT NULL AND c.deleted_at IS NULL ORDER BY c.provider LIMIT 1)
    UNION ALL
    SELECT (SELECT c.provider FROM strongroom.credentials c
      WHERE c.check_at IS NOT NULL AND c.deleted_at IS NULL AND c.provider > t.provider ORDER BY c.provider LIMIT 1)
    FROM tested t WHERE t.provider IS NOT NULL
  ), due AS MATERIALIZED (
    SELECT d.id, d.check_at FROM tested t CROSS JOIN LATERAL (
      SELECT c.id, c.check_at FROM strongroom.credentials c
      WHERE c.provider = t.provider AND c.check_at <= due_at AND c.deleted_at IS NULL
        AND (c.check_claimed_until IS NULL OR c.check_claimed_until <= due_at)
      ORDER BY c.check_at LIMIT most FOR NO KEY UPDATE SKIP LOCKED
    ) d
    WHERE t.provider IS NOT NULL AND t.provider <> ALL (but) ORDER BY d.check_at LIMIT most
  ), taken AS (
    UPDATE strongroom.credentials c SET check_claimed_until = claimed FROM due WHERE c.id = due.id
    RETURNING c.organization_id, c.id, c.provider, due.check_at
  )
  SELECT taken.organization_id, taken.id, taken.provider FROM taken ORDER BY taken.check_at
$$;

ALTER FUNCTION strongroom.claim_renewals(timestamptz, timestamptz, text, bigint)
  SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off;
ALTER FUNCTION strongroom.claim_rotation_starts(timestamptz, timestamptz, bigint)
  SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off;
ALTER FUNCTION strongroom.claim_rotations(timestamptz, timestamptz, bigint)
  SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off;

-- Whose tokens are to be renewed, so that a claim asks for no others.
CREATE FUNCTION strongroom.due_renewals(due_at timestamptz) RETURNS TABLE (provider text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
  WITH RECURSIVE renewed AS (
    (SELECT c.provider FROM strongroom.credentials c WHERE c.renew_at IS NOT NULL AND c.deleted_at IS NULL ORDER BY c.provider LIMIT 1)
    UNION ALL
    SELECT (SELECT c.provider FROM strongroom.credentials c
      WHERE c.renew_at IS NOT NULL AND c.deleted_at IS NULL AND c.provider > r.provider ORDER BY c.provider LIMIT 1)
    FROM renewed r WHERE r.provider IS NOT NULL
  )
  SELECT r.provider FROM renewed r
  WHERE r.provider IS NOT NULL AND EXISTS (
    SELECT FROM strongroom.credentials c WHERE c.provider = r.provider AND c.renew_at <= due_at AND c.deleted_at IS NULL)
  ORDER BY r.provider
$$;
