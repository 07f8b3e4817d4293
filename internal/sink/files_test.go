package sink_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/magiconair/properties"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/sink"
)

var issued = time.Date(2026, 11, 21, 8, 0, 0, 5, time.FixedZone("", 8*3600))

func token(app string, v broker.Version) broker.Token {
	return broker.Token{
		Key:     broker.Key{App: app, Kind: broker.AccessToken},
		Secret:  broker.NewSecret(fmt.Sprintf("tok-%s-%d", app, v)),
		Version: v,
		Issued:  issued.Add(time.Duration(v) * time.Hour),
		Expiry:  issued.Add(time.Duration(v+3) * time.Hour),
		Until:   issued.Add(time.Duration(v+2) * time.Hour),
	}
}

func open(t *testing.T, f *sink.Files, s broker.Sink) sink.Target {
	t.Helper()
	target, err := f.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func write(t *testing.T, target sink.Target, tok broker.Token) {
	t.Helper()
	if err := target.Write(t.Context(), tok); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, path, data string, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestPropertiesFileKeepsModeAndOtherLines(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.properties")
	put(t, path, "# shop\r\ntoken = old\r\nx=1", 0o640)
	write(t, open(t, sink.NewFiles(), broker.Sink{Type: sink.Properties, Path: path, Key: "token"}), token("shop", 7))
	if got, want := get(t, path), "# shop\r\ntoken = tok-shop-7\r\nx=1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o640 {
		t.Errorf("mode is %v, want it kept at 0640", info.Mode())
	}
}

func TestFileKeepsOwner(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root may give files away")
	}
	path := filepath.Join(t.TempDir(), "shop.json")
	put(t, path, "", 0o604)
	if err := os.Chown(path, 65534, 4242); err != nil {
		t.Fatal(err)
	}
	write(t, open(t, sink.NewFiles(), broker.Sink{Type: sink.JSON, Path: path}), token("shop", 7))
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	st := info.Sys().(*syscall.Stat_t)
	if st.Uid != 65534 || st.Gid != 4242 || info.Mode() != 0o604 {
		t.Errorf("owner %d:%d mode %v, want 65534:4242 0604", st.Uid, st.Gid, info.Mode())
	}
}

func TestNewFilesAreForTheirOwnerOnly(t *testing.T) {
	t.Parallel()
	for _, typ := range []string{sink.Properties, sink.JSON} {
		path := filepath.Join(t.TempDir(), "new")
		write(t, open(t, sink.NewFiles(), broker.Sink{Type: typ, Path: path}), token("shop", 7))
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != 0o600 {
			t.Errorf("%s: mode is %v, want 0600", typ, info.Mode())
		}
	}
}

func TestJSONFileHoldsTheTokenWithAbsoluteTimes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.json")
	tok := token("shop", 7)
	tok.Secret = broker.NewSecret("83_<&>/é")
	write(t, open(t, sink.NewFiles(), broker.Sink{Type: sink.JSON, Path: path}), tok)
	want := `{"app":"shop","kind":"access_token","token":"83_<&>/é","version":7,` +
		`"expiry":"2026-11-21T09:00:00Z","issued_at":"2026-11-21T07:00:00Z"}` + "\n"
	if d := cmp.Diff(want, get(t, path)); d != "" {
		t.Error(d)
	}
}

func TestFileThatHasTheTokenIsLeftUntouched(t *testing.T) {
	t.Parallel()
	for _, typ := range []string{sink.Properties, sink.JSON} {
		path := filepath.Join(t.TempDir(), "f")
		s := broker.Sink{Type: typ, Path: path}
		write(t, open(t, sink.NewFiles(), s), token("shop", 7))
		if typ == sink.JSON { // as somebody's formatter may have left it
			var b bytes.Buffer
			if err := json.Indent(&b, []byte(get(t, path)), "", "\t"); err != nil {
				t.Fatal(err)
			}
			put(t, path, b.String(), 0o600)
		}
		before, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		write(t, open(t, sink.NewFiles(), s), token("shop", 7))
		after, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if !os.SameFile(before, after) || !before.ModTime().Equal(after.ModTime()) {
			t.Errorf("%s: the file was written again", typ)
		}
	}
}

func TestJSONFileWithANewerVersionIsKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.json")
	s := broker.Sink{Type: sink.JSON, Path: path}
	write(t, open(t, sink.NewFiles(), s), token("shop", 7))
	write(t, open(t, sink.NewFiles(), s), token("shop", 6))
	if got := get(t, path); !strings.Contains(got, "tok-shop-7") {
		t.Errorf("version 6 replaced version 7: %s", got)
	}
	again := token("shop", 1) // the app was removed and added again
	again.Issued = issued.Add(100 * time.Hour)
	write(t, open(t, sink.NewFiles(), s), again)
	if got := get(t, path); !strings.Contains(got, "tok-shop-1") {
		t.Errorf("a token issued later was not written: %s", got)
	}
}

func TestJSONSinkDoesNotReplaceWhatIsNotItsOwn_I8(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]string{
		"another app":  `{"app":"other","kind":"access_token","token":"x","version":1}`,
		"another kind": `{"app":"shop","kind":"jsapi_ticket","token":"x","version":1}`,
		"other JSON":   `{"name":"x"}`,
		"no JSON":      "token=SUPERSECRET",
	} {
		path := filepath.Join(t.TempDir(), "f")
		put(t, path, data, 0o600)
		err := open(t, sink.NewFiles(), broker.Sink{Type: sink.JSON, Path: path}).Write(t.Context(), token("shop", 7))
		if err == nil || get(t, path) != data {
			t.Errorf("%s: was replaced", name)
		}
		if err != nil && strings.Contains(err.Error(), "SUPERSECRET") {
			t.Errorf("%s: the error quotes the file: %v", name, err)
		}
	}
}

func TestSymbolicLinksStayAndTheirTargetIsReplaced(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, dir := range []string{"real/deep", "etc"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	put(t, filepath.Join(root, "real/shop"), "a=1\n", 0o600)
	link := func(to, name string) {
		t.Helper()
		if err := os.Symlink(to, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("../real/deep", "etc/dir")     // a folder
	link("dir/../shop", "etc/relative") // ".." of what dir leads to, not of dir
	link(filepath.Join(root, "etc/relative"), "absolute")
	link("real/new", "dangling")
	link("loop", "loop")
	write(t, open(t, sink.NewFiles(), broker.Sink{Type: sink.Properties, Path: filepath.Join(root, "absolute"), Key: "k"}), token("shop", 7))
	if got := get(t, filepath.Join(root, "real/shop")); got != "a=1\nk=tok-shop-7\n" {
		t.Errorf("the target holds %q", got)
	}
	for _, l := range []string{"absolute", "etc/relative"} {
		if _, err := os.Readlink(filepath.Join(root, l)); err != nil {
			t.Errorf("%s is no link any more", l)
		}
	}
	write(t, open(t, sink.NewFiles(), broker.Sink{Type: sink.Properties, Path: filepath.Join(root, "dangling"), Key: "k"}), token("shop", 7))
	if got := get(t, filepath.Join(root, "real/new")); got != "k=tok-shop-7\n" {
		t.Errorf("the dangling link's target holds %q", got)
	}
	if err := open(t, sink.NewFiles(), broker.Sink{Type: sink.JSON, Path: filepath.Join(root, "loop")}).Write(t.Context(), token("shop", 7)); err == nil {
		t.Error("a link to itself was written")
	}
}

func TestOnlyRegularFilesAreWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	large := filepath.Join(dir, "large")
	put(t, large, "", 0o600)
	if err := os.Truncate(large, 1<<30); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, fifo, "/dev/zero", large, filepath.Join(dir, "missing/f")} {
		if err := open(t, sink.NewFiles(), broker.Sink{Type: sink.Properties, Path: path}).Write(t.Context(), token("shop", 7)); err == nil {
			t.Errorf("%s was written", path)
		}
	}
	if got := names(t, dir); len(got) != 2 {
		t.Errorf("left behind: %q", got)
	}
}

func TestLeftoversOfACrashAreRemovedAndNothingElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keep := []string{
		".hufu-shop-b-12.tmp", ".hufu-shop-.tmp", ".hufu-shop-1x.tmp", ".hufu-shop-12.tmp.bak", ".shop12", "shop.tmp",
	}
	for _, n := range append(keep, ".hufu-shop-12.tmp", ".hufu-shop-345.tmp") {
		put(t, filepath.Join(dir, n), "x", 0o600)
	}
	target := open(t, sink.NewFiles(), broker.Sink{Type: sink.Properties, Path: filepath.Join(dir, "shop")})
	if err := target.(sink.Tidier).Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := names(t, dir)
	if len(got) != len(keep) {
		t.Errorf("got %q, want %q", got, keep)
	}
}

func TestSinksOfOneFileLoseNoneOfEachOthersUpdates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "all.properties")
	put(t, path, "# all\nk3=old\n", 0o600)
	link := filepath.Join(dir, "link")
	if err := os.Symlink("all.properties", link); err != nil {
		t.Fatal(err)
	}
	files := sink.NewFiles()
	const sinks, versions = 8, 12
	var wg sync.WaitGroup
	for i := range sinks {
		app := fmt.Sprintf("app%d", i)
		target := open(t, files, broker.Sink{Type: sink.Properties, Path: []string{path, link}[i%2], Key: fmt.Sprintf("k%d", i)})
		wg.Go(func() {
			for v := range versions {
				if err := target.Write(t.Context(), token(app, broker.Version(v+1))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	// A reader never sees less than the file that was there.
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 2000 {
			data, err := os.ReadFile(path)
			if err != nil || !bytes.HasPrefix(data, []byte("# all\nk3=")) || !bytes.HasSuffix(data, []byte("\n")) {
				t.Errorf("a reader saw %q, %v", data, err)
				return
			}
		}
	}()
	wg.Wait()
	<-done
	p, err := properties.LoadFile(path, properties.ISO_8859_1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range sinks {
		if got, want := p.GetString(fmt.Sprintf("k%d", i), ""), fmt.Sprintf("tok-app%d-%d", i, versions); got != want {
			t.Errorf("k%d is %q, want %q", i, got, want)
		}
	}
	if got := names(t, dir); len(got) != 2 {
		t.Errorf("left behind: %q", got)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]broker.Sink{
		"no type":         {Path: "/x"},
		"unknown type":    {Type: "redis", Path: "/x"},
		"no path":         {Type: sink.JSON},
		"a folder":        {Type: sink.JSON, Path: "/x/"},
		"a zero byte":     {Type: sink.JSON, Path: "/x\x00"},
		"a key in json":   {Type: sink.JSON, Path: "/x", Key: "k"},
		"a key not UTF-8": {Type: sink.Properties, Path: "/x", Key: "\xff"},
	} {
		if sink.Check(s) == nil {
			t.Errorf("%s is not reported", name)
		}
	}
	if err := sink.Check(broker.Sink{Type: sink.Properties, Path: "/run/x"}); err != nil {
		t.Error(err)
	}
}

func TestAFolderThatIsNotThereIsToldWithWhatToDo(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "out")
	target := open(t, sink.NewFiles(), broker.Sink{Type: sink.JSON, Path: filepath.Join(dir, "a.json")})
	tidier, ok := target.(sink.Tidier)
	if !ok {
		t.Fatal("nothing is tidied")
	}
	hint := fmt.Sprintf("; make the folder %q, writable by the server's user", dir)
	for _, err := range []error{target.Write(t.Context(), token("shop", 1)), tidier.Tidy(t.Context())} {
		if err == nil || !strings.HasSuffix(err.Error(), hint) {
			t.Errorf("got %v, want an error that ends in %q", err, hint)
		}
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the folder was made")
	}
}
