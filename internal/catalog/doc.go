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
//	  oauth2:
//	    oauth: true                   # expiry and scopes are read from the data
//	    schema: {…}
//
// Anchors and aliases may be used within a file; tags, merge keys and further
// documents may not.
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
