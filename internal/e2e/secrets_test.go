package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Nothing secret is in any log, metric, error, file or crash dump (I6). The test does
// what can be done wrongly and rightly, crashes the server with a dump of all its
// goroutines, and searches everything it left.
func TestNothingSecretIsLeftAnywhere(t *testing.T) {
	t.Parallel()
	sandbox := startSandbox(t, "2h", "5m")
	const wrong = "wrong0secret00123456789abcdef0123"
	dir := configure(t, sandbox.url, "overlap: 5m", "log: {level: debug}")
	server := start(t, dir, "serve")
	marks := map[string]string{"app secret": secret, "client key": key, "wrong secret": wrong}
	var answers bytes.Buffer // all that may be seen by somebody who may not have tokens
	for _, app := range []string{"stable", "classic"} {
		waitFor(t, "the first token", func() bool {
			status, tok, err := server.token(app)
			marks[app+" token"] = tok.Token
			return err == nil && status == http.StatusOK
		})
	}
	ask := func(method, path, auth, body string) {
		req, err := http.NewRequest(method, server.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if auth != "" {
			req.Header.Set("Authorization", "Bearer "+auth)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = fmt.Fprintln(&answers, method, path[:min(len(path), 20)], res.Status, res.Header, string(b))
	}
	q := "?grant_type=client_credential&appid=wxclassic0000001&secret="
	ask("GET", "/cgi-bin/token"+q+wrong, "", "")
	ask("GET", "/cgi-bin/nosuch"+q+key, "", "")
	ask("GET", "/cgi-bin/ticket/getticket?type=nosuch&access_token="+marks["classic token"], "", "")
	ask("POST", "/cgi-bin/stable_token", "", `{"grant_type":"client_credential","appid":"wxclassic0000001","secret":"`+wrong+`"}`)
	ask("POST", "/cgi-bin/stable_token", "", `{"secret":"`+key+`"`)
	ask("GET", "/v1/apps/stable/tokens/access_token?secret="+secret+"&min_ttl=x", key, "")
	ask("GET", "/v1/apps/stable/tokens/access_token", wrong, "")
	ask("POST", "/v1/apps/stable/tokens/access_token/renew", key, `{"token":5,"x":"`+wrong+`"}`)
	ask("PUT", "/v1/apps/made", key, `{"platform":"wechat","app_id":"wxnosuch","secret":"`+wrong+`","base_url":"`+sandbox.url+`"}`)
	ask("PUT", "/v1/apps/bad", key, `{"platform":"wechat","app_id":"wxnosuch","secret":"`+wrong+`","base_url":"http://u:`+wrong+`@h"}`)
	waitFor(t, "the refusal of the app that does not exist", func() bool {
		_, tok, err := server.token("made")
		return err == nil && tok.Class == "misconfigured"
	})
	for _, path := range []string{"/v1/apps", "/v1/apps/made", "/v1/clients", "/v1/audit", "/readyz", "/metrics", "/v1/apps/made/tokens/access_token"} {
		ask("GET", path, key, "")
	}
	search(t, crash(t, server, dir, answers.Bytes()), marks)
}

// crash ends a server with a dump of all its goroutines, and returns everything that it
// has left, by place.
func crash(t *testing.T, server *process, dir string, answers []byte) map[string][]byte {
	t.Helper()
	if err := server.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	<-server.ended
	places := map[string][]byte{
		"an answer": answers, "stdout": []byte(server.stdout.String()), "stderr": []byte(server.stderr.String()),
	}
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != dir && info.Mode().Perm() != 0o700 {
				t.Errorf("folder %s has mode %o, want 0700", path, info.Mode().Perm())
			}
			return nil
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("file %s has mode %o, want 0600", path, info.Mode().Perm())
		}
		if filepath.Base(path) != "hufu.yaml" { // the test wrote it
			b, err := os.ReadFile(path)
			places[filepath.Base(path)] = b
			return err
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(places["stderr"]) < 1000 || !bytes.Contains(places["stderr"], []byte("goroutine ")) {
		t.Error("there was no crash dump to search")
	}
	return places
}

// search looks for what must be nowhere.
func search(t *testing.T, places map[string][]byte, marks map[string]string) {
	t.Helper()
	found := false
	for _, text := range places {
		found = found || bytes.Contains(text, []byte("SQLite format"))
	}
	if !found {
		t.Error("there was no database to search")
	}
	wantNone(t, places, marks)
}

// wantNone checks that no place has a mark, as it is and as a URL has it.
func wantNone(t *testing.T, places map[string][]byte, marks map[string]string) {
	t.Helper()
	for place, text := range places {
		for what, mark := range marks {
			if len(mark) < 20 {
				t.Fatalf("no %s to search for", what)
			}
			if bytes.Contains(text, []byte(mark)) || bytes.Contains(text, []byte(url.QueryEscape(mark))) {
				t.Errorf("I6: %s contains the %s", place, what)
			}
		}
	}
}

// A wrong secret under constant demand is asked about seldom, and the answer says what
// is wrong and what to do (I7).
func TestAWrongSecretIsNotTriedOverAndOver(t *testing.T) {
	t.Parallel()
	sandbox := startSandbox(t, "2h", "5m")
	post(t, sandbox.url+"/_sandbox/apps/wxstable00000001/secret", `{"secret":"another0secret0123456789abcdef01"}`)
	server := start(t, configure(t, sandbox.url, "overlap: 5m"), "serve")
	stop := make(chan struct{})
	last := make(chan token, 1)
	go func() {
		var tok token
		defer func() { last <- tok }()
		for {
			select {
			case <-stop:
				return
			default:
				_, t, err := server.token("stable")
				if err == nil {
					tok = t
				}
			}
		}
	}()
	<-time.After(20 * time.Second)
	close(stop)
	if tok := <-last; tok.Class != "bad_credential" || tok.Hint == "" {
		t.Errorf("the answer is %+v: want the class bad_credential and a hint", tok)
	}
	s, _ := sandbox.state(t, "wxstable00000001")
	calls := 0
	for _, n := range s.Apps[0].Counts.ByErrcode {
		calls += n
	}
	if calls < 1 || calls > 8 {
		t.Errorf("I7: %d calls to the platform in 20 s, want at most 8: %v", calls, s.Apps[0].Counts.ByErrcode)
	}
}
