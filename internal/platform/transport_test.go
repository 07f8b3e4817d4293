package platform_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

const proxyURL = "http://proxy.test:3128"

// TestMain sets proxies before anything asks for them: net/http reads them once.
// Loopback hosts, with which the other tests deal, are never proxied.
func TestMain(m *testing.M) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY"} {
		_ = os.Setenv(name, proxyURL) //nolint:usetesting // There is no test yet.
	}
	for _, name := range []string{"NO_PROXY", "no_proxy", "http_proxy", "https_proxy", "REQUEST_METHOD"} {
		_ = os.Unsetenv(name)
	}
	os.Exit(m.Run())
}

func TestPlainHTTPNeverGoesThroughAProxyI6(t *testing.T) {
	t.Parallel()
	tr := platform.NewTransport()
	for base, want := range map[string]string{
		"http://10.0.0.7":           "",
		"http://wechat.internal":    "",
		"https://api.weixin.qq.com": proxyURL,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/cgi-bin/token?secret=x", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if u, err := tr.Proxy(req); err != nil {
			t.Errorf("%s: %v", base, err)
		} else if u != nil {
			got = u.String()
		}
		if got != want {
			t.Errorf("%s goes through the proxy %q, want %q", base, got, want)
		}
	}
}

func TestTooManyOpenFilesAreToldAsSuch(t *testing.T) {
	t.Parallel()
	c := platform.NewCaller(tripper(func(*http.Request) (*http.Response, error) { return nil, errNoFile }))
	_, err := issue(t.Context(), c, "https://platform.test")
	e := broker.AsError(err)
	if !strings.Contains(e.Hint, "raise the limit of open files") || strings.Contains(e.Hint, "DNS") {
		t.Errorf("the hint is %q", e.Hint)
	}
}
