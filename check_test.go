package strongroom_test

import (
	"encoding/json"
	"testing"
	"time"

	"strongroom"
)

func TestAPhaseIsReadAsItWasWrittenToTheMicrosecond(t *testing.T) {
	for us := range 100_000 {
		wrote := strongroom.CheckPhase{Name: "login", Took: time.Duration(us*7) * time.Microsecond}
		text, err := json.Marshal(wrote)
		if err != nil {
			t.Fatal(err)
		}
		var read strongroom.CheckPhase
		if err := json.Unmarshal(text, &read); err != nil || read != wrote {
			t.Fatalf("%s is read as %+v (%v), want %+v", text, read, err, wrote)
		}
	}
}
