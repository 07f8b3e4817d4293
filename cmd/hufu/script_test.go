package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	version = "v0.0.0-script" // As the linker would.
	commands := map[string]func(){"hufu": main}
	// The demo's lines are for a real curl. Where there is none, ours stands in, which
	// then finds itself.
	if _, err := exec.LookPath("curl"); err != nil || filepath.Base(os.Args[0]) == "curl" {
		commands["curl"] = curlMain
	}
	testscript.Main(m, commands)
}

// TestScripts runs the program as its users do: testdata/script has a script for each
// thing they rely on. Beside testscript's own commands there are
//
//	start NAME PROGRAM ARGS...  runs a program, with its output in NAME.out and NAME.err
//	await FILE PATTERN [VAR]    waits for a match in a file or at a URL, and keeps its last group
//	signal NAME SIGNAL          sends TERM, INT or HUP
//	end NAME CODE [SIGNAL]      sends a signal and wants that exit code, soon
//	exits CODE PROGRAM ARGS...  runs a program and wants that exit code
//	keep VAR FILE               keeps a file's text, or stdout, in a variable
//	http STATUS [-key K] [-X METHOD] [-d BODY] [-H 'NAME: VALUE'] URL
//	mode MODE PATH...           wants these permissions
//	pasted FILE                 runs every line of a file with curl with sh
//	crowd N URL                 opens N connections that ask once, if they are let in, and stay
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Values["running"] = map[string]*exec.Cmd{}
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond != "nohup" {
				return false, fmt.Errorf("unknown condition %q", cond)
			}
			return signal.Ignored(syscall.SIGHUP), nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start": cmdStart, "await": cmdAwait, "signal": cmdSignal, "end": cmdEnd, "exits": cmdExits, "keep": cmdKeep,
			"http": cmdHTTP, "mode": cmdMode, "pasted": cmdPasted, "crowd": cmdCrowd,
		},
	})
}

// patience is how long a script waits for something that is bound to happen, on a
// machine that has much else to do.
const patience = 30 * time.Second

// soon is how long a program may take to end. It is shorter than the time for which a
// server waits for requests that do not end, so that it shows which ones do.
const soon = 10 * time.Second

func want(ts *testscript.TestScript, neg bool, args []string, least int) {
	if neg || len(args) < least {
		ts.Fatalf("usage: see TestScripts")
	}
}

func environment(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "HUFU_ADDR", "HUFU_KEY", "SHOP_SECRET", "ORDERS_KEY", "SANDBOX"} {
		if v := ts.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

func cmdStart(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, args, 2)
	name := args[0]
	open := func(suffix string) *os.File {
		f, err := os.Create(ts.MkAbs(name + suffix))
		ts.Check(err)
		return f
	}
	stdout, stderr := open(".out"), open(".err")
	defer func() { ts.Check(errors.Join(stdout.Close(), stderr.Close())) }()
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = ts.MkAbs("."), environment(ts), stdout, stderr
	ts.Check(cmd.Start())
	running := ts.Value("running").(map[string]*exec.Cmd)
	running[name] = cmd
	ts.Defer(func() {
		if running[name] == cmd {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
}

func cmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, args, 2)
	re, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	var data []byte
	for until := time.Now().Add(patience); time.Now().Before(until); <-time.After(10 * time.Millisecond) {
		if strings.HasPrefix(args[0], "http") {
			_, data = exchange(ts, http.MethodGet, args[0], "", http.Header{})
		} else {
			data, _ = os.ReadFile(ts.MkAbs(args[0])) // It may not be there yet.
		}
		if m := re.FindSubmatch(data); m != nil {
			if len(args) > 2 {
				ts.Setenv(args[2], string(m[len(m)-1]))
			}
			return
		}
	}
	ts.Fatalf("%s has no match of %s:\n%s", args[0], args[1], data)
}

func process(ts *testscript.TestScript, name string) *exec.Cmd {
	cmd := ts.Value("running").(map[string]*exec.Cmd)[name]
	if cmd == nil {
		ts.Fatalf("%s does not run", name)
	}
	return cmd
}

func cmdSignal(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, args, 2)
	signals := map[string]os.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "HUP": syscall.SIGHUP}
	ts.Check(process(ts, args[0]).Process.Signal(signals[args[1]]))
}

func cmdEnd(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, args, 2)
	cmd := process(ts, args[0])
	if len(args) > 2 {
		cmdSignal(ts, false, []string{args[0], args[2]})
	}
	began := time.Now()
	timer := time.AfterFunc(soon, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	timer.Stop()
	delete(ts.Value("running").(map[string]*exec.Cmd), args[0])
	if err != nil && cmd.ProcessState == nil {
		ts.Fatalf("wait for %s: %v", args[0], err)
	}
	if got := strconv.Itoa(cmd.ProcessState.ExitCode()); got != args[1] {
		ts.Fatalf("%s: exit code %s after %s, want %s; its stderr:\n%s", args[0], got, time.Since(began), args[1], ts.ReadFile(args[0]+".err"))
	}
}

func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, args, 2)
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

func cmdKeep(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, args, 2)
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}

func cmdHTTP(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, args, 2)
	status := args[0]
	method, body, header := http.MethodGet, "", http.Header{}
	args = args[1:]
	for ; len(args) > 2; args = args[2:] {
		switch args[0] {
		case "-key":
			header.Set("Authorization", "Bearer "+args[1])
		case "-X":
			method = args[1]
		case "-d":
			method, body = http.MethodPost, args[1]
		case "-H":
			name, value, _ := strings.Cut(args[1], ": ")
			header.Set(name, value)
		}
	}
	got, data := exchange(ts, method, args[0], body, header)
	_, _ = ts.Stdout().Write(data)
	if strconv.Itoa(got) != status {
		ts.Fatalf("HTTP status %d, want %s: %s", got, status, data)
	}
}

func exchange(ts *testscript.TestScript, method, url, body string, header http.Header) (status int, answer []byte) {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	ts.Check(err)
	req.Header = header
	hc := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	resp, err := hc.Do(req)
	ts.Check(err)
	defer func() { _ = resp.Body.Close() }()
	answer, err = io.ReadAll(resp.Body)
	ts.Check(err)
	return resp.StatusCode, answer
}

func cmdMode(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, args, 2)
	for _, pattern := range args[1:] {
		paths, err := filepath.Glob(ts.MkAbs(pattern))
		ts.Check(err)
		if len(paths) == 0 {
			ts.Fatalf("%s: there is nothing", pattern)
		}
		for _, path := range paths {
			info, err := os.Stat(path)
			ts.Check(err)
			if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[0] {
				ts.Fatalf("%s: mode %s, want %s", path, got, args[0])
			}
		}
	}
}

// cmdCrowd opens connections as callers with a pool do. They are closed in the end.
func cmdCrowd(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, args, 2)
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	u, err := url.Parse(args[1])
	ts.Check(err)
	dialer := net.Dialer{Timeout: patience}
	for range n {
		c, err := dialer.Dial("tcp", u.Host)
		ts.Check(err)
		ts.Defer(func() { _ = c.Close() })
		_, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", u.RequestURI(), u.Host)
		ts.Check(err)
	}
}

// cmdPasted runs the lines with curl one after another. What goes on until somebody stops
// it is stopped after two seconds. Answers that are errors are wanted where the comment
// above says 502, and nowhere else.
func cmdPasted(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, args, 1)
	n, comment := 0, ""
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") {
			comment = line
			continue
		}
		if !strings.HasPrefix(line, "curl ") && !strings.HasPrefix(line, "jar=") && !strings.HasPrefix(line, "sleep ") {
			continue
		}
		n++
		endless := strings.HasPrefix(line, "curl -sN ")
		options := "curl -f "
		if endless {
			options += "-m 2 "
		}
		cmd := exec.Command("sh", "-c", "set -e; "+strings.Replace(line, "curl ", options, 1))
		cmd.Dir, cmd.Env = ts.MkAbs("."), environment(ts)
		if strings.Contains(comment, "502") {
			cmd.Args[2] = line
		}
		out, err := cmd.Output()
		_, _ = fmt.Fprintf(ts.Stdout(), "%s\n%s\n", line, out)
		var exit *exec.ExitError
		const timedOut = 28
		stopped := endless && errors.As(err, &exit) && exit.ExitCode() == timedOut
		if err != nil && !stopped {
			ts.Fatalf("%s: %v: %s", line, err, out)
		}
		if !endless && !strings.HasSuffix(string(out), "\n") {
			ts.Fatalf("%s leaves the prompt behind its answer: %s", line, out)
		}
	}
	if n == 0 {
		ts.Fatalf("%s has no curl line", args[0])
	}
}
