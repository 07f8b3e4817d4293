package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/client"
)

// maxImport is far above a table of a hundred thousand apps.
const maxImport = 64 << 20

// importFlags are those of the command.
type importFlags struct {
	format string
	cache  importCache
	apps   appImporter
}

func newImport() *cobra.Command {
	cmd := &cobra.Command{
		Use: "import [FILE]", Short: "Import apps, and the tokens that they have elsewhere",
		Long: "Import apps from a table (.csv, .tsv) with a header row, or from a list (.yaml, .json);\n" +
			"with - from standard input. Columns are named like the fields of an app:\n\n" +
			"  id, platform (wechat if empty), app_id, secret, mode, base_url, params.NAME, …\n" +
			"  token, kind (access_token if empty), expires_in or expiry\n" +
			"  jsapi_ticket, jsapi_ticket_expires_in or jsapi_ticket_expiry, and so on for other kinds\n\n" +
			"secret and the tokens may be ${NAME}, which the environment has; secret_file, token_file\n" +
			"and so on name a file. A token that an app has elsewhere is used here until it is due, so\n" +
			"that no new one is issued; stop what renews it elsewhere first.\n\n" +
			"With --redis the tokens are read from the keys that an SDK keeps in Redis, which is only\n" +
			"read: of the apps of FILE, or with --tokens-only and no FILE of all apps of the server.\n\n" +
			"If any line is faulty, by itself or for the server, which is asked before, nothing is\n" +
			"imported, and each fault is reported. An import that broke off is simply done again: what\n" +
			"is here already stays as it is. The exit code is 1 if one of the apps could not be\n" +
			"imported.",
		Args: args(cobra.MaximumNArgs(1)),
	}
	var in importFlags
	out := outputFlag(cmd)
	f := cmd.Flags()
	f.StringVar(&in.format, "format", "", "csv, yaml or json (default: by the file's ending)")
	f.BoolVar(&in.apps.dry, "dry-run", false, "say what would be done, and change nothing")
	f.BoolVar(&in.apps.replace, "replace", false, "change apps that are there already and differ; a secret is set anew")
	f.BoolVar(&in.apps.replaceTokens, "replace-tokens", false, "use a token although another one of the app lives here")
	f.BoolVar(&in.apps.tokensOnly, "tokens-only", false, "import tokens only, of apps that are there already, those of the server's file included")
	f.StringVar(&in.cache.url, "redis", "", "read tokens from this Redis: redis://[user:password@]host:port/db; ${NAME} in it is read from the environment")
	f.StringVar(&in.cache.from, "from", "", "whose keys are in Redis: wxjava, easywechat or silenceper")
	f.StringVar(&in.cache.prefix, "prefix", "", "what the keys in Redis begin with, if the SDK was told so")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := in.cache.check(); err != nil {
			return usageOf(cmd, err)
		}
		if len(args) == 0 && (in.cache.url == "" || !in.apps.tokensOnly) {
			return usageOf(cmd, errors.New("FILE is missing; only --tokens-only with --redis goes without"))
		}
		return in.run(cmd, args, out)
	}
	return cmd
}

func (in *importFlags) run(cmd *cobra.Command, args []string, out output) error {
	var apps []importApp
	if len(args) > 0 {
		var err error
		if apps, err = in.readFile(cmd, args[0]); err != nil {
			return err
		}
	}
	c, err := dial()
	if err != nil {
		return err
	}
	in.apps.server = c
	ctx := cmd.Context()
	if in.apps.tokensOnly {
		if apps, err = known(ctx, c, apps, len(args) == 0); err != nil {
			return err
		}
	}
	if in.cache.url != "" {
		cache, err := in.cache.open(ctx)
		if err != nil {
			return err
		}
		defer cache.Close()
		if err := fillFrom(ctx, cache, apps); err != nil {
			return err
		}
	}
	faults, err := in.apps.check(ctx, apps)
	if err != nil {
		cmd.PrintErrln(err)
	}
	if len(faults) > 0 {
		return tellFaults(cmd, args[0], faults)
	}
	counts := map[string]int{}
	results := []appResult{}
	for _, a := range apps {
		if err := ctx.Err(); err != nil {
			break
		}
		r := in.apps.run(ctx, a)
		counts[r.Result]++
		results = append(results, r)
	}
	err = errors.Join(ctx.Err(), out.print(cmd, importReport{results}, func(t *table) { printImport(t, results) }))
	if in.apps.dry {
		cmd.PrintErr("dry run, nothing was changed: ")
	}
	cmd.PrintErrf("%d imported, %d replaced, %d unchanged, %d failed\n", counts[imported], counts[replaced], counts[unchanged], counts[failed])
	if err == nil && counts[failed] > 0 {
		err = errors.New("not everything was imported")
	}
	return err
}

// importReport is what --json prints.
type importReport struct {
	Results []appResult `json:"results"`
}

// readFile reads all apps of a file, or says all that is wrong with it.
func (in *importFlags) readFile(cmd *cobra.Command, name string) ([]importApp, error) {
	r := importReader{now: time.Now(), since: time.Now(), getenv: os.LookupEnv, bare: in.apps.tokensOnly, ids: map[string]int{}}
	data, err := r.open(cmd.InOrStdin(), name)
	if err != nil {
		return nil, err
	}
	var items []importItem
	var faults []importFault
	switch format := cmp.Or(in.format, strings.TrimPrefix(strings.ToLower(filepath.Ext(name)), ".")); format {
	case "csv", "tsv":
		var ignored []string
		items, ignored, faults = readTable(data, r.bare)
		if len(ignored) > 0 {
			cmd.PrintErrf("columns that are not read: %s\n", printable(strings.Join(ignored, ", ")))
		}
	case "yaml", "yml", "json":
		items, faults = readList(data)
	default:
		return nil, usageOf(cmd, errors.New("the file's ending does not say what it is: give --format csv, yaml or json"))
	}
	if warning := exposed(name, r.info, items); warning != "" {
		cmd.PrintErrln(printable(warning))
	}
	var apps []importApp
	for _, item := range items {
		a, wrong := r.read(item)
		apps, faults = append(apps, a), append(faults, wrong...)
	}
	if len(faults) == 0 && len(apps) == 0 {
		faults = append(faults, importFault{1, "there is no app"})
	}
	if len(faults) > 0 {
		return nil, tellFaults(cmd, name, faults)
	}
	return apps, nil
}

// tellFaults prints all faults of a file.
func tellFaults(cmd *cobra.Command, name string, faults []importFault) error {
	slices.SortStableFunc(faults, func(x, y importFault) int { return cmp.Compare(x.line, y.line) })
	for _, f := range faults {
		cmd.PrintErrln(printable(name + ": " + f.String()))
	}
	return fmt.Errorf("%s, so that nothing was imported", count(len(faults), "fault"))
}

// open reads the file. Seconds in it are counted from when it was written, where that is
// known.
func (r *importReader) open(stdin io.Reader, name string) ([]byte, error) {
	in := stdin
	if name != "-" {
		f, err := os.Open(name) //nolint:gosec // The path is the operator's.
		if err != nil {
			return nil, fmt.Errorf("read the apps: %w", err)
		}
		defer f.Close() //nolint:errcheck // Nothing was written to it.
		if r.info, err = f.Stat(); err != nil {
			return nil, fmt.Errorf("read the apps: %w", err)
		}
		if r.info.Mode().IsRegular() && r.info.ModTime().Before(r.now) {
			r.since = r.info.ModTime()
		}
		in, r.dir = f, filepath.Dir(name)
	}
	data, err := io.ReadAll(io.LimitReader(in, maxImport+1))
	if err != nil {
		return nil, fmt.Errorf("read the apps: %w", err)
	}
	if len(data) > maxImport {
		return nil, errors.New("read the apps: the file is too long; split it")
	}
	return data, nil
}

// known completes apps by what the server knows of them, so that their keys in Redis can be
// named; all: they are all of the server's.
func known(ctx context.Context, c *client.Client, apps []importApp, all bool) ([]importApp, error) {
	if all {
		there, err := allApps(ctx, c)
		if err != nil {
			return nil, err
		}
		for _, a := range there {
			apps = append(apps, importApp{app: api.App{ID: a.ID}, fields: map[string]any{"id": a.ID}})
			complete(&apps[len(apps)-1], a)
		}
		return apps, nil
	}
	for i := range apps {
		// One that is not there is told of later.
		if now, err := c.App(ctx, apps[i].app.ID); err == nil {
			complete(&apps[i], now)
		}
	}
	return apps, nil
}

func complete(a *importApp, now api.App) {
	a.app.Platform = cmp.Or(a.app.Platform, now.Platform)
	a.app.AppID, a.app.Mode = cmp.Or(a.app.AppID, now.AppID), cmp.Or(a.app.Mode, now.Mode)
	if params := fieldsOf(now)["params"]; a.fields["params"] == nil && params != nil {
		a.fields["params"] = params
	}
}

func printImport(t *table, results []appResult) {
	t.row("LINE", "ID", "PLATFORM", "RESULT", "TOKENS", "NOTES")
	for _, r := range results {
		var tokens []string
		for _, x := range r.Tokens {
			tokens = append(tokens, fmt.Sprintf("%s %s (%s)", x.Kind, x.Result, time.Duration(x.ExpiresIn)*time.Second))
		}
		line := "-"
		if r.Line > 0 {
			line = fmt.Sprint(r.Line)
		}
		notes := r.Notes
		if r.Error != "" {
			notes = append([]string{r.Error}, notes...)
		}
		t.row(line, r.ID, orDash(r.Platform), r.Result, orDash(strings.Join(tokens, ", ")), strings.Join(notes, "; "))
	}
}
