// Package telemetry counts, traces and logs.
//
// It owns the metrics of every promise ([Metrics]), the set-up of traces
// ([StartTracing]), and how lines of the log reach their file ([Lines]). Labels are fixed words and route patterns, never ids: what a label
// may be is bounded, and tells nothing of anybody.
//
// It refuses values: no method takes a secret, a name or a message of an error.
package telemetry
