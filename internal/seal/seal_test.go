package seal_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/seal"
	"strongroom/internal/seal/sealtest"
	"strongroom/secret"
)

const plain = `{"username":"robin","password":"hunter2-canary"}`

var (
	here = seal.Binding{
		OrganizationID: uuid.MustParse("01980000-0000-7000-8000-000000000001"),
		RecordID:       uuid.MustParse("01980000-0000-7000-8000-0000000000c1"),
		Version:        1,
	}
	otherOrganization = uuid.MustParse("01980000-0000-7000-8000-000000000002")
	otherCredential   = uuid.MustParse("01980000-0000-7000-8000-0000000000c2")
	startOfTime       = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
)

func clock() time.Time { return startOfTime }

// parts is a sealer with the parts it stands on.
type parts struct {
	*seal.Sealer
	keeper *sealtest.Faulty
	keys   *sealtest.MemoryKeys
}

func setup(t testing.TB) parts {
	t.Helper()
	p := parts{keeper: sealtest.NewFaulty(sealtest.NewKeeper(t)), keys: &sealtest.MemoryKeys{}}
	p.restart()
	return p
}

// restart puts a new sealer, which has cached nothing, on the same keeper and keys.
func (p *parts) restart() { p.Sealer = seal.New(p.keeper, p.keys, clock, nil) }

func (p *parts) mustSeal(t testing.TB, b seal.Binding, text string) []byte {
	t.Helper()
	sealed, err := p.Seal(t.Context(), b, secret.New([]byte(text)))
	if err != nil {
		t.Fatalf("seal: %v", err)
	}
	return sealed
}

func (p *parts) wantPlain(t testing.TB, b seal.Binding, sealed []byte, text string) {
	t.Helper()
	got, err := p.Open(t.Context(), b, sealed)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	if string(got.Reveal()) != text {
		t.Fatal("open returned other bytes")
	}
}

func (p *parts) wantError(t testing.TB, what string, b seal.Binding, sealed []byte, want error) {
	t.Helper()
	got, err := p.Open(t.Context(), b, sealed)
	if !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
	if !got.Empty() {
		t.Errorf("%s: bytes came with the error", what)
	}
}

func TestOpenRefusesEveryFlippedBit(t *testing.T) {
	p := setup(t)
	sealed := p.mustSeal(t, here, plain)
	for bit := range len(sealed) * 8 {
		changed := bytes.Clone(sealed)
		changed[bit/8] ^= 1 << (bit % 8)
		want := seal.ErrTampered
		if at := bit / 8; at >= 1 && at <= 8 {
			want = seal.ErrUnknownKey
		}
		p.wantError(t, "bit", here, changed, want)
	}
}

func TestOpenRefusesEveryOtherLength(t *testing.T) {
	p := setup(t)
	sealed := p.mustSeal(t, here, plain)
	for n := range len(sealed) {
		p.wantError(t, "cut at the end", here, sealed[:n], seal.ErrTampered)
	}
	p.wantError(t, "extended", here, append(bytes.Clone(sealed), 0), seal.ErrTampered)
	p.wantError(t, "huge", here, append(bytes.Clone(sealed), make([]byte, 2<<20)...), seal.ErrTampered)
}

func TestOpenRefusesRecordsCopiedElsewhere(t *testing.T) {
	p := setup(t)
	sealed := p.mustSeal(t, here, plain)
	p.mustSeal(t, seal.Binding{OrganizationID: otherOrganization, RecordID: here.RecordID, Version: 1}, plain)
	for _, c := range []struct {
		name  string
		there seal.Binding
	}{
		{"to another organization", seal.Binding{OrganizationID: otherOrganization, RecordID: here.RecordID, Version: 1}},
		{"to another credential", seal.Binding{OrganizationID: here.OrganizationID, RecordID: otherCredential, Version: 1}},
		{"to the OAuth clients", seal.Binding{Purpose: seal.OAuthClient, OrganizationID: here.OrganizationID, RecordID: here.RecordID, Version: 1}},
		{"to the connections under way", seal.Binding{Purpose: seal.OAuthFlow, OrganizationID: here.OrganizationID, RecordID: here.RecordID, Version: 1}},
		{"to the rotations", seal.Binding{Purpose: seal.Rotation, OrganizationID: here.OrganizationID, RecordID: here.RecordID, Version: 1}},
		{"to another version", seal.Binding{OrganizationID: here.OrganizationID, RecordID: here.RecordID, Version: 2}},
		{"to swapped ids", seal.Binding{OrganizationID: here.OrganizationID, RecordID: here.OrganizationID, Version: 1}},
	} {
		t.Run(c.name, func(t *testing.T) { p.wantError(t, c.name, c.there, sealed, seal.ErrTampered) })
	}
	p.wantPlain(t, here, sealed, plain)
}

func TestOpenRefusesARecordMovedToAnotherKeyVersion(t *testing.T) {
	p := setup(t)
	sealed := p.mustSeal(t, here, plain)
	p.addVersion(t, 2)
	moved := bytes.Clone(sealed)
	binary.BigEndian.PutUint64(moved[1:9], 2)
	p.wantError(t, "moved", here, moved, seal.ErrTampered)
}

func TestIncompleteBindingsAreRefused(t *testing.T) {
	p := setup(t)
	sealed := p.mustSeal(t, here, plain)
	for name, b := range map[string]seal.Binding{
		"no organization":  {RecordID: here.RecordID, Version: 1},
		"no credential":    {OrganizationID: here.OrganizationID, Version: 1},
		"no version":       {OrganizationID: here.OrganizationID, RecordID: here.RecordID},
		"negative version": {OrganizationID: here.OrganizationID, RecordID: here.RecordID, Version: -1},
	} {
		if _, err := p.Seal(t.Context(), b, secret.New([]byte(plain))); err == nil {
			t.Errorf("%s: sealed", name)
		}
		if _, err := p.Open(t.Context(), b, sealed); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}

func TestSealRefusesTooMuch(t *testing.T) {
	p := setup(t)
	if _, err := p.Seal(t.Context(), here, secret.New(make([]byte, seal.MaxPlaintext+1))); err == nil {
		t.Error("sealed more than the limit")
	}
}

func TestSealedDataOpensWhereItBelongs(t *testing.T) {
	p := setup(t)
	for name, text := range map[string]string{"json": plain, "empty": "", "the most": strings.Repeat("x", seal.MaxPlaintext)} {
		sealed := p.mustSeal(t, here, text)
		if len(sealed) != len(text)+37 {
			t.Errorf("%s: %d bytes longer, want 37", name, len(sealed)-len(text))
		}
		if text != "" && bytes.Contains(sealed, []byte(text)) {
			t.Errorf("%s: the record shows the plaintext", name)
		}
		p.wantPlain(t, here, sealed, text)
		p.restart()
		p.wantPlain(t, here, sealed, text)
	}
}

func TestTwoSealsOfOneTextDiffer(t *testing.T) {
	p := setup(t)
	a, b := p.mustSeal(t, here, plain), p.mustSeal(t, here, plain)
	if bytes.Equal(a, b) || bytes.Equal(a[21:], b[21:]) {
		t.Error("two records of one text share their ciphertext")
	}
}

func TestSealAndOpenLeaveTheirInputsAsTheyWere(t *testing.T) {
	p := setup(t)
	text := []byte(plain)
	sealed, err := p.Seal(t.Context(), here, secret.New(text))
	if err != nil {
		t.Fatal(err)
	}
	before := bytes.Clone(sealed)
	p.wantPlain(t, here, sealed, plain)
	if string(text) != plain || !bytes.Equal(sealed, before) {
		t.Error("an input was changed")
	}
}

func TestDestroyingOpenedDataLeavesTheRecord(t *testing.T) {
	p := setup(t)
	sealed := p.mustSeal(t, here, plain)
	value, err := p.Open(t.Context(), here, sealed)
	if err != nil {
		t.Fatal(err)
	}
	value.Destroy()
	p.wantPlain(t, here, sealed, plain)
}

// A record and the keys it stands on, as they were first written. They must open for
// as long as their formats are read.
const (
	goldenRoot    = "strongroom-root-1:zZgeTHUMogLB8YO99s17fSyULAA-EYgFdd9ho6BMVOHA3ckb"
	goldenPrint   = "local:dd7e909081e3a80cfe8fbb096bf5df86"
	goldenWrapped = "012e6424f10016cd165ec315c14bf4d9933d54b330d432aaeb653c6bc12424555d526fbfff50abc737f3fb389e2eab115e133bdddb3bcebdd4d5dce443"
	goldenSealed  = "01000000000000000150a49b5f3af34df852c6f9e76d2ba8398500e3f32ab52e5482ce266c0f41db0d9398a9f390c838acf5ee47cad7c6a59a8032e6c4487f3e8166770cdce5ac40e3599ebe76d49283a54bfc85ba"
)

func TestRecordsOfTheFirstFormatStillOpen(t *testing.T) {
	key, err := seal.ParseRootKey([]byte(goldenRoot))
	if err != nil {
		t.Fatal(err)
	}
	keeper, err := seal.NewLocal(key)
	if err != nil {
		t.Fatal(err)
	}
	keys := &sealtest.MemoryKeys{}
	keys.Put(strongroom.OrganizationKey{
		OrganizationID: here.OrganizationID, Version: 1,
		Wrapped: mustHex(t, goldenWrapped), RootFingerprint: goldenPrint,
	})
	p := parts{Sealer: seal.New(keeper, keys, clock, nil)}
	p.wantPlain(t, here, mustHex(t, goldenSealed), plain)
}

func FuzzOpen(f *testing.F) {
	p := setup(f)
	sealed := p.mustSeal(f, here, plain)
	f.Add(sealed)
	f.Add(sealed[:21])
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{1}, 60))
	f.Add(mustHex(f, goldenSealed))
	f.Fuzz(func(t *testing.T, record []byte) {
		got, err := p.Open(context.Background(), here, record)
		if err == nil && !bytes.Equal(record, sealed) {
			t.Fatal("opened a record that was never sealed")
		}
		if err != nil && !got.Empty() {
			t.Error("bytes came with the error")
		}
		if err != nil && !errors.Is(err, seal.ErrTampered) && !errors.Is(err, seal.ErrUnknownKey) {
			t.Errorf("got %v, want ErrTampered or ErrUnknownKey", err)
		}
	})
}
