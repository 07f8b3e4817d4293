package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/servertest"
)

// Two servers share a store and a keyset file, and the keys are rotated at one of them.
// The other one is told nothing of it, and serves what the first one has sealed since (I9).
func TestAFleetGoesOnWhenOneOfItsServersRotatesTheKeys(t *testing.T) {
	t.Parallel()
	redis := servertest.StartRedis(t, servertest.RedisConfig{Durable: true})
	sandbox := startSandbox(t, "2h", "5m")
	dir := configure(t, sandbox.url, "overlap: 5m", "store: "+redis.URL)
	here, there := start(t, dir, "serve"), start(t, dir, "serve")
	var tok token
	waitFor(t, "the first token at both", func() bool {
		statusHere, a, errHere := here.token("classic")
		statusThere, b, errThere := there.token("classic")
		tok = a
		return errHere == nil && errThere == nil && statusHere == http.StatusOK && statusThere == http.StatusOK && a == b
	})
	if status, x, err := here.call(http.MethodPost, "/v1/keys/rotate", ""); err != nil || status != http.StatusOK {
		t.Fatalf("rotate: %d, %+v, %v", status, x, err)
	}
	post(t, sandbox.url+"/_sandbox/apps/wxclassic0000001/kill", `{"mode":"classic"}`)
	status, renewed, err := here.call(http.MethodPost, "/v1/apps/classic/tokens/access_token/renew", fmt.Sprintf(`{"version":%d}`, tok.Version))
	if err != nil || status != http.StatusOK || renewed.Token == tok.Token {
		t.Fatalf("renew: %d, %+v, %v", status, renewed, err)
	}
	issued := sandbox.issues(t, "wxclassic0000001")
	waitFor(t, "the new token at the other server", func() bool {
		status, got, err := there.token("classic")
		return err == nil && status == http.StatusOK && got.Token == renewed.Token && got.Version == renewed.Version
	})
	if n := sandbox.issues(t, "wxclassic0000001"); n != issued {
		t.Errorf("I1: the other server issued %d tokens of its own", n-issued)
	}
	// A second rotation could remove a key that a server which has not looked yet seals with.
	for _, p := range []*process{here, there} {
		if status, x, err := p.call(http.MethodPost, "/v1/keys/rotate", ""); err != nil || status != http.StatusConflict || x.Code != "conflict" {
			t.Errorf("a rotation right after the last one: %d, %+v, %v", status, x, err)
		}
	}
	for _, p := range []*process{here, there} {
		if strings.Contains(p.stderr.String(), "cannot be opened") {
			t.Error("a box was not opened")
		}
	}
}
