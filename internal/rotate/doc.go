// Package rotate changes passwords and keys at the far end, so that a kill at any moment
// leaves a credential that opens it, or that is known to need somebody.
//
// It owns the steps of a rotation and what is written between them. Each arrow is one
// durable write with its event; what happens between two of them can be done twice:
//
//	begin ......... the new secret is made, sealed and stored; the far end knows nothing of it
//	  │
//	pending ──────► changing ──────► promoted ──────► done
//	  │               │ tell the far    │ the old key    only the new secret is left
//	  │               │ end, sign in    │ goes on to
//	  │               │ with the new    │ open for the
//	  │               │ secret, and     │ grace period,
//	  │               │ store it        │ and is removed
//	  ▼               ▼                 ▼
//	failed,         failed, stuck,    stuck, done
//	abandoned       abandoned
//
// A password replaces the one before at once (postgresql_password), so that from changing on
// the far end has to be asked which of the two opens it: the credential is in doubt then, and
// who reads it waits for Settle. Where there are two roles (postgresql_two_roles) or two keys
// (sftp_key), what readers have goes on to open, and nothing is ever in doubt.
//
// Whoever works on a rotation holds its lease, with a fence that every write checks. Words to
// the far end end before the lease does.
//
// It refuses to know how the far end is spoken to (rotate/far does), and who may ask (custody
// decides). The new secret leaves this package sealed, or for the far end, or into custody.
package rotate
