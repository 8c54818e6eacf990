package strongroom

import (
	"net/netip"

	"github.com/google/uuid"
)

// PrincipalKind says what sort of caller a Principal is.
type PrincipalKind string

// The kinds of principal.
const (
	// KindUser is a person, known by a JWT of one organization.
	KindUser PrincipalKind = "user"
	// KindServiceAccount is a program, known by an API key of one organization.
	KindServiceAccount PrincipalKind = "service_account"
	// KindSystemServiceAccount is a program of the operator's; it names the
	// organization it acts in with every request.
	KindSystemServiceAccount PrincipalKind = "system_service_account"
	// KindOperator is whoever runs the command line beside the database.
	KindOperator PrincipalKind = "operator"
	// KindStrongroom is the service itself, where nobody asked it to act.
	KindStrongroom PrincipalKind = "strongroom"
)

// Role is a user's role in the organization.
type Role string

// The roles of the platform. Those below app_user have an app_user's rights.
const (
	RoleOrgAdmin    Role = "org_admin"
	RoleAppUser     Role = "app_user"
	RoleBackoffice  Role = "backoffice"
	RoleWorker      Role = "worker"
	RolePublisher   Role = "publisher"
	RoleIntegration Role = "integration"
)

// Known tells whether the role is one of the platform's.
func (r Role) Known() bool {
	switch r {
	case RoleOrgAdmin, RoleAppUser, RoleBackoffice, RoleWorker, RolePublisher, RoleIntegration:
		return true
	}
	return false
}

// Principal is an authenticated caller, acting in one organization.
type Principal struct {
	Kind PrincipalKind
	// ID is the user's or the service account's; the nil UUID for the operator.
	ID uuid.UUID
	// OrganizationID is the organization the request acts in: the principal's own,
	// or the one a system service account named.
	OrganizationID uuid.UUID
	// Role and Email are set for users only; Email may be empty.
	Role  Role
	Email string
	// KeyID is the API key that was used; the nil UUID for users.
	KeyID uuid.UUID
	// Grants narrow a service account. With none it may read every credential of
	// the organization and write none.
	Grants []Grant
}

// IsServiceAccount tells whether the principal is a program, of whichever kind.
func (p Principal) IsServiceAccount() bool {
	return p.Kind == KindServiceAccount || p.Kind == KindSystemServiceAccount
}

// IsOrgAdmin tells whether the principal is a user who administers the organization.
func (p Principal) IsOrgAdmin() bool { return p.Kind == KindUser && p.Role == RoleOrgAdmin }

// Caller is a principal together with the request it made. Every call of an
// authority takes one, so that neither the decision nor the record can forget it.
type Caller struct {
	Principal
	// Address is where the request came from; the zero Addr on the command line.
	Address netip.Addr
	// RequestID is the ULID that the response carries too.
	RequestID string
}

// Operator returns the caller that stands for the command line, acting in an
// organization (the nil UUID where the act belongs to none).
func Operator(organization uuid.UUID, requestID string) Caller {
	return Caller{Principal: Principal{Kind: KindOperator, OrganizationID: organization}, RequestID: requestID}
}

// Unattended returns the caller that stands for the service itself, acting in an
// organization on what is due.
func Unattended(organization uuid.UUID) Caller {
	return Caller{Principal: Principal{Kind: KindStrongroom, OrganizationID: organization}}
}
