// Package redisurl says how to connect to the Redis that a URL names, for all who get such
// URLs from operators. The parser of the client library is not asked: its errors quote the
// URL, which holds the password.
package redisurl

import (
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"time"

	"github.com/redis/rueidis"

	"github.com/hufu-io/hufu/internal/broker"
)

// limit bounds how long a connection and a command may take.
const limit = 5 * time.Second

// Option returns where the Redis is and what opens it; how it is used is for the caller to
// add. It holds passwords, so that it is never printed. The error goes on from the name of the
// URL, such as "the sink's url", and quotes nothing of it.
func Option(at broker.Secret) (rueidis.ClientOption, error) {
	place, err := broker.ParseRedisURL(at.Reveal())
	if err != nil {
		return rueidis.ClientOption{}, err
	}
	u, err := url.Parse(at.Reveal())
	if err != nil {
		return rueidis.ClientOption{}, errors.New("is not a URL")
	}
	o := rueidis.ClientOption{
		InitAddress: place.Addrs, SelectDB: place.DB, Dialer: net.Dialer{Timeout: limit}, ConnWriteTimeout: limit, DisableCache: true,
	}
	o.Username = u.User.Username()
	o.Password, _ = u.User.Password()
	if place.TLS {
		o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if place.MasterSet != "" {
		o.Sentinel = rueidis.SentinelOption{
			MasterSet: place.MasterSet, Dialer: o.Dialer, TLSConfig: o.TLSConfig,
			Username: u.Query().Get("sentinel_username"), Password: u.Query().Get("sentinel_password"),
		}
	}
	return o, nil
}
