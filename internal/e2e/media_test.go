package e2e_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/hufu-io/hufu/internal/sandbox"
)

// large is the size of a file that must not be in memory as a whole.
const large = 64 << 20

// file yields the bytes of a file: a number and the offset, over and over, so that
// nothing can be left out or come twice unseen.
type file struct {
	number  uint32
	at, end int64 // in bytes; multiples of 8
}

func (f *file) Read(p []byte) (int, error) {
	n := int(min(int64(len(p)), f.end-f.at))
	if n == 0 {
		return 0, io.EOF
	}
	for i := 0; i < n; {
		v := f.at / 8
		b := [8]byte{byte(f.number), 0xff, 0, '\n', byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}
		k := copy(p[i:n], b[f.at%8:])
		i += k
		f.at += int64(k)
	}
	return n, nil
}

func sum(r io.Reader) (string, error) {
	h := sha256.New()
	_, err := io.Copy(h, r)
	return fmt.Sprintf("%x", h.Sum(nil)), err
}

// form is a file as a multipart form that is not in memory either.
func form(t *testing.T, f *file) (body io.Reader, length int64, contentType string) {
	t.Helper()
	var head bytes.Buffer
	w := multipart.NewWriter(&head)
	if _, err := w.CreateFormFile("media", fmt.Sprintf("%d.jpg", f.number)); err != nil {
		t.Fatal(err)
	}
	tail := "\r\n--" + w.Boundary() + "--\r\n"
	length = int64(head.Len()) + f.end - f.at + int64(len(tail))
	return io.MultiReader(&head, f, strings.NewReader(tail)), length, w.FormDataContentType()
}

// peakMemory is the most memory in bytes that a process has had at a time.
func (p *process) peakMemory(t *testing.T) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Skipf("the system does not say how much memory a process takes: %v", err)
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(v), " kB"), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n << 10
		}
	}
	t.Skip("the system does not say how much memory a process took")
	return 0
}

// Files pass in both ways, as they are and with their length, through every door, one by
// one and several at a time, and the process never holds more than a little of them.
func TestLargeFilesPassInLittleMemory(t *testing.T) {
	t.Parallel()
	size := int64(large)
	if raceEnabled {
		size /= 8
	}
	var mu sync.Mutex
	lengths := map[int64]int{} // of the uploads that arrived
	up := startUpstream(t, sandbox.Config{MediaBytes: 5 * large}, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/cgi-bin/media/upload" {
				mu.Lock()
				lengths[r.ContentLength]++
				mu.Unlock()
			}
			h.ServeHTTP(w, r)
		})
	})
	server := start(t, configure(t, up.url, "overlap: 5m", callers), "serve")
	doors := server.doors(t, "stable", stableID)
	want := map[int64]int{}
	var sums sync.Map // number → hash

	send := func(d door, number uint32) (id string) {
		body, length, contentType := form(t, &file{number: number, end: size})
		mu.Lock()
		want[length]++
		mu.Unlock()
		r := d.request(t, http.MethodPost, server.url, "/cgi-bin/media/upload?type=image", body)
		r.ContentLength = length
		r.Header.Set("Content-Type", contentType)
		a, err := ask(r)
		if err != nil || a.MediaID == "" {
			t.Errorf("upload with %s: %v %v", d.name, a, err)
		}
		s, _ := sum(&file{number: number, end: size})
		sums.Store(number, s)
		return a.MediaID
	}
	fetch := func(d door, number uint32, id string) {
		res, err := http.DefaultClient.Do(d.request(t, http.MethodGet, server.url, "/cgi-bin/media/get?media_id="+id, nil))
		if err != nil {
			t.Error(err)
			return
		}
		defer res.Body.Close()
		if res.ContentLength != size || res.Header.Get("Content-Type") != "image/jpeg" {
			t.Errorf("download with %s: length %d, %v", d.name, res.ContentLength, res.Header)
		}
		got, err := sum(res.Body)
		if s, _ := sums.Load(number); err != nil || got != s {
			t.Errorf("download with %s: other bytes came than were sent (%v)", d.name, err)
		}
	}
	for i, d := range doors {
		fetch(d, uint32(i), send(d, uint32(i)))
	}
	var at sync.WaitGroup
	ids := make([]string, len(doors))
	for i, d := range doors {
		at.Go(func() { ids[i] = send(d, uint32(100+i)) })
	}
	at.Wait()
	for i, d := range doors {
		at.Go(func() { fetch(d, uint32(100+i), ids[i]) })
	}
	at.Wait()
	mu.Lock()
	if fmt.Sprint(lengths) != fmt.Sprint(want) {
		t.Errorf("uploads of these lengths arrived: %v, want %v", lengths, want)
	}
	mu.Unlock()
	peak := server.peakMemory(t)
	t.Logf("%d MiB at most, of which the files would be %d", peak>>20, len(doors)*int(size>>20))
	if !raceEnabled && peak > 150<<20 {
		t.Errorf("the process took %d MiB at a time, want less than 150", peak>>20)
	}
}
