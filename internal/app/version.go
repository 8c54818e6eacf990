package app

import "runtime/debug"

// release is set by the linker in released binaries.
var release string

// Version returns the released version, or else what the build knows of itself: the
// module's version and commit.
func Version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}
