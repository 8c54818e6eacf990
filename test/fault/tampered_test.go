package fault_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/audit"
	"strongroom/internal/probe/pgtest"
)

// TestAChainThatVanishedIsNamedWhileOthersWrite: three replicas write, one of them dies, and
// somebody who may do anything to the database makes away with all that it wrote.
func TestAChainThatVanishedIsNamedWhileOthersWrite(t *testing.T) {
	o := newOnPostgres(t, pgtest.Start(t))
	first := o.start(t, "")
	n := newTenant(&first.Client)
	first.Kill()
	gone := o.query(t, "SELECT chain FROM strongroom.audit_heads")
	second, third := o.start(t, ""), o.start(t, "")
	n.client = &second.Client
	n.mustCreate(t, "before", secretData("before"))
	o.exec(t, "ALTER TABLE strongroom.audit_events DISABLE TRIGGER ALL",
		"DELETE FROM strongroom.audit_events WHERE chain = '"+gone+"'", "DELETE FROM strongroom.audit_heads WHERE chain = '"+gone+"'")
	report := verifyWhile(t, o.config(t), func() {
		writeTogether(t, n, []*apptest.Client{&second.Client, &third.Client}, "meanwhile-")
	})
	wantProblem(t, report, audit.KindChainVanished, gone)
	stop(t, second)
	stop(t, third)
}

// verifyWhile verifies again and again until the work is done, and returns the last report.
func verifyWhile(t *testing.T, c app.Config, work func()) (report audit.Report) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		work()
	}()
	for {
		select {
		case <-done:
			return verified(t, c)
		default:
			report = verified(t, c)
			if report.OK() {
				t.Error("nothing is found while others write")
				<-done
				return report
			}
		}
	}
}

// wantProblem fails the test unless the report has a problem of the kind with the chain; "":
// with any.
func wantProblem(t *testing.T, report audit.Report, kind audit.Kind, chain string) {
	t.Helper()
	if !slices.ContainsFunc(report.Problems, func(p audit.Problem) bool {
		return p.Kind == kind && (chain == "" || p.Chain.String() == chain)
	}) {
		t.Errorf("no %s of chain %q is found among %d problems: %+v", kind, chain, report.ProblemCount, report.Problems)
	}
}

// TestTamperingIsNamedOnPostgres: the same database, each time after another hand was at it.
func TestTamperingIsNamedOnPostgres(t *testing.T) {
	o := newOnPostgres(t, pgtest.Start(t))
	p := o.start(t, "")
	n := newTenant(&p.Client)
	id := n.mustCreate(t, "kept", secretData("kept"))
	for range 5 {
		n.wantData(t, id, secretData("kept"))
	}
	stop(t, p)
	wantVerifiedOf(t, o.config(t))
	const middle = "(SELECT max(sequence) / 2 FROM strongroom.audit_events)"
	for name, c := range map[string]struct {
		kind       audit.Kind
		statements []string
	}{
		"an event edited":  {audit.KindEventEdited, []string{`UPDATE strongroom.audit_events SET body = replace(body, 'allowed', 'denied_') WHERE sequence = ` + middle}},
		"an event moved":   {audit.KindEventEdited, []string{`UPDATE strongroom.audit_events SET organization_id = gen_random_uuid() WHERE sequence = ` + middle}},
		"an event removed": {audit.KindEventRemoved, []string{`DELETE FROM strongroom.audit_events WHERE sequence = ` + middle}},
		"the end cut off":  {audit.KindTailCutOff, []string{`DELETE FROM strongroom.audit_events WHERE sequence >= ` + middle}},
		"events swapped": {audit.KindEventReordered, []string{
			`UPDATE strongroom.audit_events SET sequence = 1000 + sequence WHERE sequence IN (2, 3)`,
			`UPDATE strongroom.audit_events SET sequence = 1005 - sequence WHERE sequence IN (1002, 1003)`}},
		"a head edited":        {audit.KindHeadEdited, []string{`UPDATE strongroom.audit_heads SET hash = set_byte(hash, 0, get_byte(hash, 0) # 1)`}},
		"a checkpoint removed": {audit.KindCheckpointRemoved, []string{`DELETE FROM strongroom.audit_checkpoints WHERE sequence = 1`}},
	} {
		t.Run(name, func(t *testing.T) {
			copied := *o
			copied.database = o.cluster.Copy(t, o.database)
			copied.exec(t, append([]string{"ALTER TABLE strongroom.audit_events DISABLE TRIGGER ALL"}, c.statements...)...)
			wantProblem(t, verified(t, copied.config(t)), c.kind, "")
		})
	}
}

// TestARecordThatIsCopiedElsewhereDoesNotOpenOnPostgres: not in another organization, nor for
// another credential, and not with a bit that is another.
func TestARecordThatIsCopiedElsewhereDoesNotOpenOnPostgres(t *testing.T) {
	o := newOnPostgres(t, pgtest.Start(t))
	p := o.start(t, "")
	mine, theirs := newTenant(&p.Client), newTenant(&p.Client)
	source := theirs.mustCreate(t, "theirs", secretData("theirs"))
	other := mine.mustCreate(t, "other", secretData("other"))
	for name, sealed := range map[string]string{
		"another organization's": sealedOf(source),
		"another credential's":   sealedOf(other),
		"with another bit":       "set_bit(sealed, 8 * length(sealed) - 1, 1 - get_bit(sealed, 8 * length(sealed) - 1))",
		"cut off":                "substring(sealed FROM 1 FOR length(sealed) - 1)",
	} {
		t.Run(name, func(t *testing.T) {
			id := mine.mustCreate(t, name, secretData(name))
			mine.wantData(t, id, secretData(name))
			o.exec(t, "UPDATE strongroom.credentials SET sealed = "+sealed+" WHERE id = '"+id+"'")
			a, err := mine.read(id)
			if err != nil {
				t.Fatal(err)
			}
			a.WantError(t, http.StatusInternalServerError, "internal_error")
		})
	}
	mine.wantData(t, other, secretData("other"))
	theirs.wantData(t, source, secretData("theirs"))
	stop(t, p)
}

func sealedOf(id string) string {
	return fmt.Sprintf("(SELECT sealed FROM strongroom.credentials WHERE id = '%s')", id)
}

// exec changes the database as its superuser.
func (o *onPostgres) exec(t *testing.T, statements ...string) {
	t.Helper()
	o.cluster.Server.Exec(t, o.database.Name, statements...)
}

func (o *onPostgres) query(t *testing.T, statement string) string {
	t.Helper()
	return o.cluster.Server.Query(t, o.database.Name, statement)
}
