// Package stack says where a panic came from without saying with what.
//
// It owns [Here], the call stack as functions and lines. It refuses arguments: the
// runtime's own form prints words of memory, any of which may point at, or be part of, a
// secret.
package stack
