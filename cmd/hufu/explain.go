package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"

	"github.com/hufu-io/hufu/api"
)

// explained says of a refusal of the key, and of an app that there is not, what can be done
// about it here: the server knows nothing of our environment and our commands, and names the
// header.
func explained(err error) error {
	if p, ok := errors.AsType[*api.Problem](err); ok && p.Code == api.CodeUnauthorized {
		p.Hint = keySource() + " has to be the whole key of a client of this server, from its first character to its last"
	}
	if p, ok := errors.AsType[*api.Problem](err); ok && p.Code == api.CodeUnknownApp && p.Hint == "" {
		p.Hint = "hufu app ls lists the apps"
	}
	return err
}

// explaining says where the server was looked for when nothing listens there.
type explaining struct{ http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (t explaining) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.RoundTripper.RoundTrip(r)
	if errors.Is(err, syscall.ECONNREFUSED) {
		err = fmt.Errorf("%w; is the server running? HUFU_ADDR says where it is looked for", err)
	}
	return resp, err
}

// keySource says where the client key comes from.
func keySource() string {
	if os.Getenv("HUFU_KEY") != "" {
		return "HUFU_KEY"
	}
	return "HUFU_KEY is not set, and the key in " + adminKeyPath + " was sent; it"
}

// checkKey refuses a key that cannot be sent, without showing it.
func checkKey(key string) error {
	if strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return &usageError{err: errors.New("HUFU_KEY has a line break or another control character in it; a key is one line of plain text")}
	}
	return nil
}
