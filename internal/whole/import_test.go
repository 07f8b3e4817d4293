package whole_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/registry"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/store/memstore"
	"github.com/hufu-io/hufu/internal/whole"
)

// Apps that bring their tokens to one server, while another is running and others start over
// the same store, at the very same time: none of them asks the platform for a token (I1).
func TestI1AnImportWhileServersStartCostsNoIssue(t *testing.T) {
	t.Parallel()
	keys, err := whole.NewKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const apps, key = 20, "admin-key-0123456789abcdef0123456789abcdef"
	for _, mode := range []sandbox.Mode{sandbox.Classic, sandbox.Stable} {
		t.Run(string(mode), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				platform := sandbox.New(sandbox.Config{})
				store := memstore.New(memstore.Config{})
				var mu sync.Mutex
				var servers []*whole.Server
				start := func() *whole.Server {
					mu.Lock()
					n := len(servers)
					servers = append(servers, nil)
					mu.Unlock()
					s, err := whole.New(t.Context(), whole.Config{
						Holder: fmt.Sprint("server-", n), Store: store, Keys: keys, Platforms: platform.Transport(),
						Clients: []*broker.Client{{
							Name: "admin", Key: registry.HashKey(key), Apps: []string{"*"}, Rights: broker.Rights(broker.Admin | broker.Read),
							Handout: broker.HandoutReal, Origin: broker.FromFile,
						}},
					})
					if err != nil {
						t.Error(err)
						return nil
					}
					mu.Lock()
					servers[n] = s
					mu.Unlock()
					return s
				}
				do := func(s *whole.Server, method, path, body string) *httptest.ResponseRecorder {
					r := httptest.NewRequestWithContext(t.Context(), method, path, bytes.NewBufferString(body))
					r.Header.Set("Authorization", "Bearer "+key)
					w := httptest.NewRecorder()
					s.ServeHTTP(w, r)
					return w
				}
				a, b := start(), start()
				tokens := map[string]string{}
				for i := range apps {
					id := fmt.Sprintf("wx%016d", i)
					platform.AddApp(sandbox.App{ID: id, Secret: appSecret})
					get := platform.ForceOutside
					if mode == sandbox.Classic {
						get = platform.RotateOutside
					}
					if tokens[id], err = get(id); err != nil {
						t.Fatal(err)
					}
				}
				issued := func() (n int) {
					for id := range tokens {
						n += platform.Counts(id).Issues
					}
					return n
				}
				before := issued()
				var wg sync.WaitGroup
				for id, tok := range tokens {
					for _, s := range []*whole.Server{a, b} {
						wg.Go(func() {
							body := fmt.Sprintf(`{"platform":"wechat","app_id":%q,"secret":%q,"mode":%q,"base_url":"http://sandbox","tokens":[{"kind":"access_token","token":%q,"expires_in":7200}]}`, id, appSecret, mode, tok)
							// Of two who bring the same at the same time one may be told to come again.
							if w := do(s, "PUT", "/v1/apps/"+id, body); w.Code >= 400 && w.Code != http.StatusServiceUnavailable && w.Code != http.StatusConflict {
								t.Errorf("%d %s", w.Code, w.Body)
							}
						})
					}
				}
				for range 3 {
					wg.Go(func() { start() })
				}
				wg.Wait()
				time.Sleep(50 * time.Minute)
				synctest.Wait()
				if n := issued() - before; n != 0 {
					t.Errorf("I1: %d issues", n)
				}
				for id, tok := range tokens {
					for _, s := range servers {
						if w := do(s, "GET", "/v1/apps/"+id+"/tokens/access_token", ""); w.Code != http.StatusOK || !bytes.Contains(w.Body.Bytes(), []byte(tok)) {
							t.Errorf("%s: %d %s", id, w.Code, w.Body)
						}
					}
				}
				time.Sleep(3 * time.Hour) // and then it goes on as ever
				for id, tok := range tokens {
					w := do(b, "GET", "/v1/apps/"+id+"/tokens/access_token", "")
					if w.Code != http.StatusOK || bytes.Contains(w.Body.Bytes(), []byte(tok)) {
						t.Errorf("%s is not renewed: %d", id, w.Code)
					}
				}
				for _, s := range servers {
					if err := s.Close(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		})
	}
}
