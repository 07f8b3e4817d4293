package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// stop is how long a server may take from SIGTERM to its end: 15 s for what is in flight
// (stopTimeout in cmd/hufu), and some more for renewals, sinks and audit.
const stop = 40 * time.Second

// root is the folder of the repository.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// checkConfig has the server itself check a configuration. The folder /run/hufu of its
// container, with the secrets that every fleet has, is made up; more are named by env.
func checkConfig(t *testing.T, config string, env ...string) {
	t.Helper()
	dir := t.TempDir()
	run := filepath.Join(dir, "run")
	for name, content := range map[string]string{
		"run/store-url":      "postgres://hufu:made-up@postgres:5432/hufu?sslmode=disable\n",
		"run/data/admin.key": strings.Repeat("0123456789abcdef", 4) + "\n",
		"run/shop":           "0123456789abcdef0123456789abcdef\n",
	} {
		write(t, filepath.Join(dir, name), content, 0o600)
	}
	file := filepath.Join(dir, "hufu.yaml")
	write(t, file, strings.ReplaceAll(config, "/run/hufu/", run+"/"), 0o644)

	hufu := filepath.Join(dir, "hufu")
	// As in the Makefile, so that it is built once for all.
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", hufu, "./cmd/hufu")
	build.Dir, build.Env = root(t), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), hufu, "check-config", "--config", file)
	cmd.Env = env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("hufu check-config: %v\n%s\nof\n%s", err, out, config)
	}
}

func write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// command runs a program in dir and returns what it printed.
func command(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}
