package stack_test

import (
	"strings"
	"testing"

	"strongroom/internal/stack"
)

//go:noinline
func fails(secret [8]byte) { panic(string(secret[:])) }

func recovered() (where string) {
	defer func() {
		if recover() != nil {
			where = stack.Here()
		}
	}()
	fails([8]byte([]byte("canary77")))
	return "it did not panic"
}

func TestAPanicIsFoundByFunctionAndLineAndSaysNothingElse(t *testing.T) {
	got := recovered()
	if !strings.Contains(got, "stack_test.fails stack_test.go:11") {
		t.Errorf("the stack does not name where it panicked:\n%s", got)
	}
	for _, leak := range []string{"canary77", "0x", "63616e617279"} {
		if strings.Contains(got, leak) {
			t.Errorf("the stack shows %s:\n%s", leak, got)
		}
	}
}
