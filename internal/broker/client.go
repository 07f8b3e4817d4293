package broker

import (
	"slices"
	"strings"
)

// Right is one thing a client may be allowed to do.
type Right uint8

// The rights. Admin includes all the others.
const (
	Read Right = 1 << iota
	Renew
	Call
	Users
	Admin
)

var rightNames = [...]struct {
	r    Right
	name string
}{{Read, "read"}, {Renew, "renew"}, {Call, "call"}, {Users, "users"}, {Admin, "admin"}}

// Rights is a set of rights.
type Rights uint8

// Has reports whether the set contains r, by itself or through Admin.
func (s Rights) Has(r Right) bool { return s&Rights(r|Admin) != 0 }

// Names lists the set's rights in their documented order.
func (s Rights) Names() []string {
	names := []string{}
	for _, e := range rightNames {
		if s&Rights(e.r) != 0 {
			names = append(names, e.name)
		}
	}
	return names
}

// ParseRights reads names of rights; unknown is the first name that is none.
func ParseRights(names []string) (set Rights, unknown string) {
	for _, n := range names {
		i := slices.IndexFunc(rightNames[:], func(e struct {
			r    Right
			name string
		},
		) bool {
			return e.name == n
		})
		if i < 0 {
			return 0, n
		}
		set |= Rights(rightNames[i].r)
	}
	return set, ""
}

// KeyHash is the SHA-256 of a client key. Keys have enough entropy that a fast hash
// is safe, and slow ones would cost every read dearly.
type KeyHash [32]byte

// Handout says what a client gets in the place of a token.
type Handout string

// The ways of handing out.
const (
	HandoutReal    Handout = "real"
	HandoutVirtual Handout = "virtual"
)

// Client is a business server that may ask for tokens.
type Client struct {
	Name   string
	Key    KeyHash
	Apps   []string // ids, or patterns with *
	Rights Rights
	// Paths limits Call to paths that match one of these patterns with *. Empty: all.
	Paths   []string
	Handout Handout
	// SessionKeys says that the client may have the keys of mini programs' sessions.
	SessionKeys bool
	SDK         string // name of an [SDKProfile]; empty: generic
	Origin      Origin
	Version     Version // of the stored definition; zero for clients from the file
	// Stamp tells stored definitions of one version apart; see [App.Stamp].
	Stamp uint64
}

// Caller is who asks: a client, and what an audit wants to know of the request.
// It is a parameter of every service method, so that no method can forget it.
type Caller struct {
	Client    *Client
	Remote    string // the peer's address
	RequestID string
}

// Name of the client, or "" where nobody asked.
func (c Caller) Name() string {
	if c.Client == nil {
		return ""
	}
	return c.Client.Name
}

// ValidAppPattern reports whether p may say which apps a client uses: an id in which
// each * stands for something.
func ValidAppPattern(p string) bool { return ValidAppID(strings.ReplaceAll(p, "*", "a")) }

// Bounds of patterns of paths. Each of a list may be compared at each call.
const (
	MaxPathPatterns = 100
	maxPathPattern  = 256
)

// ValidPathPattern reports whether p may say which of a platform's paths are meant: a
// path as calls have it when they are compared, decoded and with single slashes, in which
// each * stands for any number of characters, / among them.
func ValidPathPattern(p string) bool {
	if !strings.HasPrefix(p, "/") || len(p) > maxPathPattern || strings.Contains(p, "//") {
		return false
	}
	if strings.ContainsFunc(p, func(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune(`?#%\`, c) }) {
		return false
	}
	for segment := range strings.SplitSeq(p, "/") {
		if segment == "." || segment == ".." {
			return false
		}
	}
	return true
}

// ValidClientName reports whether name may name a client: 1 to 64 letters, digits,
// dots, dashes and underscores, starting with a letter or digit.
func ValidClientName(name string) bool {
	if name == "" || len(name) > 64 || strings.ContainsRune("._-", rune(name[0])) {
		return false
	}
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("._-", c) {
			return false
		}
	}
	return true
}
