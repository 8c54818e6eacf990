// Package structure keeps the shape of the code: which package may import which, where
// secrets may be revealed, how long a file or function may grow.
//
// It owns those rules as tests over the source, so that breaking one fails the build with
// a sentence, and refuses exceptions that are not written down here with their reason.
package structure
