package sqlstore

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// address is the URL of a database server, taken apart. No error about one quotes it:
// where it is malformed, any part of it may be a part of the password.
type address struct {
	scheme   string
	user     string
	password broker.Secret
	hosts    []hostPort
	database string
	params   map[string]string // those of the server's kind
	pool     poolConfig
}

type hostPort struct{ host, port string }

// poolConfig is how many connections a store keeps. All kinds of servers have these
// parameters.
type poolConfig struct {
	maxOpen, maxIdle int
	maxLifetime      time.Duration
	maxIdleTime      time.Duration
	connectTimeout   time.Duration
}

func defaultPool() poolConfig {
	return poolConfig{maxOpen: 16, maxIdle: 16, maxLifetime: 30 * time.Minute, maxIdleTime: 5 * time.Minute, connectTimeout: 5 * time.Second}
}

// String names the database without what is secret.
func (a *address) String() string {
	hosts := make([]string, len(a.hosts))
	for i, h := range a.hosts {
		hosts[i] = h.host
		if h.port != "" {
			hosts[i] = net.JoinHostPort(h.host, h.port)
		}
	}
	return a.scheme + "://" + strings.Join(hosts, ",") + "/" + a.database
}

// parseAddress takes a URL apart. The standard library does not do: it knows one host, and
// its errors quote what they are about.
func parseAddress(secret broker.Secret) (*address, error) {
	scheme, rest, found := strings.Cut(secret.Reveal(), "://")
	if scheme == "postgresql" {
		scheme = "postgres"
	}
	known := parameters(scheme)
	if !found || known == nil {
		return nil, errors.New("the store's URL does not begin with postgres:// or mysql://")
	}
	authority, tail := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, tail = rest[:i], rest[i:]
	}
	if strings.ContainsAny(tail, "@#") {
		return nil, errors.New("the store's URL has an @ or # after the host: " +
			"in the password / ? # @ and % are written as %2F %3F %23 %40 and %25")
	}
	a := &address{scheme: scheme, params: map[string]string{}, pool: defaultPool()}
	path, query, _ := strings.Cut(tail, "?")
	if err := a.setAuthority(authority); err != nil {
		return nil, err
	}
	var err error
	if a.database, err = url.PathUnescape(strings.TrimPrefix(path, "/")); err != nil || a.database == "" {
		return nil, errors.New("the store's URL names no database after the host")
	}
	if err := a.setParams(query, known); err != nil {
		return nil, err
	}
	if len(a.hosts) == 0 && a.params["host"] == "" && a.params["socket"] == "" {
		return nil, errors.New("the store's URL names no host")
	}
	return a, nil
}

func (a *address) setAuthority(authority string) error {
	hosts := authority
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		hosts = authority[i+1:]
		user, password, _ := strings.Cut(authority[:i], ":")
		var userErr, passwordErr error
		a.user, userErr = url.PathUnescape(user)
		password, passwordErr = url.PathUnescape(password)
		if userErr != nil || passwordErr != nil {
			return errors.New("the user or the password in the store's URL is badly escaped: % is written as %25")
		}
		a.password = broker.NewSecret(password)
	}
	if a.user == "" {
		return errors.New("the store's URL names no user before the host")
	}
	for part := range strings.SplitSeq(hosts, ",") {
		if hosts == "" {
			break
		}
		h, err := parseHost(part)
		if err != nil {
			return err
		}
		a.hosts = append(a.hosts, h)
	}
	return nil
}

// A host is checked strictly, because the driver's errors name it.
var hostName = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

func parseHost(s string) (hostPort, error) {
	h := hostPort{host: s}
	if host, port, err := net.SplitHostPort(s); err == nil {
		h = hostPort{host, port}
	} else {
		h.host = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	}
	port, err := strconv.ParseUint(h.port, 10, 16)
	if h.port != "" && (err != nil || port == 0) || !hostName.MatchString(h.host) && net.ParseIP(h.host) == nil {
		return hostPort{}, errors.New("the store's URL names no host and port as in db.example.com:5432; " +
			"in the password / ? # @ and % are written as %2F %3F %23 %40 and %25")
	}
	return h, nil
}

// parameters are those that a kind of server knows beside those of the pool.
func parameters(scheme string) map[string]bool {
	var names []string
	switch scheme {
	case "postgres":
		names = []string{
			"application_name", "channel_binding", "default_query_exec_mode", "host", "options", "require_auth", "search_path",
			"sslcert", "sslkey", "sslmode", "sslnegotiation", "sslrootcert", "sslsni", "target_session_attrs",
		}
	case "mysql":
		names = []string{"socket", "tls", "tls_ca", "tls_cert", "tls_key"}
	default:
		return nil
	}
	known := map[string]bool{}
	for _, n := range names {
		known[n] = true
	}
	return known
}

func (a *address) setParams(query string, known map[string]bool) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("the parameters in the store's URL are badly escaped")
	}
	for name, vs := range values {
		if len(vs) != 1 || vs[0] == "" {
			return errors.New("a parameter in the store's URL is empty, or there more than once")
		}
		set := a.pool.parameters()[name]
		switch {
		case set != nil:
			if !set(vs[0]) {
				return fmt.Errorf("the parameter %s in the store's URL has a value that makes no sense", name)
			}
		case known[name]:
			a.params[name] = vs[0]
		default:
			names := slices.Sorted(maps.Keys(known))
			names = append(names, slices.Sorted(maps.Keys(a.pool.parameters()))...)
			return fmt.Errorf("the store's URL has a parameter that is not known; known are %s", strings.Join(names, ", "))
		}
	}
	a.pool.maxIdle = min(a.pool.maxIdle, a.pool.maxOpen)
	return nil
}

// parameters sets what is in the pool's parameters, and reports whether it makes sense.
func (p *poolConfig) parameters() map[string]func(string) bool {
	count := func(to *int) func(string) bool {
		return func(s string) bool {
			n, err := strconv.Atoi(s)
			*to = n
			return err == nil && n >= 1 && n <= 1000
		}
	}
	span := func(to *time.Duration) func(string) bool {
		return func(s string) bool {
			d, err := time.ParseDuration(s)
			*to = d
			return err == nil && d >= time.Second
		}
	}
	return map[string]func(string) bool{
		"max_open_conns":     count(&p.maxOpen),
		"max_idle_conns":     count(&p.maxIdle),
		"conn_max_lifetime":  span(&p.maxLifetime),
		"conn_max_idle_time": span(&p.maxIdleTime),
		// In seconds, as everybody writes it who knows it from PostgreSQL.
		"connect_timeout": func(s string) bool {
			n, err := strconv.Atoi(s)
			p.connectTimeout = time.Duration(n) * time.Second
			return err == nil && n >= 1 && n <= 300
		},
	}
}
