// Package catalog knows the providers: which kinds of credential each takes, what
// the data of each kind must look like, and what of it may be known to people who
// may not read it.
//
// It owns the definitions (YAML, one file a provider, embedded from providers/ or
// the operator's from a directory), their JSON Schemas (2020-12), and the check of
// received data against them. It refuses to touch a network or a database: a
// schema that refers to another document does not load. Nothing it returns or
// says as an error holds a value it was given: messages are sentences of ours,
// made from what the schema wanted and never from what was sent.
//
//	providers/*.yaml ─┐
//	operator's *.yaml ┴► document ► definition ► schema ──► Catalog
//	                     (lines)    (strict)     (compiled)    │
//	                                                           ▼
//	data ► strict JSON ► JSON Schema ► private keys ► OAuth ► Checked
//
// How OAuth works at a provider is data as well ([OAuth]): addresses and quirks, but
// no client and no secret, and nothing here sends a request.
//
// # Definitions
//
// A definition is one YAML document of at most 256 KiB. Unknown keys are errors.
//
//	provider: acme_billing            # ^[a-z][a-z0-9_]{0,62}$, unique
//	display_name: Acme Billing
//	description: Invoices and payments at Acme.
//	category: automation              # or human_in_the_loop, database, messaging,
//	                                  # agent_in_the_loop, storage
//	documentation: https://acme.example/docs/api-keys
//	plugin: true                      # the default for an operator's definition
//	credential_types:
//	  api_key:                        # one of the contract's credential types
//	    schema:
//	      type: object
//	      additionalProperties: false
//	      required: [api_key]
//	      properties:
//	        api_key:
//	          title: API key
//	          type: string
//	          format: password
//	          writeOnly: true
//	          minLength: 16
//	          maxLength: 256
//
// A type with oauth: true holds OAuth tokens; its schema may be left out (below).
//
// Anchors and aliases may be used within a file; tags, merge keys and further
// documents may not.
//
// # OAuth
//
// The section oauth says how tokens are got and kept fresh. Without it, tokens are
// kept as they are. A definition with all of its keys:
//
//	provider: acme_oauth
//	display_name: Acme
//	description: Invoices and payments at Acme, as the person who signed in.
//	category: automation
//	documentation: https://acme.example/docs
//	oauth:
//	  documentation: https://acme.example/docs/oauth   # required
//	  # Every address is https; http is for loopback hosts alone. One of token_endpoint
//	  # and discovery is required, and for people who sign in one of
//	  # authorization_endpoint and discovery.
//	  discovery: https://{subdomain}.acme.example      # an issuer (RFC 8414); fills what is not given here
//	  authorization_endpoint: https://{subdomain}.acme.example/oauth/authorize
//	  token_endpoint: https://{subdomain}.acme.example/oauth/token
//	  revocation_endpoint: https://{subdomain}.acme.example/oauth/revoke   # RFC 7009
//	  userinfo_endpoint: https://{subdomain}.acme.example/me
//	  jwks_uri: https://{subdomain}.acme.example/keys  # of ID tokens; with issuer, or neither
//	  issuer: https://{subdomain}.acme.example         # {tenantid} is the token's own tid claim
//	  client_authentication: basic                     # or post (in the body), or none; required
//	  request_format: form                             # the default; or json
//	  scopes: [invoices, offline_access]               # asked for where nobody names others
//	  scope_separator: " "                             # the default; or "," or ";"
//	  authorization_parameters: {access_type: offline} # beside those that the service sets
//	  token_parameters: {audience: invoices}
//	  headers: {X-Acme-Version: "2"}                   # of every request to the provider
//	  client_credentials_grant_type: acme_credentials  # in place of client_credentials
//	  lifetime:                                        # of access tokens; required
//	    member: expires_in                             # the default: where the answer has it, in seconds
//	    default: 1h                                    # where it has none; or never: true
//	  refresh:                                         # of refresh tokens
//	    rotates: true                                  # whether a refresh replaces them; false
//	    idle: 90d                                      # they die unused; none
//	    lifetime_member: refresh_expires_in            # none
//	  errors:                                          # beyond RFC 6749, section 5.2
//	    member: error.code                             # a path; error
//	    dead: [grant_gone]                             # only a person who connects anew helps
//	    transient: [busy]                              # is tried again
//	    misconfigured: [unknown_app]                   # the client or the definition is wrong
//	  limits: {requests_per_second: 5, concurrent: 2}  # of one process; 10 and 8
//	  variables:                                       # what differs from account to account
//	    subdomain:                                     # a member of the credential's data
//	      title: Subdomain
//	      description: What stands before .acme.example.
//	      pattern: '[a-z0-9]([a-z0-9-]*[a-z0-9])?'     # of the whole value; required
//	      example: contoso
//	      default: www                                 # where none is given; none: one must be
//	  account:
//	    email: contact.email                           # a path in the ID token or in what userinfo says; email
//	credential_types:
//	  oauth2:
//	    oauth: true
//	    scopes: [invoices]                             # in place of the provider's
//	    properties:                                    # members beside the standard ones
//	      ledger:
//	        title: Ledger
//	        type: string
//	        maxLength: 64
//	  client_credentials:
//	    oauth: true
//	    grant: client_credentials                      # the default is authorization_code
//
// Durations are written as in "45s", "1h" and "30d", or as seconds.
//
// A variable's pattern may match ASCII letters, digits and -._~ alone, so that no
// value leaves its place in an address. Whoever stores a credential chooses the value,
// and the OAuth client's secret goes to the host that it leads to: the host must
// therefore end in two fixed labels, or the pattern be a list of values, as in
// "com|eu". Every variable stands in an address, or has a default.
//
// Parameters that the service sets itself (client_id, state, scope, code_challenge …)
// and headers that it or HTTP sets (Authorization, Content-Type …) are refused.
//
// The schema of an OAuth type is the standard one (schemas/oauth.yaml) with the
// variables before it and the type's properties behind it: access_token,
// refresh_token or both, and what else comes with them; for client credentials
// client_id and client_secret. A type may have a schema of its own instead, unless the
// definition has variables.
//
// # Schemas
//
// The root must have type: object. Every keyword of JSON Schema 2020-12 is allowed
// but those that identify or load documents; $ref takes "#/$defs/name" only and
// may not recur, and propertyNames stands at the top alone. A keyword or format that
// is not known is an error, for a typing mistake would otherwise check nothing.
// Annotations of our own:
//
//   - x-message, beside any keyword: the sentence shown for data that fails this
//     very schema object, in place of the general one. Most use to if/then and not.
//   - x-passphrase, beside format: private-key: the members of the same object that
//     may hold the key's passphrase.
//   - any other x- keyword is published and otherwise ignored.
//
// Formats of our own are those in formats.go; "password" asserts nothing and, with
// writeOnly, tells forms to hide what is typed.
//
// # Checks
//
// A declared member whose value is null counts as absent, as clients that send
// every optional member expect. Data is at most 256 KiB, 32 levels and 2,000
// values; no object has the same member twice; numbers have at most 40 characters
// and exponents up to 300. What is sealed is the object as it was received,
// without insignificant space.
package catalog
