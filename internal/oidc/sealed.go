package oidc

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/hufu-io/hufu/internal/broker"
)

// encoding refuses bits that stand for nothing: what is sealed is written in one way only.
var encoding = base64.RawURLEncoding.Strict()

// What is sealed is for one of these, and opens for no other.
const (
	forRequest = "request"
	forCode    = "code"
	forToken   = "token"
)

// bound is the associated data of what belongs to an app: no other app's will do, nor
// that of an app of the same id that is another registration (I8).
func bound(use string, app *broker.App) []byte {
	return []byte("hufu/oidc/" + use + "/" + app.ID + "/" + app.Source())
}

// encode writes a value compactly: the signs that are usual in URLs stay as they are.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// seal writes a value so that others can carry it and neither read nor change it.
func (k *keys) seal(v any, use string, app *broker.App) (string, error) {
	plain, err := encode(v)
	if err != nil {
		return "", err
	}
	box, err := k.siv.Seal(plain, bound(use, app))
	if err != nil {
		return "", fmt.Errorf("seal a %s: %w", use, err)
	}
	return encoding.EncodeToString(box), nil
}

// open reads what seal returned, into a pointer.
func (k *keys) open(s string, v any, use string, app *broker.App) bool {
	box, err := encoding.DecodeString(s)
	// Line breaks are passed over in decoding, and stand in nothing of ours.
	if err != nil || encoding.EncodedLen(len(box)) != len(s) {
		return false
	}
	plain, err := k.siv.Open(box, bound(use, app))
	return err == nil && json.Unmarshal(plain, v) == nil
}
