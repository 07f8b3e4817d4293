package sink

import (
	"strings"
	"testing"

	"github.com/magiconair/properties"
	"pgregory.net/rapid"
)

func TestSetProperty(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"an empty file gets the line":            {"", "k=v\n"},
		"a line is replaced where it stands":     {"a=1\nk=old\nb=2\n", "a=1\nk=v\nb=2\n"},
		"its spelling stays":                     {"  k : old\n", "  k : v\n"},
		"a bare key gets a separator":            {"k\n", "k=v\n"},
		"a blank is a separator":                 {"k old\n", "k v\n"},
		"a missing line is appended":             {"a=1\n", "a=1\nk=v\n"},
		"an unfinished last line is finished":    {"a=1", "a=1\nk=v\n"},
		"a continued last line is finished":      {"a=1\\", "a=1\\\n\nk=v\n"},
		"a continuation to nowhere is finished":  {"a=1\\\n", "a=1\\\n\nk=v\n"},
		"an unfinished comment is finished":      {"# k=1", "# k=1\nk=v\n"},
		"the last line stays without its end":    {"k=old", "k=v"},
		"line ends stay CRLF":                    {"a=1\r\nk=old\r\n", "a=1\r\nk=v\r\n"},
		"an appended line ends in CRLF":          {"a=1\r\n", "a=1\r\nk=v\r\n"},
		"an appended line ends in CR":            {"a=1\r", "a=1\rk=v\r"},
		"duplicates go, the first place stays":   {"k=1\na=1\n k=2\nk 3\nb=2\n", "k=v\na=1\nb=2\n"},
		"comments that look like it stay":        {"#k=1\n!k=1\nk=2\n", "#k=1\n!k=1\nk=v\n"},
		"a continued value goes whole":           {"k=1\\\n  2\\\r\n3\nb=2\n", "k=v\nb=2\n"},
		"a continued key is spelt again":         {"\\\nk\\\n =1\n", "\\\nk=v\n"},
		"an escaped key is the key":              {"\\u006b=1\n", "\\u006b=v\n"},
		"a value that looks like the key stays":  {"a=\\\nk=1\n", "a=\\\nk=1\nk=v\n"},
		"a longer key is another":                {"kk=1\nk.k=1\nk\\ k=1\n", "kk=1\nk.k=1\nk\\ k=1\nk=v\n"},
		"an escaped separator belongs to a key":  {"k\\=1\n", "k\\=1\nk=v\n"},
		"two backslashes do not continue a line": {"a=\\\\\nk=1\n", "a=\\\\\nk=v\n"},
		"a broken escape elsewhere stays":        {"a=\\uZZ\nk=\\u1\n", "a=\\uZZ\nk=v\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := string(setProperty([]byte(c.in), "k", "v")); got != c.want {
				t.Errorf("setProperty(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
}

func TestSetPropertyEscapes(t *testing.T) {
	t.Parallel()
	got := string(setProperty(nil, "a b:é", "  #!=:\\\t\n\r\f\x01é😀~"))
	want := `a\ b\:\u00E9=\  \#\!\=\:\\\t\n\r\f\u0001\u00E9\uD83D\uDE00~` + "\n"
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestSetPropertyFindsAKeyInEitherEncoding(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"é=1\n", "\xe9=1\n", "\\u00e9=1\n"} {
		want := "\\u00E9=v\n"
		if strings.Contains(in, `\u`) {
			want = "\\u00e9=v\n"
		}
		if got := string(setProperty([]byte(in), "é", "v")); got != want {
			t.Errorf("setProperty(%q) = %q, want %q", in, got, want)
		}
	}
}

// chunk is a logical line, or a comment or blank line, as a file has it.
type chunk struct {
	text string
	ours bool
}

func chunks(eol string) *rapid.Generator[[]chunk] {
	blank := rapid.SampledFrom([]string{"", "", " ", "\t ", " \f"})
	sep := rapid.SampledFrom([]string{"=", ":", " ", " = ", "\t:\f", "  "})
	other := rapid.SampledFrom([]string{"a", "Key", "key2", "k\\=ey", "x\\ key", "\\#key", "\\u0041", "api.key"})
	word := rapid.SampledFrom([]string{
		"", "v", "key=1", "#x", "\\\\", "\\u00e9", "a b", "=", "é",
		"1\\\n  key=2", "1\\\n\t# no comment", "\\\nkey", "trailing ",
	})
	one := rapid.Custom(func(t *rapid.T) chunk {
		lead := blank.Draw(t, "lead")
		switch rapid.IntRange(0, 4).Draw(t, "what") {
		case 0:
			return chunk{text: lead + rapid.SampledFrom([]string{"#", "!"}).Draw(t, "mark") + "key=1 \\" + eol}
		case 1:
			return chunk{text: lead + eol}
		case 2:
			k := rapid.SampledFrom([]string{"key", "\\u006bey", "\\k\\e\\y"}).Draw(t, "key")
			return chunk{text: lead + k + sep.Draw(t, "sep") + word.Draw(t, "value") + eol, ours: true}
		default:
			return chunk{text: lead + other.Draw(t, "key") + sep.Draw(t, "sep") + word.Draw(t, "value") + eol}
		}
	})
	return rapid.SliceOfN(one, 0, 12)
}

func TestEverythingButTheKeyStaysByteForByte(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		eol := rapid.SampledFrom([]string{"\n", "\r\n", "\r"}).Draw(t, "eol")
		file := chunks(eol).Draw(t, "file")
		value := strings.ToValidUTF8(rapid.StringOf(rapid.RuneFrom([]rune("ab =:#!\\\t\n\r\f\x01é中"))).Draw(t, "value"), "?")
		var in, before, after string
		found := false
		for _, c := range file {
			in += c.text
			switch {
			case c.ours:
				found = true
			case found:
				after += c.text
			default:
				before += c.text
			}
		}
		out := string(setProperty([]byte(in), "key", value))
		mid, ok := strings.CutPrefix(out, before)
		if !ok {
			t.Fatalf("%q became %q: lines before the key changed", in, out)
		}
		if mid, ok = strings.CutSuffix(mid, after); !ok {
			t.Fatalf("%q became %q: lines after the key changed", in, out)
		}
		// A line that is appended ends as the file's first one does.
		end := eol
		if !found {
			end = lineEnd([]byte(in))
		}
		mid, ok = strings.CutSuffix(mid, end)
		if !ok || strings.ContainsAny(mid, "\r\n") {
			t.Fatalf("%q became %q: the key's line is %q", in, out, mid)
		}

		// An independent reader, for which CRLF does not continue a line.
		if eol != "\n" {
			return
		}
		want, err := (&properties.Loader{Encoding: properties.ISO_8859_1, DisableExpansion: true}).LoadBytes([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		got, err := (&properties.Loader{Encoding: properties.ISO_8859_1, DisableExpansion: true}).LoadBytes([]byte(out))
		if err != nil {
			t.Fatal(err)
		}
		if v, _ := got.Get("key"); v != value {
			t.Fatalf("%q became %q: the key reads as %q, want %q", in, out, v, value)
		}
		for _, k := range want.Keys() {
			w, _ := want.Get(k)
			if g, _ := got.Get(k); k != "key" && g != w {
				t.Fatalf("%q became %q: %q reads as %q, was %q", in, out, k, g, w)
			}
		}
	})
}
