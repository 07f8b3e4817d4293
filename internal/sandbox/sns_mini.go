package sandbox

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // the platform's own signature
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
)

var errNoSession = errors.New("the user has no session: exchange a code at sns/jscode2session first")

// NewSessionKey gives a user of a mini program another session key, as a login on the phone
// may do. The next exchange of a code tells it.
func (s *Sandbox) NewSessionKey(appID, openID string) error {
	return s.withMember(appID, openID, func(m member) { s.wechat.sns.member(m).sessionKey = random16() })
}

// random16 is a new session key, or a new initialisation vector.
func random16() []byte {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return b
}

// sessionKey returns the key of a user who has a session.
func (s *Sandbox) sessionKey(appID, openID string) ([]byte, error) {
	var key []byte
	err := s.withMember(appID, openID, func(m member) { key = s.wechat.sns.member(m).sessionKey })
	if err == nil && key == nil {
		err = errNoSession
	}
	return key, err
}

// SignRaw signs what a mini program read of its user, as the phone does. The user has to
// have a session.
func (s *Sandbox) SignRaw(appID, openID, rawData string) (string, error) {
	key, err := s.sessionKey(appID, openID)
	if err != nil {
		return "", err
	}
	sum := sha1.Sum([]byte(rawData + base64.StdEncoding.EncodeToString(key))) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:]), nil
}

// Encrypt encrypts what a mini program learns of its user, as the phone does, with the
// platform's watermark. What it returns goes as encryptedData and iv. The user has to have a
// session.
func (s *Sandbox) Encrypt(appID, openID string, data map[string]any) (encrypted, iv string, err error) {
	key, err := s.sessionKey(appID, openID)
	if err != nil {
		return "", "", err
	}
	marked := maps.Clone(data)
	if marked == nil {
		marked = make(map[string]any, 1)
	}
	marked["watermark"] = map[string]any{"appid": appID, "timestamp": s.now().Unix()}
	text, err := json.Marshal(marked)
	if err != nil {
		return "", "", fmt.Errorf("write the data as JSON: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return "", "", fmt.Errorf("use the session key: %w", err)
	}
	vector := random16()
	pad := aes.BlockSize - len(text)%aes.BlockSize
	text = append(text, bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(block, vector).CryptBlocks(text, text)
	return base64.StdEncoding.EncodeToString(text), base64.StdEncoding.EncodeToString(vector), nil
}
