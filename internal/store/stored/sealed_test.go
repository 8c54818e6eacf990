package stored_test

import (
	"bytes"
	"testing"

	"strongroom/internal/store/stored"
)

func TestTheKeyVersionIsReadOutOfTheHeaderAlone(t *testing.T) {
	for _, version := range []int64{1, 2, 255, 256, 1 << 62} {
		record := append(stored.SealedUnder(version), "ciphertext"...)
		if got := stored.KeyVersion(record); got != version {
			t.Errorf("version %d is read as %d", version, got)
		}
	}
	for name, record := range map[string][]byte{
		"nothing":          nil,
		"a cut-off header": stored.SealedUnder(1)[:8],
		"another format":   append([]byte{2}, stored.SealedUnder(1)[1:]...),
		"no version":       stored.SealedUnder(0),
		"a negative one":   stored.SealedUnder(-1),
	} {
		if got := stored.KeyVersion(record); got != 0 {
			t.Errorf("%s: read as version %d", name, got)
		}
	}
}

func FuzzKeyVersion(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(stored.SealedUnder(1))
	f.Add(append(stored.SealedUnder(1<<40), "ciphertext"...))
	f.Add(stored.SealedUnder(-1))
	f.Fuzz(func(t *testing.T, record []byte) {
		version := stored.KeyVersion(record)
		if version < 0 || version > 0 && !bytes.HasPrefix(record, stored.SealedUnder(version)) {
			t.Errorf("%x is read as version %d", record, version)
		}
	})
}
