package sandbox_test

import (
	"crypto/aes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/sandbox"
)

// mini logs a user of the mini program in.
func (c caller) mini(sb *sandbox.Sandbox, openID string) grantReply {
	c.t.Helper()
	code, err := sb.NewJSCode(appID, openID)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.sns("jscode2session", "appid", appID, "secret", secret, "js_code", code, "grant_type", "authorization_code")
}

func TestAUserKeepsTheSessionKey(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		alice, bob := sandbox.OpenID(appID, "alice"), sandbox.OpenID(appID, "bob")
		first := c.mini(sb, alice)
		if again := c.mini(sb, alice); again.SessionKey != first.SessionKey || first.SessionKey == "" || again.UnionID != sandbox.UnionID("", "alice") {
			t.Errorf("again: %+v", again)
		}
		if c.mini(sb, bob).SessionKey == first.SessionKey {
			t.Error("two users have one key")
		}
		if err := sb.NewSessionKey(appID, alice); err != nil {
			t.Fatal(err)
		}
		if c.mini(sb, alice).SessionKey == first.SessionKey {
			t.Error("the key is the old one")
		}
	})
}

func TestMiniProgramsLoginsAreLimitedPerUser(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		for i := range 100 {
			if got := c.mini(sb, "o-busy").code(); got != 0 {
				t.Fatalf("login %d: errcode %d", i+1, got)
			}
		}
		refused := c.mini(sb, "o-busy")
		if refused.code() != 45011 || !strings.Contains(refused.Errmsg, "minute-quota") {
			t.Errorf("the 101st: %+v", refused)
		}
		if got := c.mini(sb, "o-quiet").code(); got != 0 {
			t.Errorf("another user: errcode %d", got)
		}
		time.Sleep(time.Minute)
		if got := c.mini(sb, "o-busy").code(); got != 0 {
			t.Errorf("a minute later: errcode %d", got)
		}
	})
}

func TestABlockedUsersCodeIsRefusedAndNotUsedUp(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		if err := sb.Block(appID, user); err != nil {
			t.Fatal(err)
		}
		code, err := sb.NewJSCode(appID, user)
		if err != nil {
			t.Fatal(err)
		}
		session := func() grantReply {
			return c.sns("jscode2session", "appid", appID, "secret", secret, "js_code", code, "grant_type", "authorization_code")
		}
		if r := session(); r.code() != 40226 || !strings.HasPrefix(r.Errmsg, "code blocked") || r.SessionKey != "" {
			t.Errorf("%+v", r)
		}
		if got := c.mini(sb, "o-else").code(); got != 0 {
			t.Errorf("another user: errcode %d", got)
		}
		if err := sb.Unblock(appID, user); err != nil {
			t.Fatal(err)
		}
		if r := session(); r.code() != 0 || len(sb.Misuses()) != 0 {
			t.Errorf("unblocked: %+v, misuses %v", r, sb.Misuses())
		}
	})
}

func TestWhatAMiniProgramSendsCanBeVerified(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		const raw = `{"nickName":"小明","gender":1}`
		if _, err := sb.SignRaw(appID, user, raw); err == nil {
			t.Error("somebody without a session can sign")
		}
		key := c.mini(sb, user).SessionKey
		got, err := sb.SignRaw(appID, user, raw)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha1.Sum([]byte(raw + key))
		if want := hex.EncodeToString(sum[:]); got != want {
			t.Errorf("signature %s, want %s", got, want)
		}
	})
}

// unCBC opens AES-128-CBC with PKCS #7 block by block, by the standard's own words.
func unCBC(t *testing.T, key, iv, text string) []byte {
	t.Helper()
	var parts [3][]byte
	for i, s := range []string{key, iv, text} {
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		parts[i] = b
	}
	if len(parts[0]) != 16 || len(parts[1]) != 16 || len(parts[2]) == 0 || len(parts[2])%16 != 0 {
		t.Fatalf("lengths %d, %d, %d", len(parts[0]), len(parts[1]), len(parts[2]))
	}
	block, err := aes.NewCipher(parts[0])
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	last := parts[1]
	for rest := parts[2]; len(rest) > 0; rest = rest[16:] {
		plain := make([]byte, 16)
		block.Decrypt(plain, rest[:16])
		for i := range plain {
			out = append(out, plain[i]^last[i])
		}
		last = rest[:16]
	}
	pad := int(out[len(out)-1])
	if pad < 1 || pad > 16 || strings.Trim(string(out[len(out)-pad:]), string(rune(pad))) != "" {
		t.Fatalf("padding %x", out[len(out)-16:])
	}
	return out[:len(out)-pad]
}

func TestWhatAMiniProgramSendsCanBeDecrypted(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		if _, _, err := sb.Encrypt(appID, user, nil); err == nil {
			t.Error("somebody without a session can encrypt")
		}
		key := c.mini(sb, user).SessionKey
		ivs := make(map[string]bool)
		for n := range 33 { // every length of padding
			data := map[string]any{"phoneNumber": strings.Repeat("1", n), "名字": `<小明> "&'`}
			text, iv, err := sb.Encrypt(appID, user, data)
			if err != nil {
				t.Fatal(err)
			}
			ivs[iv] = true
			var got map[string]any
			if err := json.Unmarshal(unCBC(t, key, iv, text), &got); err != nil {
				t.Fatal(err)
			}
			want := map[string]any{
				"phoneNumber": data["phoneNumber"], "名字": data["名字"],
				"watermark": map[string]any{"appid": appID, "timestamp": float64(time.Now().Unix())},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("data (-want +got):\n%s", diff)
			}
			if len(data) != 2 {
				t.Fatal("the caller's data were changed")
			}
		}
		if len(ivs) != 33 {
			t.Error("an initialisation vector was used twice")
		}
		if _, _, err := sb.Encrypt(appID, user, map[string]any{"x": make(chan int)}); err == nil {
			t.Error("what is no JSON was encrypted")
		}
	})
}
