package obs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/obs"
)

type stringer string

func (s stringer) String() string { return `{"secret":"` + string(s) + `"}` }

type valuer struct{ s string }

func (v valuer) LogValue() slog.Value {
	return slog.GroupValue(slog.String("secret", v.s), slog.String("url", "?access_token="+v.s), slog.Int("n", 1))
}

type texter struct{ s string }

func (x texter) MarshalText() ([]byte, error) { return []byte("token=" + x.s), nil }

type deep struct {
	Name   string
	Secret string
	hidden string
	Inner  struct{ AppSecret []string }
	Header http.Header
	Body   []byte
	Err    error
	Next   *deep
	Any    any
	sealed broker.Secret
	Open   broker.Secret
}

func newDeep(s string) *deep {
	d := &deep{
		Name: "?secret=" + s, Secret: s + " and " + s, hidden: "token=" + s,
		Header: http.Header{"Authorization": {"Bearer " + s}, "X-Url": {"/x?access_token=" + s}},
		Body:   []byte(`{"access_token":"` + s + `"}`), Err: errors.New("?secret=" + s),
		Any: map[string]any{"token": s, "list": []any{stringer(s), &s == nil}}, //nolint:staticcheck // a bool
	}
	d.Inner.AppSecret = []string{s, s}
	d.sealed, d.Open = broker.NewSecret(s), broker.NewSecret(s)
	d.Next = d // a cycle
	return d
}

// carriers put a secret into a record in every way there is.
var carriers = map[string]func(l *slog.Logger, s string){
	"message":    func(l *slog.Logger, s string) { l.Info("GET /x?access_token=" + s) }, //nolint:sloglint // hostile on purpose
	"string":     func(l *slog.Logger, s string) { l.Info("m", "url", "?secret="+s) },
	"secret key": func(l *slog.Logger, s string) { l.Info("m", "access_token", s) },
	"camel key":  func(l *slog.Logger, s string) { l.Info("m", "appSecret", s) }, //nolint:sloglint // hostile on purpose
	"header key": func(l *slog.Logger, s string) { l.Info("m", "X-Api-Key", s) }, //nolint:sloglint // hostile on purpose
	"key":        func(l *slog.Logger, s string) { l.Info("m", "key", s) },
	"error":      func(l *slog.Logger, s string) { l.Info("m", "error", fmt.Errorf("x: %w", errors.New("?secret="+s))) },
	"url error": func(l *slog.Logger, s string) {
		l.Info("m", "error", &url.Error{Op: "Get", URL: "http://h/?secret=" + s, Err: io.EOF})
	},
	"joined errors": func(l *slog.Logger, s string) { l.Info("m", "error", errors.Join(io.EOF, errors.New("Bearer "+s))) },
	"secret error":  func(l *slog.Logger, s string) { l.Info("m", "token", errors.New(s)) },
	"stringer":      func(l *slog.Logger, s string) { l.Info("m", "v", stringer(s)) },
	"url":           func(l *slog.Logger, s string) { l.Info("m", "v", &url.URL{Path: "/x", RawQuery: "ticket=" + s}) },
	"valuer":        func(l *slog.Logger, s string) { l.Info("m", "v", valuer{s}) },
	"text":          func(l *slog.Logger, s string) { l.Info("m", "v", texter{s}) },
	"bytes":         func(l *slog.Logger, s string) { l.Info("m", "v", []byte("token="+s)) },
	"raw JSON":      func(l *slog.Logger, s string) { l.Info("m", "v", json.RawMessage(`{"token":"`+s+`"}`)) },
	"struct":        func(l *slog.Logger, s string) { l.Info("m", "v", *newDeep(s)) },
	"pointer":       func(l *slog.Logger, s string) { l.Info("m", "v", newDeep(s)) },
	"slice":         func(l *slog.Logger, s string) { l.Info("m", "v", []deep{*newDeep(s)}) },
	"map":           func(l *slog.Logger, s string) { l.Info("m", "v", map[string]any{"password": s, "x": "secret=" + s}) },
	"form":          func(l *slog.Logger, s string) { l.Info("m", "v", url.Values{"secret": {s}, "appid": {"wx"}}) },
	"secret type":   func(l *slog.Logger, s string) { l.Info("m", "v", broker.NewSecret(s)) },
	"token":         func(l *slog.Logger, s string) { l.Info("m", "v", broker.Token{Secret: broker.NewSecret(s)}) },
	"app": func(l *slog.Logger, s string) {
		l.Info("m", "v", &broker.App{Secrets: []broker.Secret{broker.NewSecret(s)}})
	},
	"group": func(l *slog.Logger, s string) {
		l.Info("m", slog.Group("a", slog.Group("b", "token", s, "url", "?secret="+s)))
	},
	"secret group": func(l *slog.Logger, s string) { l.Info("m", slog.Group("secret", "x", s, slog.Group("y", "z", s))) },
	"with":         func(l *slog.Logger, s string) { l.With("token", s, "v", newDeep(s), "u", "?secret="+s).Info("m") },
	"with group": func(l *slog.Logger, s string) {
		l.WithGroup("g").With("token", s).WithGroup("h").Info("m", "secret", s)
	},
	"in group": func(l *slog.Logger, s string) {
		l.WithGroup("token").With("a", s).WithGroup("b").Info("m", "c", s, "d", errors.New(s))
	},
	"inline group":  func(l *slog.Logger, s string) { l.Info("m", slog.Group("", "token", s)) },
	"client key":    func(l *slog.Logger, s string) { l.Info("m", "v", "unknown key hufu_"+s) },
	"odd arguments": func(l *slog.Logger, s string) { odd := []any{"?secret=" + s}; l.Info("m", odd...) },
}

func TestNoSecretReachesTheLog_I6(t *testing.T) {
	t.Parallel()
	const secret = "83_Marker0123-456789"
	for _, format := range []string{obs.Text, obs.JSON} {
		for name, carry := range carriers {
			var out bytes.Buffer
			carry(obs.NewLogger(&out, slog.LevelInfo, format), secret)
			if out.Len() == 0 {
				t.Errorf("%s, %s: nothing was logged", format, name)
			}
			if strings.Contains(out.String(), secret) {
				t.Errorf("%s, %s: %s", format, name, out.String())
			}
		}
	}
}

func FuzzLog(f *testing.F) {
	f.Add("abc", "url", "text")
	f.Add("", "", `": "`)
	f.Fuzz(func(t *testing.T, raw, key, text string) {
		secret := marker(raw)
		if strings.Contains(key+text, secret) {
			return
		}
		for _, format := range []string{obs.Text, obs.JSON} {
			var out bytes.Buffer
			l := obs.NewLogger(&out, slog.LevelInfo, format).With(key, text)
			for _, carry := range carriers {
				carry(l.With(key, text+"\n?secret="+secret), secret)
				carry(l.WithGroup(key), secret)
			}
			if strings.Contains(out.String(), secret) {
				t.Errorf("%s", out.String())
			}
		}
	})
}

func TestOrdinaryRecordsAreLoggedAsTheyAre(t *testing.T) {
	t.Parallel()
	log := func(l *slog.Logger) {
		l.With("app", "shop").WithGroup("g").Info("token renewed", "kind", broker.AccessToken, "version", 17,
			"key_id", "k1", "token_key", broker.Key{App: "shop", Kind: broker.AccessToken}, "took", time.Second,
			"error", errors.New("read token: no such file"), "list", []string{"a", "b"}, "nothing", nil,
			"secret_file", "/run/secrets/shop", "has_token", true, slog.Group("h", "n", 1.5))
	}
	want := `level=INFO msg="token renewed" app=shop g.kind=access_token g.version=17 g.key_id=k1 ` +
		`g.token_key=shop/access_token g.took=1s g.error="read token: no such file" g.list="[a b]" g.nothing=<nil> ` +
		`g.secret_file=/run/secrets/shop g.has_token=true g.h.n=1.5` + "\n"
	var out bytes.Buffer
	log(obs.NewLogger(&out, slog.LevelInfo, obs.Text))
	_, got, _ := strings.Cut(out.String(), " ") // the time
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestABrokerKeyMayBeUnderAnyKey(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := obs.NewLogger(&out, slog.LevelInfo, obs.Text)
	l.Info("m", "key", broker.Key{App: "shop", Kind: "k"}, "v", struct{ Key broker.Key }{broker.Key{App: "club", Kind: "k"}})
	for _, want := range []string{"key=shop/k", "club/k"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in %s", want, out.String())
		}
	}
}

type panicker struct{ p *int }

func (p panicker) String() string { return fmt.Sprint(*p.p) }

type nilError struct{ s string }

func (e *nilError) Error() string { return e.s }

func TestHostileValuesDoNotBreakTheLogger(t *testing.T) {
	t.Parallel()
	var typed *nilError
	long := strings.Repeat("x", 1<<20)
	for _, v := range []any{
		panicker{},
		typed, error(typed), (*deep)(nil), make(chan int), func() {},
		[3]byte{1, 2, 3},
		&[]any{nil, 1, long, long},
		map[any]any{1: 2, "a": nil},
		struct{ a, b any }{1, typed},
		3i, errors.New(long),
		[100]string{},
		(*http.Request)(nil),
		&http.Request{}, &http.Client{}, new(time.Time), uintptr(7),
		[]error{nil, typed},
	} {
		var out bytes.Buffer
		obs.NewLogger(&out, slog.LevelInfo, obs.JSON).Info("m", "v", v)
		if !json.Valid(out.Bytes()) || out.Len() > 64<<10 {
			t.Errorf("%T: %d bytes, %.200s", v, out.Len(), out.String())
		}
	}
}

func TestRedactIsAProperHandler(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	slogtest.Run(t, func(t *testing.T) slog.Handler {
		t.Helper()
		out.Reset()
		return obs.Redact(slog.NewJSONHandler(&out, nil))
	}, func(t *testing.T) map[string]any {
		t.Helper()
		got := map[string]any{}
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		return got
	})
}

func TestLevelIsObserved(t *testing.T) {
	t.Parallel()
	l := obs.NewLogger(io.Discard, slog.LevelWarn, obs.Text)
	if l.Enabled(t.Context(), slog.LevelInfo) || !l.Enabled(t.Context(), slog.LevelWarn) {
		t.Error("the level is not the given one")
	}
}

func BenchmarkLog(b *testing.B) {
	for name, l := range map[string]*slog.Logger{
		"plain":    slog.New(slog.NewJSONHandler(io.Discard, nil)), //nolint:sloglint // its work is what is compared
		"redacted": obs.NewLogger(io.Discard, slog.LevelInfo, obs.JSON),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				l.LogAttrs(context.Background(), slog.LevelInfo, "token renewed",
					slog.String("app", "shop"), slog.String("kind", "access_token"), slog.Int64("version", 17))
			}
		})
	}
}
