// Package sshtest runs OpenSSH's sshd for tests: a real server on a free port of 127.0.0.1,
// with host keys, a folder and a configuration of its own.
//
// It owns the server's process, its keys and the throw-away system user whom it lets in.
// Real passwords are the system's, so that making that user takes root; without root, keys
// sign in the present user, and what needs more fails the test with a sentence.
//
// It refuses to skip: a machine without sshd fails the test. It is for tests alone.
package sshtest
