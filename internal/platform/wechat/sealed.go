package wechat

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/hufu-io/hufu/internal/broker"
)

// maxSealed bounds what is opened, in bytes of base64.
const maxSealed = 1 << 20

// Decrypt implements [broker.MiniProgram]: AES-128 in the mode CBC, padded as PKCS #7
// says [A].
//
// Nothing proves that the data is as the platform sealed it, so whoever could tell a bad
// padding from bad contents would have them opened byte by byte. All that goes wrong once
// the data is deciphered is therefore one error, and the contents are read whatever the
// padding is.
func (mini) Decrypt(app *broker.App, key broker.Secret, data, iv string) ([]byte, error) {
	if len(data) > maxSealed {
		return nil, unopened("bad_encrypted_data", fmt.Sprintf("the data has more than %d KiB", maxSealed>>10), hintSealed)
	}
	k, err := base64.StdEncoding.DecodeString(key.Reveal())
	if err != nil || len(k) != aes.BlockSize {
		return nil, unopened("bad_session_key", "the session key is not 16 bytes in base64", "have the mini program log in again (wx.login)")
	}
	start, err := base64.StdEncoding.DecodeString(iv)
	if err != nil || len(start) != aes.BlockSize {
		return nil, unopened("bad_iv", "the iv is not 16 bytes in base64", hintSealed)
	}
	text, err := base64.StdEncoding.DecodeString(data)
	if err != nil || len(text) == 0 || len(text)%aes.BlockSize != 0 {
		return nil, unopened("bad_encrypted_data", "the data is not whole blocks of 16 bytes in base64", hintSealed)
	}
	block, err := aes.NewCipher(k)
	if err != nil {
		return nil, unopened("bad_session_key", "the session key is no key", "have the mini program log in again (wx.login)")
	}
	cipher.NewCBCDecrypter(block, start).CryptBlocks(text, text)
	text, padded := unpad(text)
	owner, ok := watermark(text)
	switch {
	case !padded || !ok:
		return nil, unopened("decrypt_failed", "the data does not open with the session key of this user's last login",
			"have the mini program log in again (wx.login), and send what it gets after that; data and iv belong together")
	case owner != app.AppID:
		// Whoever gets here has whole contents, sealed with the session's key.
		return nil, unopened(broker.ErrWrongApp.Code, "the data was sealed for another app", "send it to the app that it comes from")
	}
	return text, nil
}

const hintSealed = "send encryptedData and iv as the mini program got them, without decoding or re-encoding them; in a form or URL a + has to be escaped"

func unopened(code, says, hint string) *broker.Error {
	return &broker.Error{Code: code, Class: broker.Invalid, Message: says, Hint: hint}
}

// unpad takes off the padding: n bytes of the value n, from 1 to 16. It takes the same
// time for all paddings, and nothing off where they are wrong.
func unpad(text []byte) ([]byte, bool) {
	n := int(text[len(text)-1])
	ok := subtle.ConstantTimeLessOrEq(1, n) & subtle.ConstantTimeLessOrEq(n, aes.BlockSize)
	for i := 1; i <= aes.BlockSize; i++ {
		inside := subtle.ConstantTimeLessOrEq(i, n)
		same := subtle.ConstantTimeByteEq(text[len(text)-i], byte(n&0xff))
		ok &= subtle.ConstantTimeSelect(inside, same, 1)
	}
	return text[:len(text)-subtle.ConstantTimeSelect(ok, n, 0)], ok == 1
}

// watermark reads the app id of what was sealed, which is an object.
func watermark(text []byte) (appID string, ok bool) {
	var fields, mark map[string]json.RawMessage
	if json.Unmarshal(text, &fields) != nil || json.Unmarshal(fields["watermark"], &mark) != nil || json.Unmarshal(mark["appid"], &appID) != nil {
		return "", false
	}
	return appID, appID != ""
}
