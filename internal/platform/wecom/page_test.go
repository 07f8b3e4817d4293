package wecom_test

import (
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/wecom"
)

// The sum was made by sha1sum of what is signed.
func TestAPageIsSignedInSeconds(t *testing.T) {
	t.Parallel()
	pages := wecom.Platform(platform.NewCaller(nil)).Pages
	at := pages.Stamp(time.UnixMilli(1414588745123))
	if got, want := pages.SignPage(broker.NewSecret("tkt"), "https://a.test/p?a=%20b#x", "abc", at), "9a479a700e7f0b7fae479f95b222f3ab2fa12303"; got != want {
		t.Errorf("signed %s at %d, want %s", got, at, want)
	}
	if _, ok := pages.(broker.CardSigner); ok {
		t.Error("it signs cards, which WeCom does not have")
	}
}
