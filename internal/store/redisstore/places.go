package redisstore

import (
	"errors"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// A grant's place in the list of its app is its user, two zero bytes, and its kind. A zero
// byte of the user is followed by a one: so places have the order of users and then kinds,
// byte by byte, and no two share one.

// placeOf is the place of a grant.
func placeOf(k broker.Key) string { return beginOf(k.Subject) + string(k.Kind) }

// beginOf is what the places of all grants of a user begin with. It stands before them all.
func beginOf(user string) string {
	if user == "" {
		return "" // before everybody
	}
	return strings.ReplaceAll(user, "\x00", "\x00\x01") + "\x00\x00"
}

// keyAt is the inverse of placeOf.
func keyAt(app, place string) (broker.Key, error) {
	// The first two zero bytes are those that end the user: in it a one follows on each.
	user, kind, found := strings.Cut(place, "\x00\x00")
	if !found || user == "" || kind == "" {
		return broker.Key{}, errors.New("what is in the list of an app's users is no grant's place")
	}
	return broker.Key{App: app, Kind: broker.Kind(kind), Subject: strings.ReplaceAll(user, "\x00\x01", "\x00")}, nil
}
