package api

import "time"

// The kinds of token that an answer was made with. A user's token is never taken for the
// app's own, nor the other way round.
const (
	TokenOfUser = "user"
	TokenOfApp  = "app"
)

// ExchangeRequest is the body of POST /v1/apps/{app}/users/exchange: what the browser of a
// user who has logged in brought to the business's page.
type ExchangeRequest struct {
	Code string `json:"code"`
	// CodeVerifier is required where the login was begun with a code_challenge.
	CodeVerifier string `json:"code_verifier,omitempty"`
	// RedirectURI has to be the one that the login was begun with. It may be left out where all of
	// the app's redirect_uris are of one site.
	RedirectURI string `json:"redirect_uri,omitempty"`
}

// User is who has logged in.
type User struct {
	App    string `json:"app"`
	OpenID string `json:"openid"` // differs from app to app
	// UnionID is who the user is for all apps of one company, where the platform says it.
	UnionID string `json:"unionid,omitempty"`
	Scope   string `json:"scope"` // what was granted, in the platform's words
	Kind    string `json:"kind"`  // of the grant that the login left
	// SnapshotUser says that this is no real user, but one whom the platform makes up for
	// pages that are looked at without a login.
	SnapshotUser bool `json:"snapshot_user"`
}

// Grant is what a user has granted an app, without its tokens.
type Grant struct {
	User
	// Version is that of the user's token. Zero: there was none yet.
	Version    int64     `json:"version,omitempty"`
	Authorized time.Time `json:"authorized,omitzero"` // when the user last logged in
	Expiry     time.Time `json:"expiry,omitzero"`     // of the user's token, by the platform's figure
	// Deadline is when the user has to log in again at the latest.
	Deadline time.Time `json:"deadline,omitzero"`
	// Ended is when the platform was seen to end the grant.
	Ended   time.Time `json:"ended,omitzero"`
	Problem *Problem  `json:"problem,omitempty"`
}

// Grants is the answer of GET /v1/apps/{app}/users and of the same for one user. A user
// may have several: one for each scope, and one for the session of a mini program.
type Grants struct {
	Grants []Grant `json:"grants"`
	// Next is the value of ?after= for the page after this one; empty: there is none.
	Next string `json:"next,omitempty"`
}

// Forgotten is the answer of DELETE /v1/apps/{app}/users/{openid}.
type Forgotten struct {
	Deleted int `json:"deleted"` // grants that were kept of the user
}

// UserToken is one user's token as GET /v1/apps/{app}/users/{openid}/token answers it.
type UserToken struct {
	App    string `json:"app"`
	OpenID string `json:"openid"`
	Scope  string `json:"scope"` // the widest that it reaches, by which its kind is named
	Kind   string `json:"kind"`
	Token  string `json:"token"`
	// TokenKind is always [TokenOfUser]: this is none of the app's own tokens.
	TokenKind string `json:"token_kind"`
	Version   int64  `json:"version"`
	// ExpiresIn and Expiry are a promise, as those of [Token].
	ExpiresIn int64     `json:"expires_in"`
	Expiry    time.Time `json:"expiry"`
}

// UserRenewRequest is the body of POST /v1/apps/{app}/users/{openid}/token/renew: what the
// caller saw rejected, as a version or as the token itself. One of the two is required.
type UserRenewRequest struct {
	Version int64  `json:"version,omitempty"`
	Token   string `json:"token,omitempty"`
	// Scope says which of the user's tokens it is. Empty: the widest.
	Scope string `json:"scope,omitempty"`
}

// Profile is what a user shows of herself.
type Profile struct {
	App       string   `json:"app"`
	OpenID    string   `json:"openid"`
	UnionID   string   `json:"unionid,omitempty"`
	Nickname  string   `json:"nickname"`
	Sex       int      `json:"sex"` // 0: not said, 1: male, 2: female
	Province  string   `json:"province,omitempty"`
	City      string   `json:"city,omitempty"`
	Country   string   `json:"country,omitempty"`
	Portrait  string   `json:"portrait,omitempty"` // a URL
	Privilege []string `json:"privilege,omitempty"`
	Kind      string   `json:"kind"`       // of the grant whose token was used
	TokenKind string   `json:"token_kind"` // always [TokenOfUser]
}

// Subscription is what an app knows of a user who follows it.
type Subscription struct {
	App          string    `json:"app"`
	OpenID       string    `json:"openid"`
	UnionID      string    `json:"unionid,omitempty"`
	Subscribed   bool      `json:"subscribed"` // false: nothing else is known
	SubscribedAt time.Time `json:"subscribed_at,omitzero"`
	Language     string    `json:"language,omitempty"`
	Remark       string    `json:"remark,omitempty"`
	GroupID      int64     `json:"group_id,omitempty"`
	Tags         []int64   `json:"tags,omitempty"`
	Scene        string    `json:"scene,omitempty"` // how the user came to follow the app
	QRScene      int64     `json:"qr_scene,omitempty"`
	QRSceneText  string    `json:"qr_scene_text,omitempty"`
	TokenKind    string    `json:"token_kind"` // always [TokenOfApp]
}

// MaxImport is how many grants one call imports.
const MaxImport = 500

// ImportRequest is the body of POST /v1/apps/{app}/users/import: grants that were made
// elsewhere, at most [MaxImport] of them.
type ImportRequest struct {
	Users []ImportedUser `json:"users"`
}

// ImportedUser is a grant that was made elsewhere.
type ImportedUser struct {
	OpenID  string `json:"openid"`
	UnionID string `json:"unionid,omitempty"`
	Scope   string `json:"scope"`
	// One of the tokens is required. Without the access token, and its expiry, it is renewed
	// when it is asked for; without the refresh token the grant ends with it.
	AccessToken  string    `json:"access_token,omitempty"`
	Expiry       time.Time `json:"expiry,omitzero"`
	RefreshToken string    `json:"refresh_token,omitempty"`
	// Deadline is when the refresh token ends. Zero: not known.
	Deadline time.Time `json:"deadline,omitzero"`
	// Authorized is when the user logged in. Zero: not known.
	Authorized time.Time `json:"authorized,omitzero"`
}

// ImportResult is the answer to an [ImportRequest]: what became of each grant, in the same
// order.
type ImportResult struct {
	Results []Imported `json:"results"`
}

// Imported is what became of one grant.
type Imported struct {
	OpenID  string   `json:"openid"`
	Kind    string   `json:"kind,omitempty"` // of the grant that is here now; empty: none is
	Result  string   `json:"result"`         // see the constants
	Problem *Problem `json:"problem,omitempty"`
}

// What can become of a grant that is imported.
const (
	ImportDone   = "imported"
	ImportKept   = "kept" // one that is not older was here already, and stays
	ImportFailed = "failed"
)
