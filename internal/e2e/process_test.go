package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const (
	key    = "e2e-client-key-0123456789abcdef0123456789"
	secret = "e2e0secret0123456789abcdef012345"
)

var binary struct {
	once sync.Once
	dir  string
	path string
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if binary.dir != "" {
		_ = os.RemoveAll(binary.dir)
	}
	os.Exit(code)
}

// hufu builds the binary once, with the race detector where the tests have it too.
func hufu(t *testing.T) string {
	t.Helper()
	binary.once.Do(func() {
		if binary.dir, binary.err = os.MkdirTemp("", "hufu-e2e-"); binary.err != nil {
			return
		}
		binary.path = filepath.Join(binary.dir, "hufu")
		if binary.err = lookAtSources(); binary.err != nil {
			return
		}
		// Beside what users run, its clock can be set wrong.
		args := []string{"build", "-tags", "clockskew", "-o", binary.path}
		if raceEnabled {
			args = append(args, "-race")
		}
		out, err := exec.Command("go", append(args, "github.com/hufu-io/hufu/cmd/hufu")...).CombinedOutput()
		if err != nil {
			binary.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	if binary.err != nil {
		t.Fatal(binary.err)
	}
	return binary.path
}

// lookAtSources has go test know what the binary is made of. Else it would take the results
// of another one for this one's, since no test imports the program.
func lookAtSources() error {
	for _, root := range []string{"../../go.mod", "../../cmd", "../../internal", "../../api", "../../client"} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err == nil {
				_, err = os.Stat(path)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("look at the sources: %w", err)
		}
	}
	return nil
}

// process is one running hufu. Everything it says is kept.
type process struct {
	t       *testing.T
	cmd     *exec.Cmd
	args    []string
	address chan string // gets what url will be
	url     string
	stdout  lockedBuffer
	stderr  lockedBuffer
	killed  atomic.Bool // before the signal is sent
	ended   chan struct{}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start runs hufu and waits for the line with its address: on stderr for serve, the
// first one on stdout for the sandbox.
func start(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	return startWith(t, dir, nil, args...)
}

// startWith is start with more in the environment.
func startWith(t *testing.T, dir string, env []string, args ...string) *process {
	t.Helper()
	cmd := exec.Command(hufu(t), args...)
	cmd.Env = env
	p := launch(t, dir, cmd, args)
	p.await()
	return p
}

// launch runs hufu by the given command. It listens once await has returned.
func launch(t *testing.T, dir string, cmd *exec.Cmd, args []string) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, args: args, address: make(chan string, 1), ended: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Env = append(append(os.Environ(), "GOTRACEBACK=all"), p.cmd.Env...)
	pipe := func(r io.Reader, keep *lockedBuffer, find func(string) string) {
		s := bufio.NewScanner(r)
		s.Buffer(nil, 1<<20)
		for s.Scan() {
			_, _ = fmt.Fprintln(keep, s.Text())
			if a := find(s.Text()); a != "" {
				select {
				case p.address <- a:
				default:
				}
			}
		}
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pipes sync.WaitGroup
	pipes.Go(func() {
		pipe(stdout, &p.stdout, func(s string) string {
			if args[0] == "sandbox" && strings.HasPrefix(s, "http://") {
				return s
			}
			return ""
		})
	})
	pipes.Go(func() {
		pipe(stderr, &p.stderr, func(s string) string {
			if _, a, ok := strings.Cut(s, "listening on "); ok && args[0] == "serve" {
				return strings.TrimSpace(a)
			}
			return ""
		})
	})
	go func() {
		pipes.Wait()
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%v said on stderr:\n%s", args, tail(p.stderr.String()))
		}
	})
	return p
}

// await waits until the process has said where it listens.
func (p *process) await() {
	p.t.Helper()
	select {
	case p.url = <-p.address:
	case <-p.ended:
		p.t.Fatalf("%v ended before it listened: %s", p.args, tail(p.stderr.String()))
	case <-time.After(30 * time.Second):
		p.t.Fatalf("%v does not listen: %s", p.args, tail(p.stderr.String()))
	}
}

func tail(s string) string { return s[max(0, len(s)-4000):] }

// kill ends the process at once, as kill -9 does.
func (p *process) kill() {
	p.killed.Store(true)
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// terminate asks the process to end and returns its exit code.
func (p *process) terminate() int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	select {
	case <-p.ended:
	case <-time.After(30 * time.Second):
		p.t.Fatal("the process does not end after SIGTERM")
	}
	return p.cmd.ProcessState.ExitCode()
}

// short is the policy that goes with the short lifetimes of the acceptance.
const short = "overlap: 6s, renew: {every: 10s}"

// startSandbox runs the simulated platform with two apps.
func startSandbox(t *testing.T, lifetime, overlap string) *process {
	t.Helper()
	return start(t, t.TempDir(), "sandbox", "--listen", "127.0.0.1:0", "--lifetime", lifetime, "--overlap", overlap,
		"--app", "wxstable00000001="+secret, "--app", "wxclassic0000001="+secret)
}

// configure writes a configuration for the two apps and returns its folder.
func configure(t *testing.T, sandbox, policy string, extra ...string) string {
	t.Helper()
	dir := t.TempDir()
	text := fmt.Sprintf(`listen: 127.0.0.1:0
apps:
  - {id: stable, platform: wechat, app_id: wxstable00000001, secret: %[1]s, mode: stable, base_url: "%[2]s", %[4]s}
  - {id: classic, platform: wechat, app_id: wxclassic0000001, secret: %[1]s, mode: classic, base_url: "%[2]s", %[4]s}
clients:
  - {name: e2e, key: %[3]s, apps: ["*"], allow: [read, renew, admin]}
%[5]s`, secret, sandbox, key, policy, strings.Join(extra, "\n"))
	if err := os.WriteFile(filepath.Join(dir, "hufu.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

type token struct {
	Token     string `json:"token"`
	Version   int64  `json:"version"`
	ExpiresIn int64  `json:"expires_in"`
	Code      string `json:"code"`
	Class     string `json:"class"`
	Hint      string `json:"hint"`
}

// call makes one authenticated request and decodes the answer.
func (p *process) call(method, path, body string) (status int, tok token, err error) {
	req, err := http.NewRequest(method, p.url+path, strings.NewReader(body))
	if err != nil {
		return 0, tok, err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, tok, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, tok, err
	}
	if len(b) > 0 {
		err = json.Unmarshal(b, &tok)
	}
	return res.StatusCode, tok, err
}

func (p *process) token(app string) (int, token, error) {
	return p.call(http.MethodGet, "/v1/apps/"+app+"/tokens/access_token", "")
}

// opens asks the platform itself whether a token works.
func opens(sandbox, tok string) (bool, error) {
	res, err := http.Get(sandbox + "/cgi-bin/getcallbackip?access_token=" + tok)
	if err != nil {
		return false, err
	}
	defer res.Body.Close()
	var a struct {
		Errcode int `json:"errcode"`
	}
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil {
		return false, err
	}
	return a.Errcode == 0, nil
}

// post tells the sandbox's control page something.
func post(t *testing.T, url, body string) {
	t.Helper()
	res, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 {
		b, _ := io.ReadAll(res.Body)
		t.Fatalf("%s: %s: %s", url, res.Status, b)
	}
}

// waitFor asks again every few milliseconds until f is true.
func waitFor(t *testing.T, what string, f func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
