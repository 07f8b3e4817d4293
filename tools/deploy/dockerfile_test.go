package deploy_test

import (
	"bytes"
	"context"
	"debug/elf"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/opencontainers/go-digest"
)

func dockerfile(t *testing.T) []byte {
	t.Helper()
	return []byte(read(t, filepath.Join(root(t), "deploy/docker/Dockerfile")))
}

func stages(t *testing.T) []instructions.Stage {
	t.Helper()
	parsed, err := parser.Parse(bytes.NewReader(dockerfile(t)))
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := instructions.Parse(parsed.AST, linter.New(&linter.Config{}))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestBuildKitHasNothingToSayAboutTheDockerfile(t *testing.T) {
	t.Parallel()
	text := dockerfile(t)
	source := llb.NewSourceMap(nil, "Dockerfile", "Dockerfile", text)
	source.Definition = &llb.Definition{}
	res, err := dockerfile2llb.DockerfileLint(t.Context(), text, dockerfile2llb.ConvertOpt{
		Config:       dockerui.Config{LinterConfig: &linter.Config{ExperimentalAll: true}},
		SourceMap:    source,
		MetaResolver: noRegistry{},
	})
	if err != nil {
		t.Fatal(err)
	}
	if res.Error != nil {
		t.Error(res.Error.Message)
	}
	for _, w := range res.Warnings {
		t.Errorf("%s: %s (%s)", w.RuleName, w.Detail, w.Description)
	}
}

// noRegistry knows every image, and nothing of it.
type noRegistry struct{}

func (noRegistry) ResolveImageConfig(_ context.Context, ref string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	return ref, "", []byte(`{"os":"linux","architecture":"amd64"}`), nil
}

func TestTheImageIsPinnedAndRunsAsNobody(t *testing.T) {
	t.Parallel()
	list := stages(t)
	for _, s := range list[:len(list)-1] {
		if name, tag, _ := strings.Cut(s.BaseName, ":"); tag == "" || tag == "latest" {
			t.Errorf("image %s has no tag that means anything", name)
		}
	}
	last := list[len(list)-1]
	if last.BaseName != "scratch" {
		t.Errorf("the image is made from %s", last.BaseName)
	}
	user := ""
	for _, c := range last.Commands {
		switch c := c.(type) {
		case *instructions.UserCommand:
			user = c.User
		case *instructions.RunCommand:
			t.Error("there is no shell to run anything with")
		}
	}
	// Kubernetes can tell by a number only that a user is not root.
	if !regexp.MustCompile(`^[1-9][0-9]*:[1-9][0-9]*$`).MatchString(user) {
		t.Errorf("user %q", user)
	}
}

// There is no engine to build an image with, so its steps are taken by hand: what
// .dockerignore lets through is copied, and each RUN runs in a shell of this machine, with
// the absolute paths that it writes to moved into a folder of the test.
func TestTheStepsOfTheDockerfileMakeTheImage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	src, made := filepath.Join(dir, "src"), filepath.Join(dir, "made")
	copyContext(t, src)
	if err := os.Mkdir(made, 0o700); err != nil {
		t.Fatal(err)
	}
	list := stages(t)
	build, image := list[0], list[len(list)-1]

	env := append(os.Environ(), "GOFLAGS=")
	given := map[string]string{
		"VERSION": "v1.2.3-check", "COMMIT": "0123456789ab", "TARGETOS": runtime.GOOS, "TARGETARCH": runtime.GOARCH,
	}
	move := strings.NewReplacer(" /image/", " "+made+"/image/", " /empty", " "+made+"/empty")
	for _, c := range build.Commands {
		switch c := c.(type) {
		case *instructions.ArgCommand:
			for _, a := range c.Args {
				if v, ok := given[a.Key]; ok {
					env = append(env, a.Key+"="+v)
				}
			}
		case *instructions.RunCommand:
			cmd := exec.CommandContext(t.Context(), "sh", "-ec", move.Replace(strings.Join(c.CmdLine, " ")))
			cmd.Dir, cmd.Env = src, env
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", c, err, out)
			}
		}
	}

	var path, entry string
	var health []string
	for _, c := range image.Commands {
		switch c := c.(type) {
		case *instructions.CopyCommand:
			for _, p := range c.SourcePaths {
				if _, err := os.Stat(filepath.Join(made, p)); err != nil {
					t.Errorf("%s: %v", c, err)
				}
			}
		case *instructions.EnvCommand:
			path = c.Env[0].Value
		case *instructions.EntrypointCommand:
			entry = c.CmdLine[0]
		case *instructions.HealthCheckCommand:
			health = c.Health.Test
		}
	}
	binary := filepath.Join(made, "image", path, entry)
	out := command(t, dir, binary, "version")
	if !strings.Contains(out, given["VERSION"]) || !strings.Contains(out, given["COMMIT"]) {
		t.Errorf("hufu version does not know its build:\n%s", out)
	}
	// Without a shell, and with a program and flags that are there.
	if len(health) < 3 || health[0] != "CMD" || health[1] != entry {
		t.Errorf("the health check is %v", health)
	} else {
		command(t, dir, binary, append(health[2:len(health):len(health)], "--help")...)
	}
	f, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Error("the binary wants a dynamic linker, which the image does not have")
	}
	if _, err := os.Stat(filepath.Join(made, "image/etc/ssl/certs/ca-certificates.crt")); err != nil {
		t.Error(err)
	}
}

// copyContext copies what Dockerfile.dockerignore lets through.
func copyContext(t *testing.T, to string) {
	t.Helper()
	from := root(t)
	patterns, err := ignorefile.ReadAll(strings.NewReader(read(t, filepath.Join(from, "deploy/docker/Dockerfile.dockerignore"))))
	if err != nil {
		t.Fatal(err)
	}
	ignored, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() && (rel == ".git" || rel == "bin" || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if !d.Type().IsRegular() {
			return nil
		}
		skip, err := ignored.MatchesOrParentMatches(rel)
		if err != nil || skip {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		write(t, filepath.Join(to, rel), string(data), 0o600)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, private := range []string{".git", "hufu.yaml", "data", "deploy", "bin"} {
		if _, err := os.Stat(filepath.Join(to, private)); err == nil {
			t.Errorf("%s would go into the image's build", private)
		}
	}
}
