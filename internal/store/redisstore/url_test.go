package redisstore_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/servertest"
	"github.com/hufu-io/hufu/internal/store/redisstore"
)

// hostile is a password whose parts can be looked for one by one.
const hostile = "Tiger:Tally/Court?Field#Half@Gate%Seal[Bronze]Gold"

// requireNoPassword looks for any part of it.
func requireNoPassword(t *testing.T, what, text string) {
	t.Helper()
	for part := range strings.FieldsFuncSeq(hostile, func(c rune) bool { return (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') }) {
		if strings.Contains(text, part) {
			t.Errorf("%s tells a part of the password: %s", what, text)
		}
	}
}

func TestNoErrorTellsAPassword_I6(t *testing.T) {
	t.Parallel()
	gone := freeAddress(t)
	echo := echoing(t)
	escaped := url.QueryEscape(hostile)
	urls := []string{hostile, "redis://" + hostile}
	for _, scheme := range []string{"redis", "rediss", "unix", "http", "", "redis:" + hostile} {
		for _, userinfo := range []string{":" + hostile, "user:" + hostile, hostile, ":" + escaped, "user:" + escaped, escaped} {
			for _, addr := range []string{gone, "", "[::1", "127.0.0.1:port", echo} {
				for _, rest := range []string{"", "/0", "/" + hostile, "/1/2", "?db=" + escaped, "?master_set=x&addr=" + gone, "?addr=" + escaped, "?skip_verify=" + escaped, "?dial_timeout=" + escaped, "?prefix=" + escaped, "?" + hostile, "#" + hostile} {
					urls = append(urls, scheme+"://"+userinfo+"@"+addr+rest)
				}
			}
		}
	}
	// What of a password is not escaped makes of a URL what it likes.
	for _, c := range ":/?#@%[] \x00\n&=;" {
		for _, form := range []string{"Tiger%cTally", "%cTiger", "Tiger%c"} {
			p := fmt.Sprintf(form, c)
			urls = append(urls, "redis://:"+p+"@"+gone, "redis://"+p+"@"+gone, "redis://Tiger?"+p+"@"+gone, "redis://:6379/"+p, "redis://"+gone+"?sentinel_password="+p)
		}
	}
	for _, u := range urls {
		s, err := redisstore.Open(t.Context(), redisstore.Config{URL: broker.NewSecret(u)})
		if err == nil {
			shut(t, s)
			t.Errorf("%q was opened", u)
			continue
		}
		requireNoPassword(t, fmt.Sprintf("the error of %q", u), fmt.Sprintf("%v %+v %#v %q", err, err, err, err))
	}
}

func TestAWrongPasswordIsNotRepeated_I6(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedis(t, servertest.RedisConfig{Password: "right"})
	u := url.URL{Scheme: "redis", User: url.UserPassword("default", hostile), Host: s.Addr()}
	_, err := redisstore.Open(t.Context(), redisstore.Config{URL: broker.NewSecret(u.String())})
	if err == nil || !strings.Contains(err.Error(), "the user or the password in the URL is wrong") {
		t.Errorf("got %v", err)
	}
	requireNoPassword(t, "the error", fmt.Sprint(err))
	_, err = redisstore.Open(t.Context(), redisstore.Config{URL: broker.NewSecret("redis://" + s.Addr())})
	if err == nil || !strings.Contains(err.Error(), "the URL has none") {
		t.Errorf("got %v", err)
	}
}

func TestURLsSayWhatIsWrongWithThem(t *testing.T) {
	t.Parallel()
	for u, want := range map[string]string{
		"":                                 "no URL is given",
		"redis://":                         "names no host",
		"http://host":                      "begins with none of",
		"redis://:p/w@host":                "%2F",
		"redis://:p?w@host":                "%3F",
		"redis://:p#w@host":                "%23",
		"redis://host?timeout=1":           "parameter that is none of",
		"unix://host/path":                 "unix://user:password@/path",
		"unix://:1/2@/path":                "%2F",
		"redis://host/x":                   "not the number of a database",
		"redis://host?addr=other":          "not host:port",
		"redis://host?addr=:1":             "not host:port",
		"redis://host?prefix={a}":          "prefix",
		"redis://host?prefix=":             "prefix",
		"redis://host?dial_timeout=5":      "dial_timeout",
		"redis://host?skip_verify=perhaps": "skip_verify",
		"redis://" + freeAddress(t):        "connection refused",
		"unix:///no/such/redis.sock":       "no such file",
	} {
		_, err := redisstore.Open(t.Context(), redisstore.Config{URL: broker.NewSecret(u)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want something about %q", u, err, want)
		}
	}
}

// freeAddress is one at which nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// echoing is the address of a server that knows no command and repeats all of them, as
// old servers do, and those on which a command was renamed.
func echoing(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for r := bufio.NewReader(c); ; {
					args, err := readCommand(r)
					if err != nil {
						return
					}
					if _, err := fmt.Fprintf(c, "-ERR unknown command '%s', with args beginning with: '%.128s'\r\n", args[0], strings.Join(args[1:], "' '")); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

func readCommand(r *bufio.Reader) ([]string, error) {
	var n int
	if _, err := fmt.Fscanf(r, "*%d\r\n", &n); err != nil {
		return nil, err
	}
	args := make([]string, n)
	for i := range args {
		var size int
		if _, err := fmt.Fscanf(r, "$%d\r\n", &size); err != nil {
			return nil, err
		}
		b := make([]byte, size+2)
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		args[i] = string(b[:size])
	}
	return args, nil
}
