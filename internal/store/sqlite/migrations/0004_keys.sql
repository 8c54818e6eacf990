-- Keys are replaced, and organizations erased.
ALTER TABLE organizations ADD COLUMN erased_at INTEGER;

-- Re-sealing goes through an organization's credentials, deleted ones too, in order of id.
CREATE INDEX credentials_organization ON credentials (organization_id, id);

-- Which root key wrapped a signing key, as with the organizations' keys; and from when on
-- it was to sign nothing more.
ALTER TABLE signing_keys ADD COLUMN root_fingerprint TEXT NOT NULL DEFAULT '';
ALTER TABLE signing_keys ADD COLUMN retired_at INTEGER;
UPDATE signing_keys SET root_fingerprint = coalesce((SELECT root_fingerprint FROM installation), '');

-- A process that was started before the root key was replaced must add nothing that only
-- the old one opens.
CREATE TRIGGER organization_keys_root BEFORE INSERT ON organization_keys
WHEN EXISTS (SELECT 1 FROM installation WHERE root_fingerprint <> NEW.root_fingerprint)
BEGIN
  SELECT RAISE(ABORT, 'strongroom: other root');
END;

CREATE TRIGGER signing_keys_root BEFORE INSERT ON signing_keys
WHEN EXISTS (SELECT 1 FROM installation WHERE root_fingerprint <> NEW.root_fingerprint)
BEGIN
  SELECT RAISE(ABORT, 'strongroom: other root');
END;

-- Nothing is made for an organization that was erased.
CREATE TRIGGER organizations_erased BEFORE INSERT ON organizations
WHEN (SELECT erased_at FROM organizations WHERE id = NEW.id) IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'strongroom: erased');
END;

CREATE TRIGGER organization_keys_erased BEFORE INSERT ON organization_keys
WHEN (SELECT erased_at FROM organizations WHERE id = NEW.organization_id) IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'strongroom: erased');
END;

CREATE TRIGGER credentials_erased BEFORE INSERT ON credentials
WHEN (SELECT erased_at FROM organizations WHERE id = NEW.organization_id) IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'strongroom: erased');
END;

CREATE TRIGGER service_accounts_erased BEFORE INSERT ON service_accounts
WHEN (SELECT erased_at FROM organizations WHERE id = NEW.organization_id) IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'strongroom: erased');
END;

CREATE TRIGGER oauth_clients_erased BEFORE INSERT ON oauth_clients
WHEN (SELECT erased_at FROM organizations WHERE id = NEW.organization_id) IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'strongroom: erased');
END;

CREATE TRIGGER oauth_flows_erased BEFORE INSERT ON oauth_flows
WHEN (SELECT erased_at FROM organizations WHERE id = NEW.organization_id) IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'strongroom: erased');
END;
