package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/sdkcache"
)

// importCache is where an SDK keeps tokens, as the command line says it.
type importCache struct {
	url, from, prefix string
}

// check says what is wrong with the flags.
func (c importCache) check() error {
	if c.url == "" {
		if c.from != "" || c.prefix != "" {
			return errors.New("--from and --prefix go with --redis")
		}
		return nil
	}
	if c.from == "" {
		return errors.New("--from is missing: whose keys are in Redis, wxjava, easywechat or silenceper")
	}
	_, err := sdkcache.Find(c.from)
	return err
}

// open connects. A password need not be on the command line, where others can see it:
// ${NAME} stands for what the environment has.
func (c importCache) open(ctx context.Context) (*sdkcache.Cache, error) {
	missing := ""
	at := regexp.MustCompile(`\$\{[A-Za-z_][A-Za-z0-9_]*\}`).ReplaceAllStringFunc(c.url, func(ref string) string {
		v, ok := os.LookupEnv(ref[2 : len(ref)-1])
		if !ok {
			missing = ref[2 : len(ref)-1]
		}
		return v
	})
	if missing != "" {
		return nil, fmt.Errorf("--redis: the environment variable %.64s is not set", missing)
	}
	sdk, err := sdkcache.Find(c.from)
	if err != nil {
		return nil, err
	}
	return sdkcache.Open(ctx, broker.NewSecret(at), sdk, c.prefix)
}

// fillFrom adds to each app the tokens that the SDK has of it, but for the kinds that it has
// already.
func fillFrom(ctx context.Context, cache *sdkcache.Cache, apps []importApp) error {
	crowd := map[string]int{}
	for i := range apps {
		crowd[apps[i].app.Platform+" "+apps[i].app.AppID]++
	}
	for i := range apps {
		a := &apps[i]
		x := sdkcache.App{Platform: a.app.Platform, AppID: a.app.AppID, Mode: a.app.Mode, Alone: crowd[a.app.Platform+" "+a.app.AppID] == 1}
		if params, ok := a.fields["params"].(map[string]any); ok {
			x.AgentID, _ = params["agent_id"].(string)
		}
		if len(a.app.Secret) > 0 {
			x.Secret = broker.NewSecret(a.app.Secret[0])
		}
		found, notes, err := cache.Tokens(ctx, x)
		if err != nil {
			return fmt.Errorf("app %s: %w", a.app.ID, err)
		}
		for _, t := range found {
			if !slices.ContainsFunc(a.tokens, func(other importToken) bool { return other.kind == string(t.Kind) }) {
				a.tokens = append(a.tokens, importToken{kind: string(t.Kind), token: t.Value, ends: t.Read.Add(t.Left).Round(0)})
			}
		}
		if len(a.tokens) == 0 && len(notes) == 0 {
			notes = []string{"no token of it is in Redis"}
		}
		if x.Secret.IsZero() && cache.NeedsSecret() {
			notes = append(notes, "its secret is not in the file, and the SDK's key has it in it")
		}
		a.notes = append(a.notes, notes...)
	}
	return nil
}
