package fault_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// namespaceVariable is set in a process that has namespaces of its own.
const namespaceVariable = "STRONGROOM_FAULT_NAMESPACE"

const allowNamespaces = "this test mounts a disk of its own and needs user namespaces: allow them with `sysctl -w kernel.unprivileged_userns_clone=1` (on Ubuntu `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`) and in a container with CAP_SYS_ADMIN or without its seccomp filter"

// inNamespace runs the calling test once more, in a process that may mount what it likes
// and that nobody else sees. It returns true there. In the first process it returns false
// when the other one has passed, and the test is over.
func inNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(namespaceVariable) != "" {
		return true
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self, "-test.run=^"+t.Name()+"$", "-test.v", "-test.count=1")
	c.Env = append(os.Environ(), namespaceVariable+"=1")
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	output, err := c.CombinedOutput()
	var ended *exec.ExitError
	switch {
	case err != nil && !errors.As(err, &ended):
		t.Fatalf("%s (%v)", allowNamespaces, err)
	case err != nil:
		t.Fatalf("in a namespace of its own:\n%s", output)
	case !strings.Contains(string(output), "--- PASS: "+t.Name()):
		t.Fatalf("the test did not run in its namespace:\n%s", output)
	}
	return false
}

// mount mounts until the test ends.
func mount(t *testing.T, source, target, kind string, flags uintptr, data string) {
	t.Helper()
	if err := syscall.Mount(source, target, kind, flags, data); err != nil {
		t.Fatalf("%s (mount: %v)", allowNamespaces, err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(target, syscall.MNT_DETACH) })
}

// smallDisk returns an empty directory on a disk of its own, of that size ("16m").
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	mount(t, "tmpfs", dir, "tmpfs", 0, "size="+size)
	return dir
}
