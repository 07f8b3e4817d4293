package redisstore

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/hufu-io/hufu/internal/broker"
)

const (
	defaultPrefix = "hufu"
	defaultPort   = "6379"
)

// target is what a URL says.
type target struct {
	option rueidis.ClientOption
	prefix string
	// secrets are what must not be in an error, in the forms it may be quoted in.
	secrets []string
}

// parameters are those that a URL may have. Whatever else comes after a question mark is
// taken for a part of a password in which it was not escaped, and never repeated.
func parameters() []string {
	return []string{"addr", "db", "dial_timeout", "master_set", "prefix", "sentinel_password", "sentinel_username", "skip_verify"}
}

// CheckURL says what is wrong with a store's URL, as [Open] would, without a connection. It
// quotes nothing of it.
func CheckURL(u broker.Secret) error {
	_, err := parseURL(u)
	return err
}

// parseURL reads a URL. None of its errors has any part of it in it: where a password is
// not escaped as it should be, any part of the URL may be a part of the password.
func parseURL(secret broker.Secret) (target, error) {
	raw := secret.Reveal()
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" {
		return target{}, errors.New("the URL is not one: want redis://user:password@host:port/db, where " + escapeHint)
	}
	if err := checkURL(u); err != nil {
		return target{}, err
	}
	q := u.Query()
	t := target{prefix: defaultPrefix}
	if q.Has("prefix") {
		t.prefix = q.Get("prefix")
		if !validPrefix(t.prefix) {
			return target{}, errors.New("the URL's prefix is not 1 to 64 letters, digits, dots, dashes, underscores and colons")
		}
	}
	if t.option, err = rueidis.ParseURL(raw); err != nil {
		return target{}, errors.New("the URL cannot be read")
	}
	setOptions(&t.option, q)
	for _, s := range []string{t.option.Password, t.option.Sentinel.Password} {
		t.addSecret(s)
	}
	if t.option.Password == "" {
		t.addSecret(t.option.Username) // somebody forgot the colon before it
	}
	return t, nil
}

// addresses are where the Redis is, for whoever reads an error, and nothing else of the URL.
func (t target) addresses() string {
	text := strings.Join(t.option.InitAddress, ", ")
	for _, secret := range t.secrets {
		text = strings.ReplaceAll(text, secret, "[secret]")
	}
	return text
}

const escapeHint = "a password's : / ? # [ ] @ and % are written as %3A %2F %3F %23 %5B %5D %40 and %25"

// checkURL refuses whatever a password that is not escaped makes of a URL, and what
// rueidis would take for something else.
func checkURL(u *url.URL) error {
	unix := u.Scheme == "unix"
	database := strings.TrimPrefix(u.Path, "/")
	q, err := url.ParseQuery(u.RawQuery)
	switch {
	case !unix && !slices.Contains([]string{"redis", "rediss", "valkey", "valkeys"}, u.Scheme):
		return errors.New("the URL begins with none of redis://, rediss:// and unix://")
	case u.Fragment != "" || strings.Contains(u.Host, "@") || err != nil:
		return errors.New("the URL has something after its parameters: " + escapeHint)
	case !unix && u.Hostname() == "":
		return errors.New("the URL names no host")
	case unix && (u.Host != "" || u.Path == "" || strings.Contains(u.Path, "@") || q.Has("addr")):
		return errors.New("the URL of a socket is not unix://user:password@/path/to.sock: " + escapeHint)
	case !unix && database != "" && !isNumber(database):
		return errors.New("the URL's path is not the number of a database: " + escapeHint)
	case q.Has("db") && !isNumber(q.Get("db")):
		return errors.New("the URL's db is not the number of a database")
	}
	for name := range q {
		if !slices.Contains(parameters(), name) {
			return fmt.Errorf("the URL has a parameter that is none of %s: %s", strings.Join(parameters(), ", "), escapeHint)
		}
	}
	for _, addr := range q["addr"] {
		// Without a host or a port it would be the first one's.
		if host, port, err := net.SplitHostPort(addr); err != nil || host == "" || !isNumber(port) {
			return errors.New("an addr in the URL is not host:port")
		}
	}
	if q.Has("dial_timeout") {
		if d, err := time.ParseDuration(q.Get("dial_timeout")); err != nil || d <= 0 {
			return errors.New("the URL's dial_timeout is not a duration like 5s")
		}
	}
	if v := q.Get("skip_verify"); v != "" {
		if _, err := strconv.ParseBool(v); err != nil {
			return errors.New("the URL's skip_verify is neither true nor false")
		}
	}
	return nil
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

// validPrefix keeps out the braces, which would end the hash tag.
func validPrefix(s string) bool {
	return regexp.MustCompile(`^[A-Za-z0-9._:-]{1,64}$`).MatchString(s)
}

// setOptions sets what no URL decides.
func setOptions(o *rueidis.ClientOption, q url.Values) {
	o.ClientName = "hufu"
	o.ClientSetInfo = []string{} // one command less that has to be allowed
	o.DisableCache = true
	o.DisableRetry = false
	// Only reads are ever tried again (see script), and once: what a server that is away
	// costs is for the caller to decide.
	o.RetryDelay = func(attempts int, _ rueidis.Completed, _ error) time.Duration {
		if attempts > 1 {
			return -1
		}
		return 0
	}
	// Without it a single call would read from the connection itself, where nothing but a
	// deadline ends it.
	o.AlwaysPipelining = true
	// A server that says nothing for so long is gone, and what waits for it fails.
	o.ConnWriteTimeout = silence
	o.ReadBufferEachConn, o.WriteBufferEachConn = 64<<10, 64<<10
	o.ClusterOption.MaxMovedRedirections = 5
	if o.TLSConfig != nil {
		// Empty, each node's certificate is for the name it is dialled by.
		o.TLSConfig.ServerName = ""
	}
	o.Sentinel.Username, o.Sentinel.Password = q.Get("sentinel_username"), q.Get("sentinel_password")
	o.Sentinel.ClientName = o.ClientName
	o.Sentinel.Dialer, o.Sentinel.TLSConfig = o.Dialer, o.TLSConfig
	// A Sentinel's word of a failover may be missed.
	o.Sentinel.TopologyRefreshInterval = 5 * time.Second
}

func (t *target) addSecret(s string) {
	if s == "" {
		return
	}
	quoted := strconv.Quote(s)
	for _, form := range []string{s, quoted[1 : len(quoted)-1], url.QueryEscape(s), url.PathEscape(s), url.UserPassword("", s).String()[1:]} {
		if !slices.Contains(t.secrets, form) {
			t.secrets = append(t.secrets, form)
		}
	}
}
