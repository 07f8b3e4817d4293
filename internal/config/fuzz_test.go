package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/config"
)

// FuzzLoad proves that no file makes Load panic, that every error is a list of faults
// in order, each with a line of the file, and I6: that no fault repeats a secret, may it
// come from the environment, from a file of its own, or stand where one belongs.
func FuzzLoad(f *testing.F) {
	for _, name := range []string{"testdata/full.yaml", "testdata/contract.yaml"} {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), "")
	}
	f.Add(app("mode: ${SECRET}\nsinks: [{type: json, path: /run/a}]"), "secret, @")
	f.Add(client("key: @\nkey_file: secret\nallow: [read]\n"), "@")
	f.Add("a: &a [@, @]\nb: *a\n<<: {c: d}\n", "!!str @")
	f.Add("apps:\n- {platform: wechat, secret_file: /@}\n", "")
	f.Add("store: redis://:@@h\nlog: {@: @}\n---\n", "'@'")
	f.Add("apps:\n- base_url: https://u:@@h/?@#@\n  secret_file: [secret, \"${SECRET}\"]\n", "|\n      @")
	f.Add(app("sinks: [{type: redis, url: 'redis://:@@h/@?addr=@', key: '{@}', format: '@', kind: a@}, {type: redis, url: 'redis://:@\\@h'}]"), "@")
	f.Add(app("sinks: [{type: webhook, url: 'https://u:@@h/@', secret: 'whsec_@'}, {type: webhook, url: 'http://@/', secret: whsec_@, include_token: @}]"), "@")
	f.Add(acme, "@")
	f.Add("platforms: [{name: @, base_url: 'https://@@h/@', params: [{name: @}], modes: [{name: @, tokens: [{kind: @, from: @, request: {path: '/{@}', json: {@: '{param.@}'}}}]}], kinds: {@: @}}]", "@")
	f.Add("platforms: [{name: a, tokens: [{request: {path: '@'}}], surfaces: [{prefix: @, errors: {code: [@, @]}}], words: {@: {code: @}}, codes: [{code: @}, {code: @}]}]", "@")
	dir := f.TempDir()
	put(f, dir, "secret", newsSecret, 0o600)
	path := filepath.Join(dir, "hufu.yaml")
	opt := options("SHOP_SECRET", shopSecret, "ORDERS_KEY", ordersKey)
	f.Fuzz(func(t *testing.T, text, secret string) {
		// An @ stands for a secret that is written out, wherever it may be.
		text = strings.ReplaceAll(text+"\napps:\n  - platform: wechat\n    app_id: wx1\n    secret: "+secret+"\n", "@", stockKey)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(path, opt)
		if (c == nil) == (err == nil) {
			t.Fatalf("a configuration %v beside the error %v", c, err)
		}
		if err == nil {
			return
		}
		faults, ok := errors.AsType[*config.Faults](err)
		if !ok || len(faults.List) == 0 {
			t.Fatalf("the error is %T: %v", err, err)
		}
		if !slices.IsSortedFunc(faults.List, func(a, b config.Fault) int { return a.Line - b.Line }) {
			t.Errorf("out of order:\n%v", err)
		}
		for _, x := range faults.List {
			if x.Line < 1 || x.Message == "" || strings.ContainsAny(x.Path+x.Message, "\n\r") {
				t.Errorf("fault %+v", x)
			}
		}
		for _, s := range []string{shopSecret, newsSecret, ordersKey, stockKey} {
			if strings.Contains(err.Error(), s) {
				t.Errorf("%s is repeated in\n%v", s, err)
			}
		}
	})
}
