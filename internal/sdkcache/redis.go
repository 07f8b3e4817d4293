package sdkcache

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/redisurl"
)

// Token is a token that an SDK keeps.
type Token struct {
	Kind  broker.Kind
	Value broker.Secret
	// Left is what the SDK has left of it, at the instant Read. The token may live for longer:
	// most SDKs stop using it a while before its end.
	Left time.Duration
	Read time.Time
}

// Cache is an SDK's Redis. It is only read.
type Cache struct {
	sdk    SDK
	prefix string
	client rueidis.Client
}

// Open connects. No error has any part of the URL in it.
func Open(ctx context.Context, at broker.Secret, sdk SDK, prefix string) (*Cache, error) {
	option, err := optionOf(at)
	if err != nil {
		return nil, err
	}
	client, err := rueidis.NewClient(option)
	if err != nil {
		return nil, fmt.Errorf("connect to Redis: %w", conceal(err, option))
	}
	c := &Cache{sdk: sdk, prefix: prefix, client: client}
	if err := client.Do(ctx, client.B().Ping().Build()).Error(); err != nil {
		client.Close()
		return nil, fmt.Errorf("connect to Redis: %w", conceal(err, option))
	}
	return c, nil
}

// optionOf says how to connect, with no more than every Redis understands, whatever its age
// and the rights of the user.
func optionOf(at broker.Secret) (rueidis.ClientOption, error) {
	o, err := redisurl.Option(at)
	if err != nil {
		return rueidis.ClientOption{}, fmt.Errorf("the URL of Redis %w", err)
	}
	o.AlwaysRESP2, o.ClientSetInfo, o.DisableRetry = true, rueidis.DisableClientSetInfo, true
	return o, nil
}

// conceal returns an error without what opens the server, should it be quoted in it.
func conceal(err error, o rueidis.ClientOption) error {
	text := err.Error()
	for _, s := range []string{o.Password, o.Sentinel.Password} {
		if s != "" && strings.Contains(text, s) {
			return errors.New("the server refuses the connection")
		}
	}
	return err
}

// Close ends the connection.
func (c *Cache) Close() { c.client.Close() }

// NeedsSecret reports whether the names of keys have app secrets in them.
func (c *Cache) NeedsSecret() bool { return c.sdk.secretive }

// Tokens reads the tokens of an app. Of several of one kind it is the one that is left for
// longest, because it is the newest. notes are what else its owner should know: what is
// there and cannot be read, and what is not taken over. They name keys only by their kind,
// because a key may have a secret in it.
func (c *Cache) Tokens(ctx context.Context, a App) (found []Token, notes []string, err error) {
	for _, p := range c.sdk.Places(a, c.prefix) {
		t, note, err := c.read(ctx, p)
		switch {
		case err != nil:
			return nil, nil, err
		case note != "":
			notes = append(notes, note)
		case t.Left > 0:
			found = keepNewest(found, t)
		}
	}
	return found, notes, nil
}

func keepNewest(found []Token, t Token) []Token {
	for i := range found {
		if found[i].Kind == t.Kind {
			if t.Left > found[i].Left {
				found[i] = t
			}
			return found
		}
	}
	return append(found, t)
}

// read looks at one key. Its time to live is asked for first: a key that is written between
// the two gives a newer token, which lives for longer than is said.
func (c *Cache) read(ctx context.Context, p Place) (t Token, note string, err error) {
	now := time.Now()
	ttl, err := c.client.Do(ctx, c.client.B().Pttl().Key(p.Key).Build()).AsInt64()
	if err != nil {
		return t, "", fmt.Errorf("ask Redis for the time to live of a key: %w", err)
	}
	const none, forever = -2, -1
	switch {
	case ttl == none:
		return t, "", nil
	case p.Foreign:
		return t, "there is something of an open platform (authorizations by others) in Redis; it is not taken over", nil
	case ttl == forever:
		return t, string(p.Kind) + " has no time to live in Redis, so that nobody knows when it ends", nil
	}
	value, err := c.client.Do(ctx, c.client.B().Get().Key(p.Key).Build()).ToString()
	switch {
	case rueidis.IsRedisNil(err):
		return t, "", nil
	case err != nil && strings.HasPrefix(err.Error(), "WRONGTYPE"):
		return t, string(p.Kind) + " in Redis cannot be read: it is not a text", nil
	case err != nil:
		return t, "", fmt.Errorf("read a key from Redis: %w", err)
	}
	token, err := c.sdk.Decode(p, value)
	if err != nil {
		return t, fmt.Sprintf("%s in Redis cannot be read: %v", p.Kind, err), nil
	}
	return Token{Kind: p.Kind, Value: broker.NewSecret(token), Left: time.Duration(ttl) * time.Millisecond, Read: now}, "", nil
}
