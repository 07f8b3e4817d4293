package virtual_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tink-crypto/tink-go/v2/daead/subtle"
	"pgregory.net/rapid"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/virtual"
)

// codec returns one whose key is n over and over.
func codec(tb testing.TB, n byte) *virtual.Codec {
	tb.Helper()
	c, err := virtual.New(bytes.Repeat([]byte{n}, virtual.KeySize))
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func claim() broker.Claim {
	return broker.Claim{
		Client: "orders", Mark: [8]byte{1, 2, 3, 0xff},
		Key: broker.Key{App: "shop", Kind: broker.AccessToken},
	}
}

func mustMake(tb testing.TB, c *virtual.Codec, x broker.Claim) string {
	tb.Helper()
	tok, err := c.Make(x)
	if err != nil {
		tb.Fatal(err)
	}
	return tok.Reveal()
}

// anyClaim draws claims of all that can be configured.
func anyClaim(t *rapid.T) broker.Claim {
	var c broker.Claim
	copy(c.Mark[:], rapid.SliceOfN(rapid.Byte(), len(c.Mark), len(c.Mark)).Draw(t, "mark"))
	c.Client = rapid.StringMatching(`[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}`).Draw(t, "client")
	c.Key.App = rapid.StringMatching(`[a-z0-9][a-z0-9-]{0,63}`).Draw(t, "app")
	c.Key.Kind = broker.Kind(rapid.StringMatching(`[a-z][a-z0-9_]{0,63}`).Draw(t, "kind"))
	c.Key.Subject = rapid.StringMatching(`[a-zA-Z0-9_-]{0,64}`).Draw(t, "subject")
	return c
}

var urlSafe = regexp.MustCompile(`^hv1_[A-Za-z0-9_-]+$`)

func TestWhatIsMadeIsReadAgain(t *testing.T) {
	t.Parallel()
	one, two := codec(t, 1), codec(t, 1)
	rapid.Check(t, func(t *rapid.T) {
		want := anyClaim(t)
		tok, err := one.Make(want)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := two.Read(tok)
		if !ok {
			t.Fatal("a token is not read by another replica")
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if s := tok.Reveal(); !urlSafe.MatchString(s) || len(s) > 512 {
			t.Errorf("%d characters: %s", len(s), s)
		}
	})
}

// I8: claims that differ in anything have different tokens, wherever one part ends and
// the next one begins; the same claim has one token.
func TestEachClaimHasOneTokenOfItsOwnI8(t *testing.T) {
	t.Parallel()
	c := codec(t, 1)
	seen := map[string]broker.Claim{}
	for _, mark := range [][8]byte{{}, {1}, {0, 0, 0, 0, 0, 0, 0, 1}} {
		for _, parts := range [][4]string{
			{"ab", "c", "d", ""}, {"a", "bc", "d", ""}, {"a", "b", "cd", ""}, {"a", "b", "c", "d"}, {"", "", "", "abcd"}, {"abcd", "", "", ""}, {},
		} {
			x := broker.Claim{Client: parts[0], Mark: mark, Key: broker.Key{App: parts[1], Kind: broker.Kind(parts[2]), Subject: parts[3]}}
			tok := mustMake(t, c, x)
			if y, twice := seen[tok]; twice {
				t.Errorf("%v and %v have the same token", x, y)
			}
			seen[tok] = x
			if tok != mustMake(t, c, x) {
				t.Errorf("%v has two tokens", x)
			}
			if got, ok := c.Read(broker.NewSecret(tok)); !ok || got != x {
				t.Errorf("%v is read as %v, %v", x, got, ok)
			}
		}
	}
}

func TestTheLongestNamesFit(t *testing.T) {
	t.Parallel()
	c := codec(t, 1)
	x := broker.Claim{
		Client: strings.Repeat("c", 64),
		Key:    broker.Key{App: strings.Repeat("a", broker.MaxAppID), Kind: broker.Kind(strings.Repeat("k", 64)), Subject: strings.Repeat("s", 128)},
	}
	if tok := mustMake(t, c, x); len(tok) > 512 {
		t.Errorf("%d characters", len(tok))
	}
	for what, x := range map[string]broker.Claim{
		"subject": {Client: "c", Key: broker.Key{App: "a", Subject: strings.Repeat("s", 400)}},
		"client":  {Client: strings.Repeat("c", 256)},
	} {
		if tok, err := c.Make(x); err == nil || !tok.IsZero() {
			t.Errorf("a %s that is too long: a token of %d characters", what, len(tok.Reveal()))
		}
	}
}

// A token shows nothing of what it says, and is worth nothing under another key.
func TestATokenIsOpaqueI6(t *testing.T) {
	t.Parallel()
	tok := mustMake(t, codec(t, 1), claim())
	box, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(tok, "hv1_"))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"orders", "shop", "access"} {
		if bytes.Contains(box, []byte(part)) {
			t.Errorf("I6: it shows %s", part)
		}
	}
	if _, ok := codec(t, 2).Read(broker.NewSecret(tok)); ok {
		t.Error("it is read with another key")
	}
}

func TestAChangeOfAnyBitIsRefused(t *testing.T) {
	t.Parallel()
	c := codec(t, 1)
	tok := mustMake(t, c, claim())
	for i := range len(tok) {
		for bit := range 8 {
			b := []byte(tok)
			b[i] ^= 1 << bit
			if _, ok := c.Read(broker.NewSecret(string(b))); ok {
				t.Errorf("bit %d of character %d may differ: %q", bit, i, b)
			}
		}
	}
	box, err := base64.RawURLEncoding.DecodeString(tok[4:])
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 * len(box) {
		b := bytes.Clone(box)
		b[i/8] ^= 1 << (i % 8)
		if _, ok := c.Read(broker.NewSecret("hv1_" + base64.RawURLEncoding.EncodeToString(b))); ok {
			t.Errorf("bit %d of what is encoded may differ", i)
		}
	}
}

// A token has one spelling.
func TestWhatIsNotATokenIsRefused(t *testing.T) {
	t.Parallel()
	c := codec(t, 1)
	tok := mustMake(t, c, claim())
	for what, s := range map[string]string{
		"nothing": "", "the prefix": "hv1_", "a WeChat token": "83_" + strings.Repeat("aB3-", 40), "no prefix": tok[4:],
		"another prefix": "hv2_" + tok[4:], "capitals": strings.ToUpper(tok), "cut": tok[:len(tok)-1], "cut before": "hv1_" + tok[5:],
		"longer": tok + "A", "padded": tok + "==", "doubled": tok + tok, "a space": tok + " ", "a line break": tok + "\n",
		"a line break inside": tok[:20] + "\r\n" + tok[20:], "a NUL": tok + "\x00", "too long": "hv1_" + strings.Repeat("A", 509), "the longest": "hv1_" + strings.Repeat("A", 508),
	} {
		if got, ok := c.Read(broker.NewSecret(s)); ok || got != (broker.Claim{}) {
			t.Errorf("%s is read as %v", what, got)
		}
	}
}

// The prefix is authenticated too: what the key has encrypted for anything else opens
// nothing, and what it has encrypted of another form is not taken for this one.
func TestAnotherUseOfTheKeyOpensNothing(t *testing.T) {
	t.Parallel()
	c := codec(t, 1)
	aead, err := subtle.NewAESSIV(bytes.Repeat([]byte{1}, virtual.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	read := func(plain []byte, ad string) bool {
		box, err := aead.EncryptDeterministically(plain, []byte(ad))
		if err != nil {
			t.Fatal(err)
		}
		_, ok := c.Read(broker.NewSecret("hv1_" + base64.RawURLEncoding.EncodeToString(box)))
		return ok
	}
	plain := append([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1}, "abc"...)
	const ad = "hufu/virtual/hv1_"
	if !read(plain, ad) {
		t.Fatal("the form of tokens has changed: it needs a new version or prefix")
	}
	for what, bad := range map[string]bool{
		"other associated data":   read(plain, "hufu/virtual/hv2_"),
		"none":                    read(plain, ""),
		"a later version":         read(append([]byte{2}, plain[1:]...), ad),
		"parts that are not here": read(plain[:len(plain)-1], ad),
		"a cut head":              read(plain[:11], ad),
		"lengths beyond the end":  read([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255}, ad),
	} {
		if bad {
			t.Errorf("%s is accepted", what)
		}
	}
}

// Tokens live in caches and configurations: they are the same tomorrow.
func TestTokensStayWhatTheyAre(t *testing.T) {
	t.Parallel()
	const want = "hv1_UeC2JltYW9b9NQ__sLBpsMxU-9BzgmpnZGlr93zW053FmNmwHhJp-crzPEyXCIJ_Nkk"
	if got := mustMake(t, codec(t, 7), claim()); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestKeysOfAnotherSizeAreRefused(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 16, 32, 63, 65} {
		if _, err := virtual.New(make([]byte, n)); err == nil || !strings.Contains(err.Error(), fmt.Sprint(n)) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func TestACodecIsForManyAtOnce(t *testing.T) {
	t.Parallel()
	c := codec(t, 1)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			x := claim()
			x.Client = fmt.Sprint("client-", i)
			for range 200 {
				if got, ok := c.Read(broker.NewSecret(mustMake(t, c, x))); !ok || got != x {
					t.Errorf("%v, %v", got, ok)
				}
			}
		})
	}
	wg.Wait()
}

// FuzzRead feeds what strangers send as a token: it is refused, unless it is exactly
// what Make returns for what it says.
func FuzzRead(f *testing.F) {
	c := codec(f, 1)
	tok := mustMake(f, c, claim())
	for _, seed := range []string{tok, "", "hv1_", tok[:len(tok)-1], tok + "A", tok[:30] + "\n" + tok[30:], "83_abc", strings.Repeat("A", 512), "hv1_" + strings.Repeat("_", 508)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		x, ok := c.Read(broker.NewSecret(s))
		if !ok {
			if x != (broker.Claim{}) {
				t.Errorf("%q is refused, and says %v", s, x)
			}
			return
		}
		if again := mustMake(t, c, x); again != s {
			t.Errorf("%q is read as %v, of which the token is %q", s, x, again)
		}
	})
}

// What the gateway pays for every call: with a virtual token, with a real one, and with
// what only looks like ours.
func BenchmarkRead(b *testing.B) {
	c := codec(b, 1)
	tok := mustMake(b, c, claim())
	for _, bm := range []struct {
		name, tok string
		ok        bool
	}{
		{"virtual", tok, true},
		{"real", "83_" + strings.Repeat("aB3-", 50), false},
		{"forged", "hv1_" + strings.Repeat("A", len(tok)-4), false},
	} {
		b.Run(bm.name, func(b *testing.B) {
			s := broker.NewSecret(bm.tok)
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := c.Read(s); ok != bm.ok {
					b.Fatal(ok)
				}
			}
		})
	}
}

func BenchmarkMake(b *testing.B) {
	c := codec(b, 1)
	x := claim()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Make(x); err != nil {
			b.Fatal(err)
		}
	}
}
