package store

import (
	"fmt"
	"slices"
	"strings"
)

// Generation counts the changes of what a dump means: a new table, or a column that an
// older binary would misunderstand. A column that is merely added changes nothing here: a
// dump that lacks it is older, and one that has it is refused by older binaries.
const Generation = 1

// Tables are all that a dump holds, in the order in which they can be filled. Every table
// and column of every database is here, or in [Derived]: a dump of one that has others is
// refused. A column stands on a line of its own, a question mark behind what may be null.
//
// The audit log comes last, in order of its chains, so that it can be verified in one pass.
var Tables = []Table{
	table("installation", "id", `
		id               uuid
		root_fingerprint text
		created_at       time`),
	sharedTable("organizations", "id", `
		id         uuid
		created_at time
		erased_at  time?`),
	keyTable("signing_keys", "id", `
		id               uuid
		public           bytes
		wrapped_private  bytes
		created_at       time
		root_fingerprint text
		retired_at       time?`),
	keyTable("organization_keys", "organization_id version", `
		organization_id  uuid
		version          int
		wrapped          bytes
		root_fingerprint text
		created_at       time`),
	table("credentials", "id", `
		id                   uuid
		organization_id      uuid
		user_id              uuid?
		name                 text
		provider             text
		type                 text
		status               text
		modified_by          uuid
		version              int
		account_email        text?
		expires_at           time?
		scopes               text?
		created_at           time
		updated_at           time
		last_used_at         time?
		last_checked_at      time?
		last_check           text?
		last_refreshed_at    time?
		refresh_error        text?
		deleted_at           time?
		stale_at             time?
		renew_at             time?
		renew_failures       int
		status_since         time?
		status_reason        text
		oauth_client_id      text
		renew_fence          int
		leased_until         time?
		claimed_until        time?
		health_state         text
		check_at             time?
		check_failures       int
		check_refusals       int
		known_host           text
		check_claimed_until  time?
		rotate_age           int
		rotate_grace         int
		rotate_at            time?
		rotated_at           time?
		rotation_doubt       bool
		rotate_claimed_until time?
		sealed               bytes`),
	table("credential_checks", "credential_id sequence", `
		organization_id uuid
		credential_id   uuid
		sequence        int
		at              time
		body            text`),
	table("rotations", "id", `
		id               uuid
		organization_id  uuid
		credential_id    uuid
		method           text
		trigger          text
		state            text
		began_by         uuid
		began_at         time
		updated_at       time
		ended_at         time?
		from_version     int
		promoted_version int
		attempts         int
		next_at          time?
		code             text
		message          text
		fence            int
		leased_until     time?
		claimed_until    time?
		sealed           bytes?`),
	table("service_accounts", "id", `
		id              uuid
		organization_id uuid?
		name            text
		description     text?
		status          text
		grants          text?
		modified_by     uuid
		created_at      time
		updated_at      time`),
	table("api_keys", "id", `
		hash               bytes
		id                 uuid
		service_account_id uuid
		organization_id    uuid?
		user_id            uuid?
		name               text
		description        text?
		token_prefix       text
		modified_by        uuid
		created_at         time
		updated_at         time
		expires_at         time?`),
	table("oauth_clients", "id", `
		organization_id uuid
		provider        text
		id              uuid
		client_id       text
		version         int
		modified_by     uuid
		created_at      time
		updated_at      time
		sealed          bytes`),
	table("oauth_flows", "id", `
		state_hash      bytes
		id              uuid
		organization_id uuid
		user_id         uuid
		role            text
		provider        text
		type            text
		name            text
		credential_id   uuid?
		client_id       text
		redirect_to     text
		callback_path   text
		scopes          text?
		browser_hash    bytes
		created_at      time
		expires_at      time
		used_at         time?
		code_hash       bytes?
		outcome         text?
		sealed          bytes`),
	table("audit_checkpoints", "sequence", `
		sequence   int
		body       bytes
		key_id     uuid
		signature  bytes
		created_at time`),
	table("audit_heads", "chain", `
		chain        uuid
		sequence     int
		hash         bytes
		key_id       uuid
		signature    bytes
		updated_at   time
		checkpointed bool`),
	table("audit_events", "chain sequence", `
		cursor          int
		chain           uuid
		sequence        int
		at              time
		organization_id uuid
		hash            bytes
		body            text`),
}

// Derived are columns, as TABLE.COLUMN, and whole tables that a dump does not hold: the
// schema makes them, or they follow from what a dump does hold. A backend need not have
// all of them.
var Derived = []string{
	"schema", "readiness", "installation.singleton",
	"audit_events.action", "audit_events.outcome", "audit_events.credential_id", "audit_events.principal_id",
}

// TableNamed returns one of Tables. It panics where there is none.
func TableNamed(name string) Table {
	for _, t := range Tables {
		if t.Name == name {
			return t
		}
	}
	panic("store: there is no table " + name)
}

// table makes a table out of its text; a mistake in it panics at the start.
func table(name, key, columns string) Table {
	t := Table{Name: name, Key: strings.Fields(key), Since: 1}
	for line := range strings.Lines(columns) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		kind, null := strings.CutSuffix(fields[1], "?")
		t.Columns = append(t.Columns, Column{Name: fields[0], Kind: Kind(kind), Null: null})
	}
	t.Only(t.Key...) // which panics where one is missing
	return t
}

func keyTable(name, key, columns string) Table {
	t := table(name, key, columns)
	t.Keys = true
	return t
}

func sharedTable(name, key, columns string) Table {
	t := table(name, key, columns)
	t.Shared = true
	return t
}

// CheckSchema says what a live schema, as its columns by table, has that no dump would
// hold, or lacks that one does.
func CheckSchema(live map[string][]string) error {
	var unknown, missing []string
	for _, t := range Tables {
		for _, c := range t.Columns {
			if !slices.Contains(live[t.Name], c.Name) {
				missing = append(missing, t.Name+"."+c.Name)
			}
		}
	}
	for name, columns := range live {
		i := slices.IndexFunc(Tables, func(t Table) bool { return t.Name == name })
		switch {
		case slices.Contains(Derived, name):
			continue
		case i < 0:
			unknown = append(unknown, name)
			continue
		}
		for _, c := range columns {
			if full := name + "." + c; Tables[i].Column(c) < 0 && !slices.Contains(Derived, full) {
				unknown = append(unknown, full)
			}
		}
	}
	slices.Sort(unknown)
	switch {
	case len(unknown) > 0:
		return fmt.Errorf("the database has what this strongroom does not know (%s), and would leave it out: use the strongroom that made its schema", strings.Join(unknown, ", "))
	case len(missing) > 0:
		return fmt.Errorf("the database lacks what this strongroom expects (%s): bring its schema up to date first", strings.Join(missing, ", "))
	}
	return nil
}
