// Package secret holds plaintext for as short a time as it must be held.
//
// It owns [Value], the type every decrypted or received secret travels in. A
// Value prints, logs and marshals as [Redacted] whatever is done to it; the one
// way to its bytes is [Value.Reveal], a name that is easy to find and that a
// test allows in a few places only.
//
// It refuses to compare, format or serialise what it holds, and it imports
// nothing of ours, so that any package may hold a Value without pulling more in.
package secret
