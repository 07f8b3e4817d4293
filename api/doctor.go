package api

import "time"

// Diagnosis is the answer of GET /v1/apps/{app}/doctor: what stands between an app and
// its tokens.
type Diagnosis struct {
	App string `json:"app"`
	// Healthy says that nothing was found to be at fault.
	Healthy bool `json:"healthy"`
	// At is when the app was examined. An app is not examined again within a few seconds.
	At       time.Time `json:"at"`
	Findings []Finding `json:"findings"`
}

// Finding is one thing that was looked at.
type Finding struct {
	// Name says what: reachability, clock, secret, whitelist and token are the platform's
	// to say; renewal, budget, foreign_rotation, store and quota are the server's;
	// examination says why something was not looked at. There may be others.
	Name string `json:"name"`
	// Kind is the kind of token that it is about, where it is about one.
	Kind   string `json:"kind,omitempty"`
	State  string `json:"state"` // see the constants
	Detail string `json:"detail"`
	// Hint, Code and Platform are there where something is wrong.
	Hint     string         `json:"hint,omitempty"`
	Code     string         `json:"code,omitempty"`
	Platform *PlatformError `json:"platform,omitempty"`
	// TookMS is how long the platform took to answer; zero: it was not asked.
	TookMS int64 `json:"took_ms,omitempty"`
}

// The states of findings.
const (
	FindingOK      = "ok"
	FindingFault   = "fault"
	FindingUnknown = "unknown" // it could not be found out
)
