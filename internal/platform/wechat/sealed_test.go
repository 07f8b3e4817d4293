package wechat_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/wechat"
)

func mini() broker.MiniProgram { return wechat.Platform(platform.NewCaller(nil)).Mini }

// The example of WeChat's own page about signatures.
func TestWhatAMiniProgramSendsIsVerified(t *testing.T) {
	t.Parallel()
	key := broker.NewSecret("HyVFkGl5F5OQWJZZaNzBBg==")
	const (
		data = `{"nickName":"Band","gender":1,"language":"zh_CN","city":"Guangzhou","province":"Guangdong","country":"CN","avatarUrl":"http://wx.qlogo.cn/mmopen/vi_32/1vZvI39NWFQ9XM4LtQpFrQJ1xlgZxx3w7bQxKARol6503Iuswjjn6nIGBiaycAjAtpujxyzYsrztuuICqIM5ibXQ/0"}`
		sum  = "75e81ceda165f4ffa64f4068af58c64b8f54b88c"
	)
	for name, tt := range map[string]struct {
		key       broker.Secret
		data, sum string
		want      bool
	}{
		"as it was sent":    {key, data, sum, true},
		"in capitals":       {key, data, strings.ToUpper(sum), true},
		"changed":           {key, strings.Replace(data, "Band", "Bond", 1), sum, false},
		"another key":       {broker.NewSecret("tiihtNczf5v6AKRyjwEUhQ=="), data, sum, false},
		"the sum cut":       {key, data, sum[:20], false},
		"no sum":            {key, data, "", false},
		"what is no sum":    {key, data, "zz", false},
		"no key, anybody’s": {broker.Secret{}, "", "da39a3ee5e6b4b0d3255bfef95601890afd80709", false},
	} {
		if got := mini().Verify(tt.key, tt.data, tt.sum); got != tt.want {
			t.Errorf("%s: valid %v", name, got)
		}
	}
}

// The example that WeChat gives its decoders with (WXBizDataCrypt).
const (
	demoApp  = "wx4f4bc4dec97d474b"
	demoKey  = "tiihtNczf5v6AKRyjwEUhQ=="
	demoIV   = "r7BXXKkLb8qrSNn05n0qiA=="
	demoData = "CiyLU1Aw2KjvrjMdj8YKliAjtP4gsMZMQmRzooG2xrDcvSnxIMXFufNstNGTyaGS9uT5geRa0W4oTOb1WT7fJlAC+oNPdbB+3hVbJSRgv+4lGOETKUQz6OYStslQ142d" +
		"NCuabNPGBzlooOmB231qMM85d2/fV6ChevvXvQP8Hkue1poOFtnEtpyxVLW1zAo6/1Xx1COxFvrc2d7UL/lmHInNlxuacJXwu0fjpXfz/YqYzBIBzD6WUfTIF9GRHpOn" +
		"/Hz7saL8xz+W//FRAUid1OksQaQx4CMs8LOddcQhULW4ucetDf96JcR3g0gfRK4PC7E/r7Z6xNrXd2UIeorGj5Ef7b1pJAYB6Y5anaHqZ9J6nKEBvB4DnNLIVWSgARns" +
		"/8wR2SiRS7MNACwTyrGvt9ts8p12PKFdlqYTopNHR1Vf7XjfhQlVsAJdNiKdYmYVoKlaRv85IfVunYzO0IKXsyl7JCUjCpoG20f0a04COwfneQAGGwd5oa+T8yO5hzuy" +
		"Db/XcxxmK01EpqOyuxINew=="
)

func TestWhatThePlatformSealedIsOpened(t *testing.T) {
	t.Parallel()
	got, err := mini().Decrypt(&broker.App{AppID: demoApp}, broker.NewSecret(demoKey), demoData, demoIV)
	if err != nil {
		t.Fatal(err)
	}
	var user struct {
		OpenID    string `json:"openId"`
		Nickname  string `json:"nickName"`
		Watermark struct {
			Timestamp int64 `json:"timestamp"`
		} `json:"watermark"`
	}
	if err := json.Unmarshal(got, &user); err != nil || user.OpenID != "oGZUI0egBJY1zhBYw2KhdUfwVJJE" || user.Nickname != "Band" || user.Watermark.Timestamp != 1477314187 {
		t.Errorf("%s: %v", got, err)
	}
}

// sealed is text as the platform seals it, with the padding that is given.
func sealed(t *testing.T, text string, padding ...byte) string {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(demoKey)
	must(t, err)
	iv, err := base64.StdEncoding.DecodeString(demoIV)
	must(t, err)
	block, err := aes.NewCipher(key)
	must(t, err)
	out := append([]byte(text), padding...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, out)
	return base64.StdEncoding.EncodeToString(out)
}

// padded is text with its padding, as the platform makes it.
func padded(t *testing.T, text string) string {
	n := aes.BlockSize - len(text)%aes.BlockSize
	return sealed(t, text, bytes.Repeat([]byte{byte(n)}, n)...)
}

func TestWhatCannotBeOpenedIsOneError(t *testing.T) {
	t.Parallel()
	const whole = `{"openId":"o-user-1234567890123","watermark":{"appid":"` + demoApp + `"}}`
	pad := func(n, value int) []byte { return bytes.Repeat([]byte{byte(value)}, n) }
	if len(whole)%aes.BlockSize != 12 {
		t.Fatalf("%d bytes", len(whole))
	}
	app := broker.App{AppID: demoApp}
	for name, tt := range map[string]struct {
		data, iv, key string
		want          string
	}{
		"as it was sealed":      {data: sealed(t, whole, pad(4, 4)...)},
		"a block of padding":    {data: padded(t, whole+"    ")},
		"blanks around":         {data: padded(t, " \n"+whole+"\n")},
		"padded with nothing":   {data: sealed(t, whole, pad(4, 0)...), want: "decrypt_failed"},
		"padded beyond a block": {data: sealed(t, whole, pad(4, 17)...), want: "decrypt_failed"},
		"17 times 17":           {data: sealed(t, whole+"   ", pad(17, 17)...), want: "decrypt_failed"},
		"nothing but padding":   {data: sealed(t, "", pad(16, 17)...), want: "decrypt_failed"},
		"padded with 255":       {data: sealed(t, whole, pad(4, 255)...), want: "decrypt_failed"},
		"padded unevenly":       {data: sealed(t, whole, 4, 3, 4, 4), want: "decrypt_failed"},
		"padded too shortly":    {data: sealed(t, whole+"   ", 2), want: "decrypt_failed"},
		"not padded":            {data: sealed(t, whole+"    "), want: "decrypt_failed"},
		"no JSON":               {data: padded(t, "hello"), want: "decrypt_failed"},
		"a list":                {data: padded(t, "["+whole+"]"), want: "decrypt_failed"},
		"two":                   {data: padded(t, whole+whole), want: "decrypt_failed"},
		"null":                  {data: padded(t, "null"), want: "decrypt_failed"},
		"nothing":               {data: padded(t, ""), want: "decrypt_failed"},
		"no watermark":          {data: padded(t, `{"openId":"o-user"}`), want: "decrypt_failed"},
		"an empty watermark":    {data: padded(t, `{"watermark":{}}`), want: "decrypt_failed"},
		"a watermark of null":   {data: padded(t, `{"watermark":null}`), want: "decrypt_failed"},
		"an odd watermark":      {data: padded(t, `{"watermark":{"appid":7}}`), want: "decrypt_failed"},
		"a look-alike":          {data: padded(t, `{"Watermark":{"AppID":"`+demoApp+`"}}`), want: "decrypt_failed"},
		"another app's":         {data: padded(t, `{"watermark":{"appid":"wxffffffffffffffff"}}`), want: "wrong_app"},
		"another key":           {data: demoData, key: "HyVFkGl5F5OQWJZZaNzBBg==", want: "decrypt_failed"},
		"another iv":            {data: padded(t, whole), iv: "AAAAAAAAAAAAAAAAAAAAAA==", want: "decrypt_failed"},
		"no data":               {data: "", want: "bad_encrypted_data"},
		"half a block":          {data: base64.StdEncoding.EncodeToString(make([]byte, 24)), want: "bad_encrypted_data"},
		"no base64":             {data: strings.ReplaceAll(demoData, "+", " "), want: "bad_encrypted_data"},
		"1 MiB and more":        {data: padded(t, whole+strings.Repeat(" ", 1<<20)), want: "bad_encrypted_data"},
		"half a MiB":            {data: padded(t, whole+strings.Repeat(" ", 1<<19))},
		"no iv":                 {data: demoData, iv: "-", want: "bad_iv"},
		"a short iv":            {data: demoData, iv: "AAAA", want: "bad_iv"},
		"a short key":           {data: demoData, key: "AAAA", want: "bad_session_key"},
		"a long key":            {data: demoData, key: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", want: "bad_session_key"},
		"no key":                {data: demoData, key: "?", want: "bad_session_key"},
	} {
		iv, key := demoIV, demoKey
		if tt.iv != "" {
			iv = tt.iv
		}
		if tt.key != "" {
			key = tt.key
		}
		got, err := mini().Decrypt(&app, broker.NewSecret(key), tt.data, iv)
		if tt.want == "" {
			if err != nil || !bytes.Contains(got, []byte("o-user")) || !json.Valid(got) {
				t.Errorf("%s: %q, %v", name, got, err)
			}
			continue
		}
		e := broker.AsError(err)
		if err == nil || got != nil || e.Code != tt.want || e.Class != broker.Invalid || e.Hint == "" || e.Message == "" {
			t.Errorf("%s: %q, %v (%s); want %s", name, got, err, e.Code, tt.want)
		}
		for _, s := range []string{key, "o-user", "wxffffffffffffffff", "HyVFkGl5"} {
			if len(s) > 4 && strings.Contains(fmt.Sprintf("%v %+v %#v", err, *e, *e), s) {
				t.Errorf("I6: %s: the error shows something: %+v", name, *e)
			}
		}
	}
	// Whatever is changed, nobody learns from the error what it did to the padding.
	first := ""
	text, err := base64.StdEncoding.DecodeString(padded(t, whole))
	must(t, err)
	for i := range 256 {
		text[len(text)-1-aes.BlockSize] = byte(i)
		_, err := mini().Decrypt(&app, broker.NewSecret(demoKey), base64.StdEncoding.EncodeToString(text), demoIV)
		if err == nil {
			continue // as it was
		}
		if s := fmt.Sprintf("%+v", *broker.AsError(err)); first == "" {
			first = s
		} else if s != first {
			t.Errorf("a changed byte is told apart: %s, %s", s, first)
		}
	}
}

func FuzzDecrypt(f *testing.F) {
	f.Add(demoData, demoIV, demoKey)
	f.Add("", "", "")
	f.Add("AAAAAAAAAAAAAAAAAAAAAA==", demoIV, demoKey)
	f.Fuzz(func(t *testing.T, data, iv, key string) {
		got, err := mini().Decrypt(&broker.App{AppID: demoApp}, broker.NewSecret(key), data, iv)
		if (got == nil) == (err == nil) || err == nil && !json.Valid(got) {
			t.Errorf("%q, %v", got, err)
		}
	})
}
