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
