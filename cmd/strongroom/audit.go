package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"strongroom/internal/app"
	"strongroom/internal/audit"
	"strongroom/internal/store"
)

type auditCommand struct {
	Verify     verifyCommand     `cmd:"" help:"Check that nothing in the audit log was edited, removed, reordered or cut off."`
	Export     exportCommand     `cmd:"" help:"Write every event as a line of JSON, oldest first."`
	Checkpoint checkpointCommand `cmd:"" help:"Write a signed checkpoint and print it, to be kept off this host."`
}

// Help implements kong.HelpProvider.
func (auditCommand) Help() string { return example("strongroom audit verify --data .strongroom") }

type verifyCommand struct {
	Checkpoint string `help:"File with checkpoints that were kept off the host; the last one counts. -: stdin." type:"path" placeholder:"FILE"`
}

// Help implements kong.HelpProvider.
func (verifyCommand) Help() string {
	return `Works while a server runs. Ends with status 0 where the log is whole; otherwise with 1, and a line for each problem. Without a checkpoint from off the host, nobody can tell whether the whole database was taken back to an earlier state.

` + example("strongroom audit verify --data .strongroom", "strongroom audit verify --checkpoint /mnt/elsewhere/checkpoints.jsonl")
}

// Run verifies the log.
func (c *verifyCommand) Run(ctx context.Context, root *cli, sys system) error {
	if err := root.settings().Validate(false); err != nil {
		return err
	}
	checkpoint, err := c.read(sys.stdin)
	if err != nil {
		return err
	}
	return root.look(ctx, func(s store.Store) error {
		options, err := app.Verification(ctx, root.settings(), s)
		if err != nil {
			return err
		}
		options.Checkpoint = checkpoint
		report, err := audit.Verify(ctx, s, options)
		if err != nil {
			return err
		}
		return printReport(sys.stdout, report)
	})
}

// read returns the last checkpoint of the file, nil where none is named.
func (c *verifyCommand) read(stdin io.Reader) ([]byte, error) {
	if c.Checkpoint == "" {
		return nil, nil
	}
	in := stdin
	if c.Checkpoint != "-" {
		f, err := os.Open(c.Checkpoint)
		if err != nil {
			return nil, fmt.Errorf("the checkpoint cannot be read: %w", err)
		}
		defer f.Close()
		in = f
	}
	line, err := lastLine(in)
	if err != nil {
		return nil, fmt.Errorf("the checkpoint cannot be read: %w", err)
	}
	if line == nil {
		return nil, errors.New("the checkpoint file is empty: name the one that checkpoints were kept in")
	}
	return line, nil
}

// maxCheckpointLine bounds one checkpoint, in bytes.
const maxCheckpointLine = 16 << 20

// lastLine returns the last line that is not blank, nil where there is none.
func lastLine(r io.Reader) ([]byte, error) {
	var last []byte
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxCheckpointLine)
	for lines.Scan() {
		if text := bytes.TrimSpace(lines.Bytes()); len(text) > 0 {
			last = append(last[:0], text...)
		}
	}
	return last, lines.Err()
}

// printReport says what was found; its error is the verdict.
func printReport(w io.Writer, r audit.Report) error {
	if err := printProblems(w, r); err != nil {
		return err
	}
	if !r.OK() {
		return fmt.Errorf("the audit log is not as it was written (problems: %d)", r.ProblemCount)
	}
	_, err := fmt.Fprintf(w, "The audit log is whole (events: %d, chains: %d, checkpoints: %d).\n", r.Events, r.Chains, r.Checkpoints)
	if err == nil && len(r.Unclosed) > 0 {
		_, err = fmt.Fprintf(w, "Chains without an end, whose processes run or have crashed: %d.\n", len(r.Unclosed))
	}
	return err
}

// printProblems writes a line for each problem of an audit log.
func printProblems(w io.Writer, r audit.Report) error {
	for _, p := range r.Problems {
		where := "checkpoint"
		if p.Chain != uuid.Nil {
			where = "chain " + p.Chain.String()
		}
		if p.Sequence > 0 {
			where = fmt.Sprintf("%s %d", where, p.Sequence)
		}
		if _, err := fmt.Fprintf(w, "%s: %s: %s\n", p.Kind, where, printable(p.Text)); err != nil {
			return err
		}
	}
	return nil
}

type exportCommand struct {
	Out string `help:"Write to this file, which is replaced once the export is complete, instead of to stdout." type:"path" placeholder:"FILE"`
}

// Help implements kong.HelpProvider.
func (exportCommand) Help() string {
	return "Works while a server runs. Events hold no secrets, but say who used what and when.\n\n" +
		example("strongroom audit export --data .strongroom | jq -c .event", "strongroom audit export --out events.jsonl")
}

// Run exports the log.
func (c *exportCommand) Run(ctx context.Context, root *cli, sys system) error {
	return root.look(ctx, func(s store.Store) error {
		if c.Out == "" {
			return audit.Export(ctx, s, sys.stdout)
		}
		return replaceFile(c.Out, func(w io.Writer) error { return audit.Export(ctx, s, w) })
	})
}

// replaceFile writes a file so that at its path stands all of it or what stood there.
func replaceFile(path string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return fmt.Errorf("the file cannot be written: %w", err)
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

type checkpointCommand struct{}

// Help implements kong.HelpProvider.
func (checkpointCommand) Help() string {
	return `Works while a server runs. Keep the line where whoever can change this host cannot change it.

` + example("strongroom audit checkpoint --data .strongroom | ssh vault 'cat >> checkpoints.jsonl'")
}

// Run writes a checkpoint. Opening and closing the log writes one for this process's own
// chain, which names every other chain that moved as well; the file that checkpoints
// are copied to is where to read it.
func (checkpointCommand) Run(ctx context.Context, root *cli, sys system) (err error) {
	if root.Config.CheckpointFile == "" {
		dir, err := os.MkdirTemp("", "strongroom-checkpoint-*")
		if err != nil {
			return fmt.Errorf("the checkpoint has no place to be written to: %w", err)
		}
		defer os.RemoveAll(dir)
		root.Config.CheckpointFile = filepath.Join(dir, "checkpoints.jsonl")
	}
	if err := root.act(ctx, "audit checkpoint", func(*app.App) error { return nil }); err != nil {
		return err
	}
	f, err := os.Open(root.Config.CheckpointFile)
	if err != nil {
		return fmt.Errorf("the checkpoint cannot be read: %w", err)
	}
	defer f.Close()
	line, err := lastLine(f)
	if err != nil {
		return fmt.Errorf("the checkpoint cannot be read: %w", err)
	}
	_, err = fmt.Fprintf(sys.stdout, "%s\n", line)
	return err
}
