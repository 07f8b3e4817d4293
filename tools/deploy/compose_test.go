package deploy_test

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"
)

// replicas are the servers of compose.yaml.
func replicas() []string { return []string{"hufu-1", "hufu-2", "hufu-3"} }

func composed(t *testing.T, store string) *types.Project {
	t.Helper()
	dir := filepath.Join(root(t), "deploy/compose")
	opt, err := cli.NewProjectOptions(
		[]string{filepath.Join(dir, "compose.yaml"), filepath.Join(dir, store)},
		cli.WithWorkingDirectory(dir), cli.WithProfiles([]string{"init"}), cli.WithEnv([]string{"HUFU_USER=1000:1000"}),
	)
	if err != nil {
		t.Fatal(err)
	}
	p, err := opt.LoadProject(t.Context())
	if err != nil {
		t.Fatalf("%s: %v", store, err)
	}
	return p
}

func TestComposeTakesBothStores(t *testing.T) {
	t.Parallel()
	for _, store := range []string{"postgres", "redis"} {
		p := composed(t, store+".yaml")
		want := append(replicas(), "keyset", "nginx", store)
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(p.Services))); diff != "" {
			t.Errorf("services with %s (-want +got):\n%s", store, diff)
		}
		for _, name := range replicas() {
			s := p.Services[name]
			if d := s.DependsOn[store]; d.Condition != types.ServiceConditionHealthy {
				t.Errorf("%s does not wait for %s to be healthy: %q", name, store, d.Condition)
			}
			if s.StopGracePeriod == nil || time.Duration(*s.StopGracePeriod) < stop {
				t.Errorf("%s is given %v to stop, and may need %v", name, s.StopGracePeriod, stop)
			}
			if h := s.HealthCheck; h == nil || !slices.Equal(h.Test, []string{"CMD", "hufu", "health"}) {
				t.Errorf("%s has the health check %v", name, h)
			}
			s.Name = ""
			first := p.Services[replicas()[0]]
			first.Name = ""
			if diff := cmp.Diff(first, s); diff != "" {
				t.Errorf("%s is not like the others (-want +got):\n%s", name, diff)
			}
		}
		if p.Services[store].HealthCheck == nil {
			t.Errorf("%s has no health check", store)
		}
		if !p.Networks["store"].Internal || len(p.Services[store].Networks) != 1 || len(p.Services[store].Ports) != 0 {
			t.Errorf("%s can be reached from outside", store)
		}
	}
}

// Secrets are files (I6): whoever may ask the engine sees environments and command lines.
func TestNoSecretIsInAContainersEnvironmentOrCommandLine(t *testing.T) {
	t.Parallel()
	for _, store := range []string{"postgres.yaml", "redis.yaml"} {
		p := composed(t, store)
		for name, s := range p.Services {
			for k, v := range s.Environment {
				if lower := strings.ToLower(k); v != nil && !strings.HasSuffix(k, "_FILE") &&
					(strings.Contains(lower, "pass") || strings.Contains(lower, "secret") || strings.Contains(lower, "key")) {
					t.Errorf("%s has %s in its environment", name, k)
				}
			}
			for _, secret := range s.Secrets {
				if p.Secrets[secret.Source].File == "" {
					t.Errorf("secret %s of %s is no file", secret.Source, name)
				}
			}
		}
	}
}

func TestEveryContainerHasOnlyWhatItNeeds(t *testing.T) {
	t.Parallel()
	for _, store := range []string{"postgres.yaml", "redis.yaml"} {
		for name, s := range composed(t, store).Services {
			if !slices.Contains(s.SecurityOpt, "no-new-privileges:true") || s.Privileged {
				t.Errorf("%s may gain privileges", name)
			}
			// The image of PostgreSQL changes owners and users while it starts.
			if name != "postgres" && (!s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"})) {
				t.Errorf("%s: read-only %v, drops %v", name, s.ReadOnly, s.CapDrop)
			}
			if image, tag, _ := strings.Cut(s.Image, ":"); tag == "" || tag == "latest" {
				t.Errorf("image %s has no tag that means anything", image)
			}
		}
	}
}

func TestFilesThatComposeMountsAreThere(t *testing.T) {
	t.Parallel()
	ours := ignoredBy(t, filepath.Join(root(t), "deploy/compose/.gitignore"))
	for _, store := range []string{"postgres.yaml", "redis.yaml"} {
		p := composed(t, store)
		for name, s := range p.Services {
			for _, v := range s.Volumes {
				if v.Type != types.VolumeTypeBind || ours(v.Source) {
					continue
				}
				read(t, v.Source)
				if !v.ReadOnly {
					t.Errorf("%s may write %s", name, v.Source)
				}
			}
		}
		for name, s := range p.Secrets {
			if !ours(s.File) {
				t.Errorf("secret %s is at %s, which git would take", name, s.File)
			}
		}
	}
}

// ignoredBy tells which files are in a folder that .gitignore names.
func ignoredBy(t *testing.T, gitignore string) func(string) bool {
	t.Helper()
	var dirs []string
	for line := range strings.Lines(read(t, gitignore)) {
		if d, ok := strings.CutSuffix(strings.TrimSpace(line), "/"); ok {
			dirs = append(dirs, filepath.Join(filepath.Dir(gitignore), d))
		}
	}
	return func(path string) bool {
		return slices.ContainsFunc(dirs, func(d string) bool { return path == d || strings.HasPrefix(path, d+"/") })
	}
}

func TestTheServerTakesTheConfigurationOfCompose(t *testing.T) {
	t.Parallel()
	checkConfig(t, read(t, filepath.Join(root(t), "deploy/compose/hufu.yaml")))
}
