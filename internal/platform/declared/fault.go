package declared

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// Fault is one thing that is wrong with a definition.
type Fault struct {
	// Field is where, in the names of a configuration, such as
	// modes[0].tokens[1].request.path.
	Field string
	// Wrong is what, as the end of a sentence that begins with the field. It quotes nothing of
	// the definition, in which something secret may stand in the wrong place.
	Wrong string
	// Known are the names that there are, where the last one of the field is none of them.
	Known []string
}

// String is a fault as a sentence.
func (f Fault) String() string { return strings.TrimLeft(f.Field+" "+f.Wrong, " ") }

// Err returns everything that is wrong with a definition; nil: nothing is.
func (d *Definition) Err() error {
	var errs []error
	for _, f := range d.Faults() {
		errs = append(errs, fmt.Errorf("platform %q: %v", d.Name, f))
	}
	return errors.Join(errs...)
}

// Faults are all things that are wrong with a definition.
func (d *Definition) Faults() []Fault {
	var fs faults
	fs.within("", func() { d.check(&fs) })
	return fs.found
}

// faults collects them.
type faults struct {
	found []Fault
	at    string
}

// within checks what is in a field.
func (fs *faults) within(field string, check func()) {
	before := fs.at
	fs.at = fs.name(field)
	check()
	fs.at = before
}

func (fs *faults) name(field string) string {
	if fs.at == "" || field == "" || strings.HasPrefix(field, "[") {
		return fs.at + field
	}
	return fs.at + "." + field
}

// add notes a fault of a field inside of the one that is being checked.
func (fs *faults) add(field, format string, args ...any) {
	fs.found = append(fs.found, Fault{Field: fs.name(field), Wrong: fmt.Sprintf(format, args...)})
}

// must notes a fault where something does not hold.
func (fs *faults) must(ok bool, field, format string, args ...any) bool {
	if !ok {
		fs.add(field, format, args...)
	}
	return ok
}

// once leaves out what was found before.
func (fs *faults) once() {
	type said struct{ field, wrong string }
	seen := map[said]bool{}
	fs.found = slices.DeleteFunc(fs.found, func(f Fault) bool {
		s := said{f.Field, f.Wrong}
		again := seen[s]
		seen[s] = true
		return again
	})
}

func (d *Definition) check(fs *faults) {
	fs.must(broker.ValidAppID(d.Name), "name", "has to be 1 to 64 of a-z, 0-9 and -, and to begin with a letter or a digit")
	if fs.must(d.BaseURL != "", "base_url", "is missing") {
		fs.baseURL(d.BaseURL)
	}
	for i, p := range d.Params {
		fs.within(fmt.Sprintf("params[%d]", i), func() {
			fs.must(isName(p.Name), "name", "has to be of a-z, 0-9 and _, and to begin with a letter")
			fs.must(slices.IndexFunc(d.Params, func(q broker.Param) bool { return q.Name == p.Name }) == i, "name", "is there twice")
		})
	}
	fs.must(len(d.Modes) > 0, "modes", "are missing: say how tokens are got")
	for i := range d.Modes {
		fs.within(fmt.Sprintf("modes[%d]", i), func() { d.checkMode(fs, i) })
	}
	d.checkShared(fs)
	d.checkSurfaces(fs)
	for i := range d.Codes {
		fs.within(fmt.Sprintf("codes[%d]", i), func() { d.checkCode(fs, i) })
	}
	if d.Check != nil {
		fs.within("check", func() { d.checkCheck(fs, d.Check) })
	}
	d.checkPaths(fs)
}

// baseURL checks the field base_url.
func (fs *faults) baseURL(s string) {
	if s == "" {
		return
	}
	base, _, err := broker.ParseBaseURL(s)
	if err != nil {
		fs.add("base_url", "%v", err)
		return
	}
	fs.must(base == s, "base_url", "has to be written without a slash at its end, and its host in small letters")
}

// isName reports whether s is of a-z, 0-9 and _, and begins with a letter.
func isName(s string) bool {
	for i, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (i == 0 || (c < '0' || c > '9') && c != '_') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// isHeaderName reports whether s may be the name of a header.
func isHeaderName(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return s != ""
}

// ownHeader reports whether a header is one that this server writes itself, or that says
// nothing to the platform: a secret or a token in it would not be sent, or be lost on the way.
func ownHeader(name string) bool {
	switch name = http.CanonicalHeaderKey(name); name {
	case "Host", "Content-Length", "Content-Type", "Content-Encoding", "Transfer-Encoding", "Trailer", "Connection", "Upgrade", "Te", "Expect",
		"Accept", "Accept-Encoding", "User-Agent", "Idempotency-Key", "X-Idempotency-Key":
		return true
	}
	return strings.HasPrefix(name, "X-Hufu-") || strings.HasPrefix(name, "X-Forwarded-") || strings.HasPrefix(name, "Proxy-")
}

// checkPaths checks the lists of paths.
func (d *Definition) checkPaths(fs *faults) {
	for i, p := range d.Denied {
		fs.must(strings.HasPrefix(p, "/"), fmt.Sprintf("denied[%d]", i), "has to begin with a slash")
	}
	for i, p := range d.Users {
		fs.pattern(fmt.Sprintf("users[%d]", i), p)
	}
	for i, p := range d.Foreign {
		fs.pattern(fmt.Sprintf("foreign[%d]", i), p)
	}
	for p, kind := range d.Kinds {
		field := "kinds." + p
		fs.pattern(field, p)
		fs.must(slices.ContainsFunc(d.Modes, func(m Mode) bool { return m.token(kind) != nil }), field, "names a kind that no mode has")
	}
	for i, g := range d.Gives {
		fs.within(fmt.Sprintf("gives[%d]", i), func() {
			fs.path(g.Path)
			fs.must(len(g.Tokens) > 0 && !slices.Contains(g.Tokens, ""), "tokens", "are missing: the fields of the answer in which users' tokens stand")
		})
	}
	for i, x := range d.Exchanges {
		fs.within(fmt.Sprintf("exchanges[%d]", i), func() {
			fs.method(x.Method)
			fs.path(x.Path)
			if !fs.must(slices.Contains([]string{inQuery, inForm, inJSON, inBasic}, x.In), "in", "has to be query, form, json or basic") {
				return
			}
			if x.In != inBasic {
				fs.must(x.AppID != "", "app_id", "is missing: the name of the field")
				fs.must(x.Secret != "", "secret", "is missing: the name of the field")
			}
			fs.must(x.Method != http.MethodGet || x.In != inForm && x.In != inJSON, "in", "is a body, which a GET does not have")
		})
	}
}

func (fs *faults) method(m string) {
	fs.must(m == http.MethodGet || m == http.MethodPost, "method", "has to be GET or POST")
}

// path checks the field path, which is no template.
func (fs *faults) path(p string) {
	fs.must(len(p) > 1 && plain(p) && !strings.ContainsAny(p, "*{}"), "path", notPlain)
}

func (fs *faults) pattern(field, p string) {
	begin := strings.TrimSuffix(p, "*")
	fs.must(plain(begin) && !strings.ContainsAny(begin, "*{}"),
		field, "has to be a path that begins with a slash, with a * at its end where it is the beginning of others")
}

const notPlain = "has to begin with a slash and to be written plainly: without a query, and without . or .. or nothing between two slashes"

// plain reports whether a path says where it goes, so that the one that is meant is the one
// that is sent, and is compared.
func plain(p string) bool {
	return strings.HasPrefix(p, "/") && !strings.Contains(p, "//") && !strings.ContainsAny(p, `?#%;\`) &&
		!strings.ContainsFunc(p, func(c rune) bool { return c <= ' ' || c > '~' }) &&
		!slices.ContainsFunc(strings.Split(p, "/"), func(s string) bool { return s == "." || s == ".." })
}
