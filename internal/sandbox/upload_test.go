package sandbox_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/sandbox"
)

// meteredBody says how much of it was read.
type meteredBody struct {
	r io.Reader
	n int
}

func (b *meteredBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.n += n
	return n, err
}

func (b *meteredBody) Close() error { return nil }

func TestTheTokenOfAnUploadIsJudgedBeforeItsBodyIsRead(t *testing.T) {
	t.Parallel()
	sb := sandbox.New(sandbox.Config{Apps: []sandbox.App{{ID: appID, Secret: secret}}})
	body := &meteredBody{r: strings.NewReader(strings.Repeat("x", 1<<20))}
	req := httptest.NewRequestWithContext(t.Context(), "POST", base+"/cgi-bin/media/upload?type=image&access_token=83_dead", body)
	resp, err := sb.Transport().RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil || !bytes.Contains(b, []byte(`"errcode":40001`)) {
		t.Errorf("answer %s, %v", b, err)
	}
	if body.n != 0 {
		t.Errorf("%d bytes of a rejected upload were read", body.n)
	}
}

func TestTheConnectionSurvivesASmallUploadThatIsRejected(t *testing.T) {
	t.Parallel()
	sb := sandbox.New(sandbox.Config{Apps: []sandbox.App{{ID: appID, Secret: secret}}})
	c := overHTTP(t, sb)
	var reused []bool
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) { reused = append(reused, i.Reused) },
	})
	for range 3 {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/cgi-bin/media/upload?type=image&access_token=83_dead",
			strings.NewReader(strings.Repeat("x", 100<<10)))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]bool{false, true, true}, reused); diff != "" {
		t.Errorf("connections reused (-want +got):\n%s", diff)
	}
}

func TestALargeUploadThatIsRejectedCostsLittle(t *testing.T) {
	t.Parallel()
	sb := sandbox.New(sandbox.Config{Apps: []sandbox.App{{ID: appID, Secret: secret}}})
	c := overHTTP(t, sb)
	const size = 1 << 30
	body := &countUp{size: size}
	r := c.send("/cgi-bin/media/upload?type=video&access_token=83_dead", upload{field: "media", name: "a.mp4", content: body})
	if r.code() != 40001 {
		t.Errorf("errcode %d, want 40001", r.code())
	}
	if n := body.n.Load(); n > size/8 {
		t.Errorf("%d MiB were sent", n>>20)
	}
}

// countUp yields bytes that can be made again.
type countUp struct {
	n    atomic.Int64
	size int64
}

func (c *countUp) Read(p []byte) (int, error) {
	at := c.n.Load()
	if at == c.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), c.size-at))
	for i := range n {
		p[i] = byte((at + int64(i)) % 251)
	}
	c.n.Add(int64(n))
	return n, nil
}

func TestLargeUploadsStreamWithinTheirBoundOfMemory(t *testing.T) { //nolint:paralleltest // It measures the heap of the process.
	if testing.Short() {
		t.Skip("moves half a gigabyte")
	}
	const size, limit = 72 << 20, 160 << 20
	sb := sandbox.New(sandbox.Config{Apps: []sandbox.App{{ID: appID, Secret: secret}}, MediaBytes: limit})
	c := overHTTP(t, sb)
	token := c.stable().AccessToken
	var ids []string
	for range 4 {
		r := c.send("/cgi-bin/media/upload?type=video&access_token="+token,
			upload{field: "media", name: "a.mp4", content: &countUp{size: size}})
		if r.MediaID == "" {
			t.Fatalf("upload: %+v", r)
		}
		ids = append(ids, r.MediaID)
	}
	want := sha256.New()
	if _, err := io.Copy(want, &countUp{size: size}); err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.base+"/cgi-bin/media/get?access_token="+token+"&media_id="+id, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got := sha256.New()
		n, err := io.Copy(got, resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if kept := i >= 2; kept != (n == size && bytes.Equal(got.Sum(nil), want.Sum(nil))) {
			t.Errorf("upload %d: %d bytes come back", i, n)
		}
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > limit+64<<20 { // the rest is other tests'
		t.Errorf("%d MiB of heap", m.HeapAlloc>>20)
	}
	runtime.KeepAlive(sb)
}

func TestAnUploadThatBreaksOffLeavesNothing(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	sb := sandbox.New(sandbox.Config{Apps: []sandbox.App{{ID: appID, Secret: secret}}, MediaBytes: limit})
	c := newCaller(t, sb.Transport())
	path := "/cgi-bin/media/upload?type=image&access_token=" + c.stable().AccessToken
	gone := errors.New("gone")
	for range 5 {
		contentType, body := upload{
			field: "media", name: "a", content: io.MultiReader(strings.NewReader(strings.Repeat("x", limit/2)), failingReader{gone}),
		}.open()
		req := httptest.NewRequestWithContext(t.Context(), "POST", base+path, body)
		req.Header.Set("Content-Type", contentType)
		resp, err := sb.Transport().RoundTrip(req)
		if err == nil {
			_ = resp.Body.Close()
			t.Fatal("there is an answer for nobody")
		}
	}
	for range 3 {
		if r := c.send(path, picture(strings.Repeat("x", limit-4096))); r.MediaID == "" {
			t.Fatalf("the room is not given back: %+v", r)
		}
	}
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

// An upload that takes its time holds up nobody.
func TestNobodyWaitsWhileABodyIsStreamed(t *testing.T) {
	t.Parallel()
	sb := sandbox.New(sandbox.Config{Apps: []sandbox.App{{ID: appID, Secret: secret}}})
	c := newCaller(t, sb.Transport())
	token := c.stable().AccessToken
	r, w := io.Pipe()
	var slow mediaReply
	var wg sync.WaitGroup
	wg.Go(func() {
		slow = c.send("/cgi-bin/media/upload?type=image&access_token="+token, upload{field: "media", name: "a", content: r})
	})
	if _, err := w.Write([]byte("half ")); err != nil { // returns when it is read
		t.Fatal(err)
	}
	if got := c.use(token); got != 0 {
		t.Errorf("errcode %d", got)
	}
	if quick := c.send("/cgi-bin/media/upload?type=image&access_token="+token, picture("x")); quick.MediaID == "" {
		t.Errorf("another upload: %+v", quick)
	}
	if _, err := w.Write([]byte("and half")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if got := c.raw("GET", "/cgi-bin/media/get?access_token="+token+"&media_id="+slow.MediaID, ""); got != "half and half" {
		t.Errorf("the slow upload: %s", got)
	}
}
