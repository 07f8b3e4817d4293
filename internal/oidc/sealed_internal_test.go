package oidc

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/fleetkey"
)

// I8: what was sealed for one use, app and registration opens for no other, and neither does
// what was changed.
func TestWhatIsSealedOpensWhereItBelongsI8(t *testing.T) {
	t.Parallel()
	siv, err := fleetkey.SIVOf(bytes.Repeat([]byte{1}, fleetkey.SIVSize))
	if err != nil {
		t.Fatal(err)
	}
	k := &keys{siv: siv}
	shop := &broker.App{ID: "shop", Platform: "wechat", AppID: "wx-1"}
	want := request{Client: "forum", Redirect: "https://www.example.com/?a=1&b=<2>", Scopes: []string{"openid"}}
	s, err := k.seal(want, forRequest, shop)
	if err != nil {
		t.Fatal(err)
	}
	var got request
	if !k.open(s, &got, forRequest, shop) {
		t.Fatal("it does not open")
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for what, opens := range map[string]bool{
		"another use":          k.open(s, &got, forToken, shop),
		"another id":           k.open(s, &got, forRequest, &broker.App{ID: "news", Platform: "wechat", AppID: "wx-1"}),
		"another registration": k.open(s, &got, forRequest, &broker.App{ID: "shop", Platform: "wechat", AppID: "wx-2"}),
		"a line break":         k.open(s[:10]+"\n"+s[10:], &got, forRequest, shop),
		"padding":              k.open(s+"=", &got, forRequest, shop),
		"a cut end":            k.open(s[:len(s)-1], &got, forRequest, shop),
		"nothing":              k.open("", &got, forRequest, shop),
	} {
		if opens {
			t.Errorf("it opens with %s", what)
		}
	}
}
