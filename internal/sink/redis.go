package sink

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/redis/rueidis"

	"github.com/hufu-io/hufu/internal/broker"
)

// keepVersion is how long the companion of a key tells which version was written, after
// the last write. It outlasts every attempt that may be under way with an older one.
const keepVersion = 24 * time.Hour

// unpromised is for how long a key has a token of which nothing is promised, though it is
// the best there is: until it is written again, which is soon, and a little longer.
const unpromised = 90 * time.Second

// redisForeign is the answer of redis_write.lua that is a fault.
const redisForeign = "foreign"

var (
	//go:embed redis_write.lua
	redisWriteScript string
	//go:embed redis_clock.lua
	redisClockScript string
)

// redisKey is a sink that is a key of a Redis. Beside the key there is its companion,
// named {KEY}:hufu, a hash of whose token the key has and which version: replicas that
// write the same key do not take a newer token away from each other. The braces keep both
// in one slot of a cluster.
type redisKey struct {
	server *redisServer
	sink   broker.Sink
	now    func() time.Time
	write  *rueidis.Lua
	clock  *rueidis.Lua
}

func (t *redisKey) keys() []string { return []string{t.sink.Key, "{" + t.sink.Key + "}:hufu"} }

// Write implements [Target].
func (t *redisKey) Write(ctx context.Context, tok broker.Token) error {
	if err := t.set(ctx, tok); err != nil {
		return fmt.Errorf("write redis key %q at %s: %w", t.sink.Key, t.sink.Place(),
			conceal(err, append(t.server.secrets(), tok.Secret)...))
	}
	return nil
}

func (t *redisKey) set(ctx context.Context, tok broker.Token) error {
	value, err := redisValue(t.sink.Format, tok)
	if err != nil {
		return err
	}
	client, err := t.server.client(ctx)
	if err != nil {
		return err
	}
	ends, live, err := t.ends(ctx, client, tok)
	if err != nil {
		return err
	}
	answer, err := t.write.Exec(ctx, client, t.keys(), []string{
		tok.Key.App, string(tok.Key.Kind), decimal(int64(tok.Version)), decimal(tok.Issued.UnixMilli()),
		value, strconv.FormatBool(live), decimal(ends.UnixMilli()), decimal(keepVersion.Milliseconds()),
	}).AsStrSlice()
	switch {
	case err != nil:
		t.server.forgetTime() // another server may take its place
		return fmt.Errorf("set: %w", err)
	case len(answer) == 3 && answer[0] == redisForeign:
		return fmt.Errorf("%w: it has the %.64q of app %.64q; give each sink its own key, or delete both the key and %q",
			errForeignKey, answer[2], answer[1], t.keys()[1])
	}
	return nil
}

var errForeignKey = errors.New("the key belongs to another app or kind")

// ends says when the key has to be gone, on the clock of the server that keeps it, and
// whether it is to be there at all. With a time to live, an attempt that is held up on its
// way would outlast the promise.
func (t *redisKey) ends(ctx context.Context, client rueidis.Client, tok broker.Token) (ends time.Time, live bool, err error) {
	server, err := t.server.time(client, func() (time.Time, error) { return t.askTime(ctx, client) })
	if err != nil {
		return time.Time{}, false, fmt.Errorf("read the server's clock: %w", err)
	}
	now := t.now() // Asked after the server, so that the key goes early rather than late.
	left := tok.Promise(now)
	if left == 0 {
		left = min(unpromised, tok.Expiry.Sub(now))
	}
	return server.Add(left), left > 0, nil
}

func (t *redisKey) askTime(ctx context.Context, client rueidis.Client) (time.Time, error) {
	answer, err := t.clock.Exec(ctx, client, t.keys()[:1], nil).AsIntSlice()
	if err != nil {
		return time.Time{}, err
	}
	if len(answer) != 2 {
		return time.Time{}, errors.New("it gave no time")
	}
	return time.Unix(answer[0], answer[1]*1000), nil
}

// redisValue returns what the key is set to.
func redisValue(format string, tok broker.Token) (string, error) {
	token := tok.Secret.Reveal()
	switch format {
	case "json":
		if !utf8.ValidString(token) {
			return "", errors.New("the token is not valid UTF-8, which JSON cannot hold")
		}
		line, err := newDocument(tok).encode()
		return strings.TrimSuffix(string(line), "\n"), err
	case "easywechat":
		return fmt.Sprintf(`s:%d:"%s";`, len(token), token), nil // PHP's serialize
	default: // The others' caches keep the token as it is.
		return token, nil
	}
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// conceal returns an error of a server without the secrets that the server may have
// quoted in it, and not longer than a line.
func conceal(err error, secrets ...broker.Secret) error {
	const most = 300
	text := err.Error()
	hides := len(text) > most
	for _, s := range secrets {
		hides = hides || !s.IsZero() && strings.Contains(text, s.Reveal())
	}
	if !hides {
		return err
	}
	for _, s := range secrets {
		if !s.IsZero() {
			text = strings.ReplaceAll(text, s.Reveal(), s.String())
		}
	}
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return errors.New(text)
}
