package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hufu-io/hufu/internal/broker"
)

func TestURLsAreTakenApart(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]struct {
		shown, user, password string
		maxOpen               int
	}{
		"postgres://u:p@h/d":                                      {"postgres://h/d", "u", "p", 16},
		"postgresql://u:p@h:1/d?sslmode=disable":                  {"postgres://h:1/d", "u", "p", 16},
		"postgres://u@h1:1,h2,[::1]:3,10.0.0.1/d":                 {"postgres://h1:1,h2,[::1]:3,10.0.0.1/d", "u", "", 16},
		"postgres://u:p@/d?host=/run/postgresql":                  {"postgres:///d", "u", "p", 16},
		"mysql://u:p%40%3A%2F%3F%23%25@h:3306/d%20x":              {"mysql://h:3306/d x", "u", "p@:/?#%", 16},
		"mysql://u:p:q@h/d?max_open_conns=3&tls=true":             {"mysql://h/d", "u", "p:q", 3},
		"mysql://u:p@@h/d?conn_max_lifetime=1h":                   {"mysql://h/d", "u", "p@", 16},
		"mysql://u@/d?socket=%2Frun%2Fmysqld%2Fsock":              {"mysql:///d", "u", "", 16},
		"postgres://u%3A:%20@db.internal:5432/d?max_idle_conns=2": {"postgres://db.internal:5432/d", "u:", " ", 16},
	} {
		a, err := parseAddress(broker.NewSecret(url))
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		password := ""
		if !a.password.IsZero() {
			password = a.password.Reveal()
		}
		if a.String() != want.shown || a.user != want.user || password != want.password || a.pool.maxOpen != want.maxOpen {
			t.Errorf("%s: %s, user %q, password %q, %d connections", url, a, a.user, password, a.pool.maxOpen)
		}
		if a.pool.maxIdle > a.pool.maxOpen {
			t.Errorf("%s: more connections are idle than there are", url)
		}
	}
}

const hunter = "hunter2"

// hostileURLs hold the password hunter2, or a part of it, where a parser can take it for
// something else.
func hostileURLs() []string {
	var urls []string
	for _, scheme := range []string{"postgres", "postgresql", "mysql", "mysqlx", "", "http"} {
		for _, rest := range []string{
			"://u:hunter2@h:port/d", "://u:hunter2@h:99999/d", "://u:hunter2@/d", "://u:hunter2@h", "://u:hunter2@h/",
			"://u:hunter2@h/d?nope=1", "://u:hunter2@h/d?sslmode=nope", "://u:hunter2@h/d?tls=nope", "://u:hunter2@h/d?x=%zz",
			"://u:hunter2@h/d?max_open_conns=0", "://u:hunter2@h/d?max_open_conns=x", "://u:hunter2@h/d?connect_timeout=-1",
			"://u:hunter2@h/%zz", "://u:hunter2@[::1/d", "://u:hunter2@h h/d", "://u:hunter2%zz@h/d", "://u:hunter2\x00@h/d",
			"://u:hunter2@h1,h2:x/d", "://u:hunter2@h/d?sslrootcert=/nowhere", "://u:hunter2@h/d?tls_ca=/nowhere",
			"://u:hunter2@h/d?password=hunter2", "://u:hunter2@h/d?sslpassword=hunter2", "://u:hunter2@h/d#hunter2",
			"://u:hunter2/@h/d", "://u:1/hunter2@h/d", "://u:1?hunter2@h/d", "://u:1?hunter2&a=b@h/d", "://u:1#hunter2@h/d",
			"://u:1?hunter2=1", "://u:1/d?hunter2=1", "://u:hunter2", "://hunter2", ":hunter2@h", "://:hunter2@h/d",
			"://u:x@hunter2@h:port/d", "://u:hunter2 @h/d", "://u:'hunter2@h/d?sslmode=nope", `://u:\hunter2'@h/d?sslmode=nope`,
			"://u:hunter2@h/d?options=-c%20x'y&channel_binding=nope", "://u:hunter2@h/d?default_query_exec_mode=nope",
			"://u:hunter2@h/d?target_session_attrs=nope", "://u:hunter2@h/d?sslcert=/nowhere&sslkey=/nowhere",
			"://u:hunter2@h/d?host=a,b,c&sslnegotiation=nope", "://u:hunter2@h/d?tls=true&tls_cert=/nowhere",
		} {
			urls = append(urls, scheme+rest)
		}
	}
	return append(urls, hunter, "", "postgres", "host=h user=u password=hunter2", "u:hunter2@tcp(h:3306)/d")
}

func TestNoErrorTellsThePassword_I6(t *testing.T) {
	t.Parallel()
	// Nobody is asked for a host: the context has ended.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, url := range hostileURLs() {
		s, err := OpenServer(ctx, ServerConfig{URL: broker.NewSecret(url)})
		if err == nil {
			t.Errorf("%q was opened", url)
			_ = s.Close()
			continue
		}
		requireNoSecret(t, url, hunter, err)
	}
}

func TestNoErrorTellsAnyPassword_I6(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	rapid.Check(t, func(rt *rapid.T) {
		// Between two marks is what a careless operator does not escape.
		odd := rapid.StringOfN(rapid.SampledFrom([]rune("/?#@:%&=[]\\'\" ,;0123a")), 0, 8, -1)
		password := "q9" + odd.Draw(rt, "first") + "zx8w7v" + odd.Draw(rt, "second") + "k5j"
		url := rapid.SampledFrom([]string{"postgres", "mysql"}).Draw(rt, "scheme") + "://user:" + password + "@" +
			rapid.SampledFrom([]string{"127.0.0.1:1", "127.0.0.1", "h:port", "a,b:1", ""}).Draw(rt, "host") +
			rapid.SampledFrom([]string{"/d", "", "/d?sslmode=nope", "/d?tls=nope", "/d?x=1"}).Draw(rt, "rest")
		s, err := OpenServer(ctx, ServerConfig{URL: broker.NewSecret(url)})
		if err == nil {
			_ = s.Close()
			rt.Fatalf("%q was opened", url)
		}
		for _, secret := range []string{"q9", "zx8w7v", "k5j"} {
			if strings.Contains(err.Error(), secret) {
				rt.Fatalf("%q: the error tells of %q: %v", url, secret, err)
			}
		}
	})
}

func requireNoSecret(t *testing.T, url, secret string, err error) {
	t.Helper()
	for ; err != nil; err = errors.Unwrap(err) {
		for _, text := range []string{err.Error(), fmt.Sprintf("%v", err), fmt.Sprintf("%+v", err), fmt.Sprintf("%q", err)} {
			if strings.Contains(text, secret) {
				t.Errorf("%q: the error tells the password: %s", url, text)
			}
		}
	}
}

func TestOnlyServersThatDoAreTaken(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{
		"8.0.36": true, "8.4.2": true, "9.1.0-commercial": true, "8.0.13": true, "5.7.44-log": false, "5.6.10": false,
		"10.11.19-MariaDB-0+deb12u1": true, "5.5.5-10.6.12-MariaDB-log": true, "10.4.34-MariaDB": false, "11.4.2-MariaDB": true,
		"8.0.11-TiDB-v7.5.1": true, "5.7.25-TiDB-v6.5.0": true, "5.7.25-TiDB-v5.4.0": false,
		"5.7.25-OceanBase-v4.2.1.3": true, "": false, "x": false,
	} {
		if name, err := suitableMySQL(version); (err == nil) != want {
			t.Errorf("%q: %s, %v", version, name, err)
		}
	}
}

// A watch misses nothing, whatever happens to the clocks.
func TestWatchesGoBackToWhereTheyWere_I9(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	const now = int64(1_000 * time.Second)
	for name, c := range map[string]struct {
		then, now int64 // on the database's clock; then is 0 where it could not be read
		passed    time.Duration
		want      int64
	}{
		"as always":                         {now, now + int64(time.Second), time.Second, now},
		"the clock was set forward":         {now, now + int64(time.Hour), time.Second, now},
		"the clock was set back":            {now, now - int64(time.Hour), time.Second, now - int64(time.Hour+time.Second)},
		"our clock stood still":             {now, now + int64(time.Hour), 0, now},
		"the database was away at first":    {0, now + int64(time.Minute), time.Minute, now},
		"the database was away for a while": {now, now + int64(time.Minute), time.Minute, now},
	} {
		w := newWatch(begun)
		w.now = c.then
		if got := w.since(c.now, begun.Add(c.passed)); got != c.want {
			t.Errorf("%s: looks back to %v, want %v", name, time.Duration(got), time.Duration(c.want))
		}
	}
}

func TestAWriteIsToldOfOnce(t *testing.T) {
	t.Parallel()
	w := newWatch(time.Now())
	for _, c := range []struct {
		m    mark
		want bool
	}{
		{mark{1, 10}, true},
		{mark{1, 10}, false},
		{mark{2, 11}, true},
		{mark{2, 11}, false},
		{mark{1, 12}, true}, // it was deleted and came back
		{mark{0, 12}, true},
	} {
		if got := news(w.records, "a", c.m); got != c.want {
			t.Errorf("%v is news: %v", c.m, got)
		}
	}
}

// Where a connection without TLS was tried after one with it, that TLS was refused explains
// nothing.
func TestTLSExplainsOnlyTheLastAttempt(t *testing.T) {
	t.Parallel()
	const with, without = "\n\t127.0.0.1:1 (h): tls error: server refused TLS connection", "\n\t127.0.0.1:1 (h): failed SASL auth: timeout"
	for text, want := range map[string]bool{with: true, without: false, with + without: false, without + with: true} {
		err := explainNetwork(errors.New("failed to connect:" + text))
		if got := strings.Contains(err.Error(), "do not agree about TLS"); got != want {
			t.Errorf("%q: TLS explains it: %v", text, got)
		}
	}
}
