package audit_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

// kept returns the record that the log keeps of an event.
func kept(t testing.TB, e strongroom.Event) store.AuditRecord {
	t.Helper()
	m := newMemory()
	l := open(t, m)
	if err := l.Record(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	closeLog(t, l)
	return m.snapshot().records[1]
}

func mustEncodeAsJSON(t testing.TB, e strongroom.Event) {
	t.Helper()
	want, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(kept(t, e).Body); got != string(want) {
		t.Errorf("kept  %s\nwant  %s", got, want)
	}
}

var someTime = time.Date(2026, 3, 1, 12, 0, 0, 120000000, time.UTC)

// fill sets the i-th field of an event; each value is another.
func fill(t *testing.T, e *strongroom.Event, i int) {
	t.Helper()
	switch f := reflect.ValueOf(e).Elem().Field(i); f.Interface().(type) {
	case time.Time:
		f.Set(reflect.ValueOf(someTime.Add(time.Duration(i) * time.Microsecond)))
	case uuid.UUID:
		id := keyID
		id[15] += byte(i)
		f.Set(reflect.ValueOf(id))
	case int64:
		f.SetInt(int64(1000 + i))
	default: // the kinds of string; of another type, SetString panics
		f.SetString("text " + string(rune('a'+i)))
	}
}

func TestEveryFieldOfAnEventIsKeptAsItsJSON(t *testing.T) {
	fields := reflect.TypeFor[strongroom.Event]().NumField()
	full := strongroom.Event{Time: someTime}
	mustEncodeAsJSON(t, full)
	for i := range fields {
		alone := strongroom.Event{Time: someTime}
		fill(t, &alone, i)
		mustEncodeAsJSON(t, alone)
		fill(t, &full, i)
	}
	mustEncodeAsJSON(t, full)
}

func TestARecordIsFoundByWhatItsBodySays(t *testing.T) {
	full := strongroom.Event{Time: someTime}
	for i := range reflect.TypeFor[strongroom.Event]().NumField() {
		alone := strongroom.Event{Time: someTime}
		fill(t, &alone, i)
		fill(t, &full, i)
		for _, e := range []strongroom.Event{alone, full} {
			if r := kept(t, e); r.Index != store.IndexOf(r.Body) {
				t.Errorf("%+v is the index of %s", r.Index, r.Body)
			}
		}
	}
}

func TestTextThatJSONEscapesIsKeptAsItsJSON(t *testing.T) {
	for _, text := range []string{
		`"`, `\`, "<script>&", "\x00\x1f\x7f", "line\nbreak", "\u2028\u2029", "Zürich 東京 🗝", "\xff\xfe broken", "~ ",
	} {
		e := read(text)
		e.Time, e.Note, e.Action = someTime, text+text, strongroom.Action(text)
		mustEncodeAsJSON(t, e)
	}
}

func FuzzEncode(f *testing.F) {
	f.Add("credential.read", "192.0.2.7", int64(7), int64(1772366400000000), []byte(nil))
	f.Add("\u2028", "<\"\\>", int64(-1), int64(0), keyID[:])
	f.Add("\xff", "\x7f", int64(1)<<62, int64(-1), keyID[:3])
	f.Fuzz(func(t *testing.T, action, address string, version, micros int64, id []byte) {
		e := strongroom.Event{
			Time: time.UnixMicro(micros).UTC(), Action: strongroom.Action(action), Address: address,
			RequestID: action + address, Version: version,
		}
		copy(e.CredentialID[:], id)
		if e.Time.IsZero() || e.Time.Year() < 0 || e.Time.Year() > 9999 || len(action)+len(address) > 1000 {
			return
		}
		mustEncodeAsJSON(t, e)
	})
}
