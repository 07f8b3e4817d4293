package broker

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// RedisPlace is where a URL says that a Redis is, without what opens it.
type RedisPlace struct {
	Addrs     []string // HOST:PORT: one server, nodes of a cluster, or Sentinels
	DB        int
	MasterSet string // what the Sentinels call it; empty: they are none
	TLS       bool
}

const defaultRedisPort = "6379"

// ParseRedisURL reads redis://[USER:PASSWORD@]HOST[:PORT][/DB], with rediss:// for TLS,
// further servers as addr=HOST:PORT and, where they are Sentinels, master_set=NAME in the
// query, with sentinel_username and sentinel_password if they have ones. The error says what is wrong; it never quotes the URL, which holds the password.
//
// As with a platform's URL, plain text is for servers next door.
func ParseRedisURL(s string) (RedisPlace, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return RedisPlace{}, errors.New("is not a URL; write one such as redis://:PASSWORD@HOST:6379/0, with %XX for what is special in the password")
	case u.Scheme != "redis" && u.Scheme != "rediss":
		return RedisPlace{}, errors.New("has a scheme that is neither redis nor rediss; write one such as redis://HOST:6379/0")
	case u.Opaque != "" || u.Hostname() == "":
		return RedisPlace{}, errors.New("has no host; write one such as redis://HOST:6379/0")
	case u.Fragment != "":
		return RedisPlace{}, errors.New("contains a fragment; remove it, and write %23 for a # in the password")
	}
	p := RedisPlace{TLS: u.Scheme == "rediss"}
	if db := strings.TrimPrefix(u.Path, "/"); db != "" {
		if p.DB, err = strconv.Atoi(db); err != nil || p.DB < 0 || p.DB > 1<<16 {
			return RedisPlace{}, errors.New("has a path that is not the number of a database; write one such as redis://HOST:6379/0")
		}
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return RedisPlace{}, errors.New("has a query that cannot be read; it takes addr=HOST:PORT and master_set=NAME")
	}
	p.MasterSet = q.Get("master_set")
	for name, values := range q {
		once := name == "master_set" || p.MasterSet != "" && (name == "sentinel_username" || name == "sentinel_password")
		if name != "addr" && (!once || len(values) != 1 || values[0] == "") {
			return RedisPlace{}, errors.New("has a query with something else than addr=HOST:PORT and one master_set=NAME, " +
				"and with that one sentinel_username and one sentinel_password; remove it")
		}
	}
	for _, hostport := range append([]string{u.Host}, q["addr"]...) {
		addr, host, err := redisAddr(hostport)
		if err != nil {
			return RedisPlace{}, err
		}
		if !p.TLS && !privateHost(host) {
			return RedisPlace{}, errors.New("is plain redis to a public host, where the password and tokens could be read on the way; " +
				"use rediss (redis is accepted for loopback and private addresses and internal names)")
		}
		if !slices.Contains(p.Addrs, addr) {
			p.Addrs = append(p.Addrs, addr)
		}
	}
	if len(p.Addrs) > 1 && p.MasterSet == "" && p.DB != 0 {
		return RedisPlace{}, errors.New("names a database of a cluster, which has only 0; remove it")
	}
	return p, nil
}

// redisAddr completes HOST or HOST:PORT.
func redisAddr(s string) (addr, host string, err error) {
	u, err := url.Parse("redis://" + s)
	if err != nil || u.Host != s || u.Hostname() == "" || !validPort(u.Port()) {
		return "", "", errors.New("has a server that is not HOST or HOST:PORT, with a port from 1 to 65535")
	}
	port := u.Port()
	if port == "" {
		port = defaultRedisPort
	}
	host = strings.ToLower(u.Hostname())
	if strings.Contains(host, ":") {
		return "[" + host + "]:" + port, host, nil
	}
	return host + ":" + port, host, nil
}

// String is the place as a URL without user and password.
func (p RedisPlace) String() string {
	scheme := "redis"
	if p.TLS {
		scheme = "rediss"
	}
	s := fmt.Sprintf("%s://%s/%d", scheme, strings.Join(p.Addrs, ","), p.DB)
	if p.MasterSet != "" {
		s += "?master_set=" + url.QueryEscape(p.MasterSet)
	}
	return s
}

// ParseWebhookURL checks where a webhook is to be sent, and returns the scheme and the
// host of it. Its path and query may be what opens the receiver, so that neither is
// quoted in the error. Plain http is for receivers next door; with the token in the body,
// for this machine.
func ParseWebhookURL(s string, token bool) (origin string, err error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "" || u.Hostname() == "":
		return "", errors.New("is not an absolute URL; write one such as https://hooks.example.com/hufu")
	case u.Scheme != "http" && u.Scheme != "https":
		return "", errors.New("has a scheme that is neither https nor http; write one such as https://hooks.example.com/hufu")
	case u.User != nil:
		return "", errors.New("contains a user or password; remove it: calls are signed")
	case u.Fragment != "":
		return "", errors.New("contains a fragment; remove it")
	case !validPort(u.Port()):
		return "", errors.New("has no port from 1 to 65535; write the port, or nothing for the scheme's own")
	case u.Scheme == "http" && !privateHost(u.Hostname()):
		return "", errors.New("is plain http to a public host; use https (http is accepted for loopback and private addresses and internal names)")
	case u.Scheme == "http" && token && !LoopbackHost(u.Hostname()):
		return "", errors.New("is plain http to another machine, where the token of include_token could be read on the way; use https")
	}
	return u.Scheme + "://" + strings.ToLower(u.Host), nil
}

const (
	webhookSecretPrefix = "whsec_"
	minWebhookSecret    = 24
	maxWebhookSecret    = 64
)

// ParseWebhookSecret reads a secret in the form of Standard Webhooks: whsec_ and the
// base64 of 24 to 64 random bytes. The error never quotes it.
func ParseWebhookSecret(s Secret) ([]byte, error) {
	text, ok := strings.CutPrefix(s.Reveal(), webhookSecretPrefix)
	key, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(key) < minWebhookSecret || len(key) > maxWebhookSecret {
		return nil, fmt.Errorf("is not %s and the base64 of %d to %d bytes; make one with: echo %s$(openssl rand -base64 32)",
			webhookSecretPrefix, minWebhookSecret, maxWebhookSecret, webhookSecretPrefix)
	}
	return key, nil
}
