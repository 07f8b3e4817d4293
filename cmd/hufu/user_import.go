package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hufu-io/hufu/api"
)

const (
	// importAtOnce and importBytes bound what goes into one call: servers bound its size.
	importAtOnce = 200
	importBytes  = 128 << 10
	// maxImportLine is far above the length of a grant.
	maxImportLine = 64 << 10
)

func newUserImport() *cobra.Command {
	cmd := &cobra.Command{
		Use: "import APP FILE", Short: "Import what users have granted elsewhere",
		Long: "Import what users have granted the app elsewhere, from a file or, with -, from standard\n" +
			"input. Each line is a JSON object:\n\n" +
			`  {"openid":"o…","unionid":"o…","scope":"snsapi_userinfo","refresh_token":"…","deadline":"2026-12-21T10:00:00Z",` + "\n" +
			`   "access_token":"…","expiry":"2026-11-21T10:00:00Z","authorized":"2026-11-21T08:00:00Z"}` + "\n\n" +
			"openid, scope and one of the tokens are required, expiry with an access_token. Whoever\n" +
			"holds the refresh tokens elsewhere stops using them first. What is here already and is\n" +
			"not older stays, so that an import that broke off is simply done again. The exit code is\n" +
			"1 if one of them could not be imported.",
		Args: args(cobra.ExactArgs(2)),
	}
	out := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		in := cmd.InOrStdin()
		if args[1] != "-" {
			f, err := os.Open(args[1])
			if err != nil {
				return fmt.Errorf("read the users: %w", err)
			}
			defer f.Close() //nolint:errcheck // Nothing was written to it.
			in = f
		}
		c, err := dial()
		if err != nil {
			return err
		}
		i := importer{app: args[0], send: c.ImportUsers, counts: map[string]int{}}
		err = errors.Join(i.run(cmd.Context(), in), out.print(cmd, i.all(), i.print))
		cmd.PrintErrf("%d imported, %d kept that were here already, %d failed\n", i.counts[api.ImportDone], i.counts[api.ImportKept], i.counts[api.ImportFailed])
		if err == nil && i.counts[api.ImportFailed] > 0 {
			err = errors.New("not everything was imported")
		}
		return err
	}
	return cmd
}

// importer sends a file in portions.
type importer struct {
	app  string
	send func(context.Context, string, []api.ImportedUser) ([]api.Imported, error)

	counts  map[string]int
	results []api.Imported
	told    []string // what is to be said of those that failed

	batch []api.ImportedUser
	lines []int // of the batch
	size  int
}

// run imports line by line. It stops at a line that is none, having imported what comes
// before it.
func (i *importer) run(ctx context.Context, in io.Reader) error {
	sc := bufio.NewScanner(in)
	sc.Buffer(nil, maxImportLine)
	n := 0
	for sc.Scan() {
		n++
		line := bytes.TrimSpace(sc.Bytes())
		if len(line) == 0 {
			continue
		}
		u, err := importLine(line)
		if err != nil {
			return errors.Join(i.flush(ctx), fmt.Errorf("line %d: %w", n, err))
		}
		i.batch, i.lines, i.size = append(i.batch, u), append(i.lines, n), i.size+len(line)
		if len(i.batch) >= importAtOnce || i.size >= importBytes {
			if err := i.flush(ctx); err != nil {
				return err
			}
		}
	}
	if err := sc.Err(); err != nil {
		return errors.Join(i.flush(ctx), fmt.Errorf("read line %d: %w", n+1, err))
	}
	return i.flush(ctx)
}

// flush sends what has come together.
func (i *importer) flush(ctx context.Context) error {
	if len(i.batch) == 0 {
		return nil
	}
	first, last := i.lines[0], i.lines[len(i.lines)-1]
	results, err := i.send(ctx, i.app, i.batch)
	if err != nil {
		return fmt.Errorf("import lines %d to %d, and nothing after them: %w", first, last, explained(err))
	}
	for k, r := range results {
		i.counts[r.Result]++
		if r.Problem != nil && k < len(i.lines) {
			i.told = append(i.told, fmt.Sprintf("line %d, %s: %s", i.lines[k], r.OpenID, r.Problem.Error()))
		}
	}
	i.results = append(i.results, results...)
	i.batch, i.lines, i.size = i.batch[:0], i.lines[:0], 0
	return nil
}

func (i *importer) all() api.ImportResult {
	return api.ImportResult{Results: append([]api.Imported{}, i.results...)}
}

func (i *importer) print(t *table) {
	for _, line := range i.told {
		t.row(line)
	}
}

// importLine reads one grant. The error quotes nothing of the line but the names of fields:
// there are tokens in it.
func importLine(line []byte) (api.ImportedUser, error) {
	var u api.ImportedUser
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	err := d.Decode(&u)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			return u, errors.New("something follows the JSON object")
		}
		return u, nil
	}
	if typ, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return u, fmt.Errorf("the field %q has the wrong type", typ.Field)
	}
	if syn, ok := errors.AsType[*json.SyntaxError](err); ok {
		return u, fmt.Errorf("it is no JSON object: syntax error at byte %d", syn.Offset)
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return u, fmt.Errorf("unknown field %.40s", name)
	}
	return u, errors.New("it cannot be read; times are written as 2026-11-21T10:00:00Z")
}
