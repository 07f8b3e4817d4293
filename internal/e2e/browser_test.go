package e2e_test

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

var inBrowser = flag.Bool("e2e-browser", false, "log users in with a real browser (needs Chromium)")

// browser is a running Chromium, in which any number of people have a window each. Hosts
// that end in .test are on this machine, so that sites have hosts of their own.
type browser struct {
	t   *testing.T
	ctx context.Context
}

func startBrowser(t *testing.T) *browser {
	t.Helper()
	if !*inBrowser {
		t.Skip("set -e2e-browser to log in with a real browser")
	}
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Fatal("no Chromium is here; on Debian it is the package chromium")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.Flag("host-resolver-rules", "MAP *.test 127.0.0.1"),
		chromedp.Flag("lang", "en"),
		// No site of this machine is to be reached by a proxy.
		chromedp.Flag("proxy-server", "direct://"),
	)
	if os.Getuid() == 0 {
		opts = append(opts, chromedp.NoSandbox)
	}
	alloc, cancel := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), opts...)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewContext(alloc)
	t.Cleanup(stop)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return &browser{t, ctx}
}

// person is somebody with a browser of her own: nobody else's cookies are in it.
type person struct {
	t   *testing.T
	ctx context.Context
}

func (b *browser) person() *person {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	b.t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		b.t.Fatal(err)
	}
	return &person{b.t, ctx}
}

// do carries out actions, one after the other.
func (p *person) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 30*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.t.Fatalf("%v; the browser is at %s", err, p.where())
	}
}

// open goes to a page and waits until something is there.
func (p *person) open(url, selector string) {
	p.t.Helper()
	p.do(chromedp.Navigate(url), chromedp.WaitVisible(chromedp.CSS(selector)))
}

// click clicks on something and waits until something else is there.
func (p *person) click(selector, then string) {
	p.t.Helper()
	p.do(chromedp.Click(chromedp.CSS(selector)), chromedp.WaitVisible(chromedp.CSS(then)))
}

// read returns the text of something.
func (p *person) read(selector string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 30*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS(selector)))
	if err != nil {
		p.t.Fatalf("read %s: %v; the browser is at %s", selector, err, p.where())
	}
	return text
}

// where is the address that the browser shows.
func (p *person) where() string {
	ctx, cancel := context.WithTimeout(p.ctx, 10*time.Second)
	defer cancel()
	url, _ := chromedp.Run(ctx, chromedp.Location()) // for messages, too, which are worth having without it
	return url
}

// listen tells f of every address that the browser asks for with its page.
func (p *person) listen(f func(url string)) {
	p.t.Helper()
	err := chromedp.Listen(p.ctx, func(ev any) {
		if sent, ok := ev.(*network.EventRequestWillBeSent); ok {
			f(sent.Request.URL)
		}
	})
	if err == nil {
		_, err = chromedp.Call(p.ctx, network.Enable, network.EnableParams{})
	}
	if err != nil {
		p.t.Fatal(err)
	}
}
