package platform

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/hufu-io/hufu/internal/broker"
)

const (
	maxLifetime = 30 * 24 * time.Hour
	maxToken    = 8 << 10
)

// Answer is the JSON object that a platform answered with. Its fields may be tokens,
// so it can be asked for them but not printed. The name of a field inside of others is
// joined to theirs by dots, as in data.access_token.
type Answer struct {
	// Status is the HTTP status.
	Status int
	// Date is the time at the platform when it answered; zero: it did not say.
	Date time.Time

	retryAfter time.Duration
	header     *http.Header                // behind a pointer, so that no verb prints it
	fields     *map[string]json.RawMessage // so is this
}

// ReadAnswer reads an answer that has been received elsewhere, of which raw is the whole
// body. It reports whether that is an object; the status is read in any case.
func ReadAnswer(resp *http.Response, raw []byte) (Answer, bool) {
	a, ok := parseAnswer(raw)
	a.Status, a.retryAfter, a.header = resp.StatusCode, retryAfter(resp), &resp.Header
	a.Date, _ = http.ParseTime(resp.Header.Get("Date")) // a clock that cannot be read is none
	return a, ok
}

// parseAnswer reads an object and nothing else. What a few servers of Windows put before
// a text, the mark of UTF-8, is passed over.
func parseAnswer(raw []byte) (Answer, bool) {
	const blanks = " \t\r\n" // of JSON
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	raw = bytes.Trim(raw, blanks)
	if len(raw) == 0 || raw[0] != '{' {
		return Answer{}, false
	}
	fields := map[string]json.RawMessage{}
	if json.Unmarshal(raw, &fields) != nil {
		return Answer{}, false
	}
	return Answer{fields: &fields}, true
}

// String shows an answer without what is in it.
func (a Answer) String() string { return "answer with HTTP " + strconv.Itoa(a.Status) }

// GoString shows an answer without what is in it.
func (a Answer) GoString() string { return a.String() }

// LogValue shows an answer without what is in it.
func (a Answer) LogValue() slog.Value { return slog.StringValue(a.String()) }

func (a Answer) field(name string) json.RawMessage {
	if a.fields == nil {
		return nil
	}
	fields := *a.fields
	for {
		outer, inner, nested := strings.Cut(name, ".")
		v := fields[outer]
		switch {
		case len(v) == 0 || string(v) == "null":
			return nil
		case !nested:
			return v
		}
		fields = nil
		if v[0] != '{' || json.Unmarshal(v, &fields) != nil {
			return nil
		}
		name = inner
	}
}

// RetryAfter is when the platform wants to be asked again; zero: it did not say.
func (a Answer) RetryAfter() time.Duration { return a.retryAfter }

// Seconds returns a header that counts seconds, cut like that of [Answer.RetryAfter]; zero: it
// is not there, or does not.
func (a Answer) Seconds(header string) time.Duration { return seconds(a.Header(header)) }

// Header returns a header of the answer.
func (a Answer) Header(name string) string {
	if a.header == nil {
		return ""
	}
	return a.header.Get(name)
}

// Has reports whether there is a field of this name, and something in it.
func (a Answer) Has(name string) bool { return a.field(name) != nil }

// List reports whether the field is a list.
func (a Answer) List(name string) bool {
	v := a.field(name)
	return len(v) > 0 && v[0] == '['
}

// Text returns a string field; "" where there is none.
func (a Answer) Text(name string) string {
	var s string
	if json.Unmarshal(a.field(name), &s) != nil {
		return ""
	}
	return s
}

// Token returns a field that is a token or a ticket. One that is empty, absurdly
// long or has other than printable ASCII characters in it is none: it is to go into
// query strings, headers and files.
func (a Answer) Token(name string) (broker.Secret, error) {
	s := a.Text(name)
	switch {
	case s == "":
		return broker.Secret{}, Garbage("one without " + name)
	case len(s) > maxToken, strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }):
		return broker.Secret{}, Garbage("one whose " + name + " cannot be a token")
	}
	return broker.NewSecret(s), nil
}

// Integer returns a field that is a whole number, written as one or as a string:
// some platforms and some proxies quote numbers. Where there is no such field it is
// (0, false, nil); a field that is no whole number is an error.
func (a Answer) Integer(name string) (n int64, found bool, err error) {
	v := a.field(name)
	if v == nil {
		return 0, false, nil
	}
	n, exact, ok := number(v)
	if !ok || !exact {
		return 0, true, Garbage("one whose " + name + " is no whole number")
	}
	return n, true, nil
}

// maxCode bounds the codes of errors, of which the longest are a few words.
const maxCode = 128

// Code returns a field that is the code of an error or of a success: a number in decimal, a
// text as it is but for blanks around it, or true or false. Where there is no such field,
// or nothing in it, it is ("", false, nil); a field that can be no code is an error.
func (a Answer) Code(name string) (code string, found bool, err error) {
	v := a.field(name)
	switch {
	case v == nil:
		return "", false, nil
	case v[0] == '"':
		var s string
		if json.Unmarshal(v, &s) != nil || len(s) > maxCode || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
			return "", true, Garbage("one whose " + name + " cannot be a code")
		}
		s = strings.TrimSpace(s)
		return s, s != "", nil
	case string(v) == "true" || string(v) == "false":
		return string(v), true, nil
	}
	n, exact, ok := number(v)
	if !ok || !exact {
		return "", true, Garbage("one whose " + name + " cannot be a code")
	}
	return strconv.FormatInt(n, 10), true, nil
}

// Lifetime returns a field that counts seconds, cut to whole ones and to 30 days.
//
// One that is missing, zero or negative is an error with Unknown set: the platform
// may well have issued, and replaced the token before, but a token of which nothing
// can be promised is of no use, and a guess would be a promise that may break.
func (a Answer) Lifetime(name string) (time.Duration, error) {
	v := a.field(name)
	if v == nil {
		return 0, Garbage("one without " + name)
	}
	n, _, ok := number(v)
	if !ok || n <= 0 {
		return 0, Garbage("one whose " + name + " is no lifetime")
	}
	return time.Duration(min(n, int64(maxLifetime/time.Second))) * time.Second, nil
}

// Zero reports whether the field is there and says 0.
func (a Answer) Zero(name string) bool {
	n, found, err := a.Integer(name)
	return found && err == nil && n == 0
}

// number reads a JSON number, or a string that holds one, cut towards zero and
// clamped to what fits. exact says that nothing was cut off or clamped.
func number(v json.RawMessage) (n int64, exact, ok bool) {
	text := string(v)
	if text[0] == '"' {
		if json.Unmarshal(v, &text) != nil {
			return 0, false, false
		}
		text = strings.TrimSpace(text)
	}
	// The grammar of JSON keeps out what ParseFloat also takes: NaN, Inf, hexadecimals.
	if text == "" || text[0] != '-' && (text[0] < '0' || text[0] > '9') || !json.Valid([]byte(text)) {
		return 0, false, false
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, true, true
	}
	const limit = 1 << 53 // above, a float64 does not hold every whole number
	f, err := strconv.ParseFloat(text, 64)
	switch {
	case f >= limit:
		return limit, false, true
	case f <= -limit:
		return -limit, false, true
	case err != nil:
		return 0, false, false
	}
	return int64(f), float64(int64(f)) == f, true
}
