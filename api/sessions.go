package api

import "encoding/json"

// SessionRequest is the body of POST /v1/apps/{app}/sessions: what a mini program got when
// its user logged in.
type SessionRequest struct {
	JSCode string `json:"js_code"`
}

// Session is the login of a mini program's user. The key of the session is kept by the
// server, which verifies and decrypts with it.
type Session struct {
	App     string `json:"app"`
	OpenID  string `json:"openid"`
	UnionID string `json:"unionid,omitempty"`
	// SessionKey is for clients with session_keys only.
	SessionKey string `json:"session_key,omitempty"`
}

// VerifyRequest is the body of POST /v1/apps/{app}/sessions/{openid}/verify: data and
// signature as the mini program got them.
type VerifyRequest struct {
	RawData   string `json:"raw_data"`
	Signature string `json:"signature"`
}

// Verified says whether the data was signed with the key of the user's latest session.
type Verified struct {
	Valid bool `json:"valid"`
}

// DecryptRequest is the body of POST /v1/apps/{app}/sessions/{openid}/decrypt: what the
// platform has sealed for the app, both in base64 as the mini program got them.
type DecryptRequest struct {
	EncryptedData string `json:"encrypted_data"`
	IV            string `json:"iv"`
}

// Decrypted is what was in it: a JSON object.
type Decrypted struct {
	Data json.RawMessage `json:"data"`
}
