package api

import "time"

// Quota is the answer of GET /v1/apps/{app}/quota: the calls of an app that passed
// through the server that answers.
type Quota struct {
	App string `json:"app"`
	// Day is the platform's, such as 2026-11-21, and Resets is when it ends.
	Day    string    `json:"day"`
	Resets time.Time `json:"resets"`
	// Since is when the server began to count: the counts are its own and begin anew when
	// it starts. The platform also counts what others call.
	Since time.Time `json:"since"`
	// Paths are those that were called today, and those that are throttled, by name.
	Paths []QuotaPath `json:"paths"`
}

// QuotaPath is what passed on one path of the platform.
type QuotaPath struct {
	// Path is "(other)" for all that are too many to be counted one by one.
	Path       string `json:"path"`
	Today      int64  `json:"today"`
	ThisMinute int64  `json:"this_minute"`
	// Throttled is left out while the platform listens.
	Throttled *QuotaThrottled `json:"throttled,omitempty"`
}

// QuotaThrottled is what the platform refused calls of a path with. Until then it is not
// asked, but for a call now and then if that takes long.
type QuotaThrottled struct {
	Code    string    `json:"code"`
	Message string    `json:"message"`
	Until   time.Time `json:"until"`
}
