package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
)

// deaths is as in platforms/check.mjs: an app is promised to survive five at any moments, and
// the gaps between the renewals after them grow.
const deaths = 4

// app is one of WeCom, as the platform saw it.
type app struct {
	Name    string         `json:"app"`
	Issues  int            `json:"issues"`
	Refused map[string]int `json:"refusals"`
	Faults  []string       `json:"faults,omitempty"`

	agent string
}

// platforms plays business servers of a corp of WeCom with two agents, which have their
// tokens ended meanwhile. One Hufu key is for both, so that it has the app's name behind it
// where the SDK wants the secret. No call may fail, and no server may ask for another token.
//
// usage: sdkcheck platforms BASE_URL SANDBOX_URL
//
// SDKCHECK_CORP and SDKCHECK_AGENTS, a list of NAME=AGENT, are in the environment, and the
// keys as SDKCHECK_KEY_GO_{REAL,VIRTUAL}.
func platforms(args []string) error {
	corp, agents := os.Getenv("SDKCHECK_CORP"), strings.Fields(os.Getenv("SDKCHECK_AGENTS"))
	if len(args) != 2 || corp == "" || len(agents) == 0 {
		return errors.New("usage: platforms BASE_URL SANDBOX_URL, with the corp and its agents in the environment")
	}
	if err := moveSilenceper(strings.TrimRight(args[0], "/")); err != nil {
		return err
	}
	sandbox := sandbox{url: strings.TrimRight(args[1], "/")}
	apps := make([]app, len(agents))
	of := make([][]*server, len(agents))
	for i, a := range agents {
		name, id, _ := strings.Cut(a, "=")
		apps[i] = app{Name: name, agent: id}
		for _, handout := range []string{"REAL", "VIRTUAL"} {
			key := os.Getenv("SDKCHECK_KEY_GO_" + handout)
			if key == "" {
				return fmt.Errorf("no key for %s in the environment", handout)
			}
			calls, kept := agent(corp, id, key+"."+name)
			s := newServer(strings.ToLower("silenceper work, "+handout+", ")+name, key, calls, kept)
			s.once = true
			of[i] = append(of[i], s)
		}
	}
	errs := make([]error, len(apps))
	var wg sync.WaitGroup
	for i := range apps {
		wg.Go(func() { errs[i] = apps[i].live(sandbox, corp, of[i]) })
	}
	wg.Wait()
	var servers []*server
	for _, s := range of {
		servers = append(servers, s...)
	}
	return errors.Join(append(errs, report(servers, apps))...)
}

// live ends the app's token again and again while its servers make their calls.
func (a *app) live(sandbox sandbox, corp string, servers []*server) error {
	const platform = "wecom"
	id := corp + ":" + a.agent
	for _, s := range servers {
		s.round(false)
	}
	for i := range deaths {
		if err := sandbox.kill(platform, id); err != nil {
			return err
		}
		var wg sync.WaitGroup
		for _, s := range servers {
			wg.Go(func() { s.round(i%2 == 0) })
		}
		wg.Wait()
	}
	truth, err := sandbox.truth(platform, id)
	if err != nil {
		return err
	}
	a.Issues, a.Refused = truth.issues, truth.refused
	// One for the start and one for each death, however many calls met it at the same time.
	if want := 1 + deaths; a.Issues != want {
		a.Faults = append(a.Faults, fmt.Sprintf("%d tokens were issued, want %d", a.Issues, want))
	}
	refused := 0
	for _, n := range a.Refused {
		refused += n
	}
	if refused < deaths {
		a.Faults = append(a.Faults, fmt.Sprintf("%d calls met a dead token, want %d at least", refused, deaths))
	}
	for _, m := range truth.misuses {
		a.Faults = append(a.Faults, "Hufu misused the platform: "+m)
	}
	return nil
}
