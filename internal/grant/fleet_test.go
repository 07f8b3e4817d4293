package grant_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/grant"
	"github.com/hufu-io/hufu/internal/seal"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

// tester is a test, or a run of a property.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
	Cleanup(f func())
	Context() context.Context
}

// fleet is some servers that share a store, and the platform.
type fleet struct {
	tester
	*fakePlatform
	store   *memstore.Store
	sealer  broker.Sealer
	log     *journal
	servers []*server
}

// server is one of them.
type server struct {
	*grant.Keeper
	f     *fleet
	store *memstore.Store
}

func newFleet(t tester, sealer broker.Sealer, servers int) *fleet {
	f := &fleet{tester: t, fakePlatform: newFake(), store: memstore.New(memstore.Config{}), sealer: sealer, log: &journal{}}
	for range servers {
		f.start()
	}
	t.Cleanup(func() {
		for _, s := range f.servers {
			if err := s.Close(context.Background()); err != nil {
				t.Errorf("close: %v", err)
			}
		}
		f.noSecretIn("the log", f.log.String())
		if again := f.sentTwice(); len(again) > 0 {
			t.Errorf("codes were sent twice: %q", again)
		}
	})
	return f
}

// start starts one more server.
func (f *fleet) start() *server {
	store := f.store.Handle()
	s := &server{f: f, store: store, Keeper: f.keeper(fmt.Sprintf("server-%d", len(f.servers)), store.Grants(), through)}
	f.servers = append(f.servers, s)
	return s
}

// through is a way to the platform on which nothing happens.
func through(_ context.Context, call func() error) error { return call() }

func (f *fleet) keeper(holder string, store broker.GrantStore, io func(context.Context, func() error) error) *grant.Keeper {
	k, err := grant.New(grant.Config{
		Store: store, Sealer: f.sealer, Platforms: []broker.Platform{f.platform(io)}, Holder: holder,
		Logger: slog.New(slog.NewJSONHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		f.Fatalf("new keeper: %v", err)
	}
	return k
}

// login has a user log in.
func (f *fleet) login(app *broker.App, user string, kind broker.Kind) broker.User {
	f.Helper()
	u, err := f.servers[0].Exchange(f.Context(), app, string(kind), f.code(app, user, kind))
	if err != nil {
		f.Fatalf("log in: %v", err)
	}
	if want := (broker.Key{App: app.ID, Kind: kind, Subject: user}); u.Key != want {
		f.Fatalf("logged in as %v, want %v", u.Key, want)
	}
	return u
}

// get is a user's token, which has to be there and to open the platform for this very user.
func (f *fleet) get(s *server, app *broker.App, user string, kind broker.Kind) broker.Token {
	f.Helper()
	t, err := s.Token(f.Context(), app, user, kind, 0)
	if err != nil {
		f.Fatalf("token of %s: %v", user, err)
	}
	f.good(app, user, t)
	return t
}

// good checks that a token lives, and whose it is (I8).
func (f *fleet) good(app *broker.App, user string, t broker.Token) {
	f.Helper()
	o, lives := f.opens(t.Secret)
	if want := (owner{registration(app), user, t.Key.Kind}); !lives || o != want || t.Key.App != app.ID || t.Key.Subject != user {
		f.Errorf("I8: the token of %v belongs to %v and lives: %v; want %v", t.Key, o, lives, want)
	}
}

// expired lets the tokens of all users run out.
func expired() { time.Sleep(lifetime) }

func (f *fleet) row(app *broker.App, user string, kind broker.Kind) broker.Grant {
	f.Helper()
	g, err := f.store.Grants().Get(f.Context(), broker.Key{App: app.ID, Kind: kind, Subject: user})
	if err != nil {
		f.Fatalf("read the row: %v", err)
	}
	return g
}

func (f *fleet) counts(call string, want int) {
	f.Helper()
	if n := f.count(call); n != want {
		f.Errorf("%d calls to %s, want %d", n, call, want)
	}
}

// fails checks what an error says, and that it says nothing more (I6).
func (f *fleet) fails(err error, code string) {
	f.Helper()
	if err == nil || broker.AsError(err).Code != code {
		f.Errorf("error %v of the code %q, want %q", err, broker.AsError(err).Code, code)
		return
	}
	f.noSecretIn("an error", fmt.Sprintf("%v %+v %#v %s", err, err, err, broker.AsError(err).Hint))
}

func (f *fleet) noSecretIn(where, text string) {
	f.Helper()
	for _, s := range f.secrets() {
		if strings.Contains(text, s) {
			f.Errorf("I6: %s contains %q", where, s)
		}
	}
}

// together runs n calls at once.
func together(n int, call func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { call(i) })
	}
	all.Wait()
}

// newApp is the app that most tests are about.
func newApp() *broker.App {
	return &broker.App{ID: "shop", Platform: "fake", AppID: "wx-shop", Secrets: []broker.Secret{broker.NewSecret("appsecret-mustnotbeseen")}}
}

func newSealer(t *testing.T) *seal.Keyring {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keyset.json")
	if err := seal.Create(path); err != nil {
		t.Fatal(err)
	}
	k, err := seal.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// journal is what was logged.
type journal struct {
	mu  sync.Mutex
	all bytes.Buffer
}

// Write implements [io.Writer].
func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.all.Write(line)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.all.String()
}
