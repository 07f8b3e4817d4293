package sink

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var (
	naturalLine = regexp.MustCompile(`\r\n|\r|\n`)
	keyAndValue = regexp.MustCompile(`(?s)^((?:\\.|[^\\ \t\f=:])*)[ \t\f]*[=:]?[ \t\f]*(.*)$`)
	trailing    = regexp.MustCompile(`\\*$`)
)

// javaLoad reads a file as java.util.Properties does from a stream. It is written
// another way than the scanner, and TestReferenceReadsLikeJava holds it to the
// original.
func javaLoad(data []byte) (map[string]string, error) {
	latin := make([]rune, len(data))
	for i, b := range data {
		latin[i] = rune(b)
	}
	lines := naturalLine.Split(string(latin), -1)
	got := map[string]string{}
	for i := 0; i < len(lines); i++ {
		l := strings.TrimLeft(lines[i], " \t\f")
		if l == "" || l[0] == '#' || l[0] == '!' {
			continue
		}
		for len(trailing.FindString(l))%2 == 1 {
			l = l[:len(l)-1]
			if l == "" || i+1 == len(lines) {
				break
			}
			i++
			l += strings.TrimLeft(lines[i], " \t\f")
		}
		if l == "" {
			continue
		}
		m := keyAndValue.FindStringSubmatch(l)
		k, err := javaUnescape(m[1])
		if err != nil {
			return nil, err
		}
		v, err := javaUnescape(m[2])
		if err != nil {
			return nil, err
		}
		got[k] = v
	}
	return got, nil
}

var escape = regexp.MustCompile(`(?s)\\u[0-9a-fA-F]{4}|\\.`)

// javaUnescape gives a string's UTF-16 units in hex, since a Go string has no
// place for half a pair.
func javaUnescape(s string) (string, error) {
	var out []uint16
	for s != "" {
		loc := escape.FindStringIndex(s)
		if loc == nil {
			loc = []int{len(s), len(s)}
		}
		out = append(out, utf16.Encode([]rune(s[:loc[0]]))...)
		e := s[loc[0]:loc[1]]
		s = s[loc[1]:]
		switch {
		case e == "":
		case len(e) == 6 && e[1] == 'u':
			b, err := hex.DecodeString(e[2:])
			if err != nil {
				return "", err
			}
			out = append(out, uint16(b[0])<<8|uint16(b[1]))
		case e == `\u`:
			return "", errors.New("malformed unicode")
		case e == `\t`:
			out = append(out, '\t')
		case e == `\n`:
			out = append(out, '\n')
		case e == `\r`:
			out = append(out, '\r')
		case e == `\f`:
			out = append(out, '\f')
		default:
			out = append(out, utf16.Encode([]rune(e[1:]))...)
		}
	}
	return units(out), nil
}

func units(u []uint16) string {
	var b strings.Builder
	for _, c := range u {
		fmt.Fprintf(&b, "%04x", c)
	}
	return b.String()
}

func unitsOf(s string) string { return units(utf16.Encode([]rune(s))) }

// hostile draws bytes that are made of what the format gives a meaning.
func hostile() *rapid.Generator[[]byte] {
	piece := rapid.SampledFrom([]string{
		"\n", "\r\n", "\r", "\\", "\\\n", "\\\r\n", "\\\r", " ", "\t", "\f", "=", ":", "#", "!",
		"a", "b", "key", "k\\u0065y", "key=", "key = v", "\nkey:1\n", "k\\\ney", "\\u00e9", "é", "\xe9", "\\u12", "\\\\", "\\ ",
		"\\=", "\\n", "x", "\x00", "\x7f", "\"",
	})
	return rapid.Map(rapid.SliceOfN(piece, 0, 24), func(p []string) []byte { return []byte(strings.Join(p, "")) })
}

// endsInBackslash tells files for which Java, but not the reference, may make up
// an empty key: it does for a backslash alone in the last line, and only there.
func endsInBackslash(data []byte) bool {
	return bytes.HasSuffix(bytes.TrimRight(data, "\r\n"), []byte{'\\'})
}

const javaMain = `
import java.io.*; import java.nio.file.*; import java.util.*;
public class Load {
  static String hex(String s) {
    StringBuilder b = new StringBuilder();
    for (char c : s.toCharArray()) b.append(String.format("%04x", (int) c));
    return b.toString();
  }
  public static void main(String[] a) throws Exception {
    for (File f : new File(a[0]).listFiles()) {
      Properties p = new Properties();
      try (InputStream in = new FileInputStream(f)) { p.load(in); }
      catch (IllegalArgumentException e) { System.out.println(f.getName() + " bad"); continue; }
      System.out.println(f.getName() + " ok");
      for (String k : p.stringPropertyNames()) System.out.println(f.getName() + " ." + hex(k) + " ." + hex(p.getProperty(k)));
    }
  }
}`

func TestReferenceReadsLikeJava(t *testing.T) {
	t.Parallel()
	java, err := exec.LookPath("java")
	if err != nil || testing.Short() {
		t.Skip("needs a Java development kit and some seconds")
	}
	dir := t.TempDir()
	files := filepath.Join(dir, "files")
	if err := os.Mkdir(files, 0o700); err != nil {
		t.Fatal(err)
	}
	content := map[string][]byte{}
	add := func(data []byte) {
		name := fmt.Sprintf("f%d", len(content))
		content[name] = data
		if err := os.WriteFile(filepath.Join(files, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 1500 {
		data := hostile().Example(i)
		add(data)
		add(setProperty(data, "key", " =v\\é😀"))
	}
	main := filepath.Join(dir, "Load.java")
	if err := os.WriteFile(main, []byte(javaMain), 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), java, main, files)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("java does not run: %v\n%s", err, stderr.Bytes())
	}
	got := map[string]map[string]string{}
	for sc := bufio.NewScanner(bytes.NewReader(out)); sc.Scan(); {
		f := strings.Fields(sc.Text())
		switch {
		case f[1] == "ok":
			got[f[0]] = map[string]string{}
		case f[1] != "bad":
			got[f[0]][f[1][1:]] = f[2][1:]
		}
	}
	for name, data := range content {
		want, err := javaLoad(data)
		if err != nil {
			want = nil
		}
		if endsInBackslash(data) {
			delete(want, "")
			delete(got[name], "")
		}
		if d := cmp.Diff(want, got[name]); d != "" {
			t.Errorf("%q (-reference +java):\n%s", data, d)
		}
	}
}

// checkSet sets a key and checks what Java reads afterwards.
func checkSet(t interface {
	Helper()
	Fatalf(string, ...any)
}, data []byte, key, value string,
) {
	t.Helper()
	out := setProperty(data, key, value)
	if again := setProperty(out, key, value); !bytes.Equal(again, out) {
		t.Fatalf("a second time changes %q to %q", out, again)
	}
	before, err := javaLoad(data)
	if err != nil {
		return // Java takes the file neither before nor, perhaps, afterwards.
	}
	after, err := javaLoad(out)
	if err != nil {
		t.Fatalf("%q became %q: %v", data, out, err)
	}
	want := maps.Clone(before)
	// The same key to a reader of UTF-8 is the same line.
	var latin []uint16
	for _, b := range []byte(key) {
		latin = append(latin, uint16(b))
	}
	if units(latin) != unitsOf(key) {
		delete(want, units(latin))
		delete(after, units(latin))
	}
	want[unitsOf(key)] = unitsOf(value)
	if d := cmp.Diff(want, after); d != "" {
		t.Fatalf("%q became %q (-want +got):\n%s", data, out, d)
	}
}

func TestJavaReadsTheTokenAndAllElseAsBefore(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		data := hostile().Draw(t, "file")
		key := rapid.SampledFrom([]string{"key", "a", "é", "", "access_token", "x y", "=", "#k", "b"}).Draw(t, "key")
		value := rapid.String().Draw(t, "value")
		checkSet(t, data, key, strings.ToValidUTF8(value, "?"))
	})
}

func FuzzSetProperty(f *testing.F) {
	f.Add([]byte("access_token=old\r\n# c\n"), "access_token", "new")
	f.Add([]byte("a = 1 \\\n  2\naccess_token"), "access_token", " =:#!\\")
	f.Add([]byte("a=\\"), "k", "v")
	f.Add([]byte("\\\n#k=1\nk 2"), "k", "v")
	f.Add([]byte("\xc3\xa9=1\n\xe9=2\n\\u00E9=3"), "é", "😀")
	f.Fuzz(func(t *testing.T, data []byte, key, value string) {
		checkSet(t, data, strings.ToValidUTF8(key, "?"), strings.ToValidUTF8(value, "?"))
	})
}
