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
