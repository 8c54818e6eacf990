package rotate

import (
	"context"
	"slices"

	"strongroom"
	"strongroom/internal/rotate/far"
	"strongroom/secret"
)

// The methods, as strongroom.Rotation names them.
const (
	methodPassword = "postgresql_password"
	methodRoles    = "postgresql_two_roles"
	methodKey      = "sftp_key"
)

// way is what is different about a method.
type way struct {
	// next returns the credential's data with the new secret in it.
	next func(data secret.Value, kept remembered) (secret.Value, error)
	// tell has the far end take the new secret; verb names that to Reached.
	tell func(ctx context.Context, t *turn) strongroom.CheckResult
	verb string
	// try signs in with the data.
	try func(ctx context.Context, t *turn, data secret.Value) strongroom.CheckResult
	// works tells whether the data can be handed out after such a try.
	works func(strongroom.CheckResult) bool
	// safe says that the secret is of something that nobody uses yet.
	safe bool
}

var ways = map[string]way{
	methodPassword: {
		next: withPassword,
		tell: func(ctx context.Context, t *turn) strongroom.CheckResult {
			return setPassword(ctx, t, t.data)
		},
		verb: "set password", try: tryPostgreSQL, works: signedIn,
	},
	methodRoles: {
		next: func(data secret.Value, kept remembered) (secret.Value, error) { return far.Swap(data, kept.secret) },
		tell: func(ctx context.Context, t *turn) strongroom.CheckResult {
			other, ok := far.Alternate(t.data)
			if !ok {
				return strongroom.CheckResult{Code: strongroom.CheckProtocol, Message: "The credential has no second role any more"}
			}
			defer other.Destroy()
			return setPassword(ctx, t, other)
		},
		verb: "set password", try: tryPostgreSQL, works: signedIn, safe: true,
	},
	methodKey: {
		next: func(data secret.Value, kept remembered) (secret.Value, error) { return far.WithKey(data, kept.secret) },
		tell: func(ctx context.Context, t *turn) strongroom.CheckResult {
			return t.Far.AddKey(ctx, t.data, t.c.Health.KnownHost, t.kept.public, keyComment)
		},
		verb: "add key",
		try: func(ctx context.Context, t *turn, data secret.Value) strongroom.CheckResult {
			return t.Far.TestSFTP(ctx, data, t.c.Health.KnownHost)
		},
		works: func(r strongroom.CheckResult) bool { return r.Success },
	},
}

// keyComment tells whoever reads authorized_keys where a key came from.
const keyComment = "strongroom"

func withPassword(data secret.Value, kept remembered) (secret.Value, error) {
	return far.WithPassword(data, kept.secret)
}

// setPassword signs in with the data and gives the role the new password.
func setPassword(ctx context.Context, t *turn, data secret.Value) strongroom.CheckResult {
	role, err := far.Role(data)
	if err != nil {
		return strongroom.CheckResult{Code: strongroom.CheckProtocol, Message: "The credential does not name the role that signs in; store it again"}
	}
	return t.Far.SetPassword(ctx, data, role, t.kept.secret)
}

func tryPostgreSQL(ctx context.Context, t *turn, data secret.Value) strongroom.CheckResult {
	return t.Far.TestPostgreSQL(ctx, data)
}

// signedIn tells whether the far end took the secret, whatever came after: PostgreSQL looks
// at a role's rights when it knows who it is.
func signedIn(r strongroom.CheckResult) bool {
	return r.Success || r.Code == strongroom.CheckPermission || operated(r)
}

// operated tells whether anything was asked of the far end after signing in.
func operated(r strongroom.CheckResult) bool {
	return slices.ContainsFunc(r.Phases, func(p strongroom.CheckPhase) bool { return p.Name == "operation" })
}

// refused tells a far end that does not take a secret from one that gave no answer about it.
func refused(r strongroom.CheckResult) bool {
	return r.Code == strongroom.CheckAuth || r.Code == strongroom.CheckPermission
}
