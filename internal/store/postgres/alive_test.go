package postgres_test

import (
	"io"
	"net"
	"testing"

	"strongroom/internal/store/postgres"
)

// pair is a connection and its other end.
func pair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if near, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	return near, far
}

func TestWhetherAConnectionStands(t *testing.T) {
	t.Run("an idle one does", func(t *testing.T) {
		near, _ := pair(t)
		if !postgres.Alive(near) {
			t.Error("it is taken for broken")
		}
	})
	t.Run("an idle one does while somebody reads from it", func(t *testing.T) {
		near, far := pair(t)
		read := make(chan error)
		go func() { _, err := io.ReadFull(near, make([]byte, 2)); read <- err }()
		if _, err := far.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
		// It ends at all: whoever looks must not wait for who reads.
		_ = postgres.Alive(near)
		if _, err := far.Write([]byte{2}); err != nil {
			t.Fatal(err)
		}
		if err := <-read; err != nil {
			t.Error(err)
		}
	})
	t.Run("one whose server has said something nobody asked for does not", func(t *testing.T) {
		near, far := pair(t)
		if _, err := far.Write([]byte("FATAL")); err != nil {
			t.Fatal(err)
		}
		awaitBytes(t, near)
		if postgres.Alive(near) {
			t.Error("it is taken for whole")
		}
	})
	t.Run("one that was closed here does not", func(t *testing.T) {
		near, _ := pair(t)
		_ = near.Close()
		if postgres.Alive(near) {
			t.Error("it is taken for whole")
		}
	})
}

// awaitBytes waits until something can be read, and leaves all but the first byte.
func awaitBytes(t *testing.T, c net.Conn) {
	t.Helper()
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}
