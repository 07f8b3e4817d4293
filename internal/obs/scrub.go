package obs

import (
	"cmp"
	"slices"
	"strings"
)

// Scrub replaces what looks like a secret in a text: the values of parameters in
// URLs and forms, of fields in JSON, XML, headers and printed Go values, whose
// name says that they are secret; what follows Bearer and Basic; passwords in
// URLs; client keys. Where a value's end is in doubt, it takes more. A text
// without any is returned as it is, without an allocation.
func Scrub(s string) string {
	sc := scrubber{s: s}
	// Every place is judged by itself, also inside of what was found already: a
	// stray quote must not hide what follows it.
	for i := 0; i < len(s) && !sc.all; i++ {
		sc.look(i)
	}
	if len(sc.found) == 0 {
		return s
	}
	return sc.result()
}

// span is a part of the text that is not to be seen.
type span struct{ from, to int }

// scrubber looks for secrets in one text.
type scrubber struct {
	s     string
	found []span
	all   bool // the last span goes to the end
}

// add notes a secret. An empty value is none.
func (sc *scrubber) add(from, to int) {
	if from < to {
		sc.found = append(sc.found, span{from, to})
		sc.all = to == len(sc.s)
	}
}

// result returns the text with a mark in the place of each secret.
func (sc *scrubber) result() string {
	slices.SortFunc(sc.found, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var b strings.Builder
	done := -1
	for _, f := range sc.found {
		if f.from > done {
			b.WriteString(sc.s[max(done, 0):f.from])
			b.WriteString(redacted)
		}
		done = max(done, f.to)
	}
	b.WriteString(sc.s[done:])
	return b.String()
}

// look judges what one byte may be the separator or the beginning of.
func (sc *scrubber) look(i int) {
	switch sc.s[i] {
	case '=':
		sc.assignment(i, i+1)
	case '%':
		if strings.HasPrefix(sc.s[i:], "%3D") || strings.HasPrefix(sc.s[i:], "%3d") {
			sc.assignment(i, i+3)
		}
	case ':':
		if strings.HasPrefix(sc.s[i:], "://") {
			sc.userinfo(i + 3)
		}
		sc.field(i)
	case '>':
		sc.element(i)
	case 'b', 'B':
		sc.scheme(i)
	case 'h', 'H':
		sc.clientKey(i)
	}
}

// nameBefore returns the name that ends before a separator, and what stands
// before it. Quotes around the name, escaped or not, and blanks are skipped.
func (sc *scrubber) nameBefore(sep int) (name string, before byte) {
	end := sep
	for end > 0 && isSpace(sc.s[end-1]) {
		end--
	}
	if end > 0 && isQuote(sc.s[end-1]) {
		end--
		for end > 0 && sc.s[end-1] == '\\' {
			end--
		}
	}
	start := end
	for start > 0 && end-start < maxName && isNameByte(sc.s[start-1]) {
		start--
	}
	if start > 0 {
		before = sc.s[start-1]
	}
	return sc.s[start:end], before
}

// assignment judges name=value, as in URLs, forms and properties files.
func (sc *scrubber) assignment(sep, value int) {
	name, before := sc.nameBefore(sep)
	if rest, ok := strings.CutPrefix(name, "u0026"); ok && before == '\\' {
		name, before = rest, '&'
	}
	secret := secretName(name)
	if before == '?' || before == '&' {
		secret = secretParameter(name)
	}
	if secret {
		sc.value(sc.skipSpace(value))
	}
}

// field judges name:value, as in JSON, headers and printed Go values.
func (sc *scrubber) field(sep int) {
	name, _ := sc.nameBefore(sep)
	if !secretName(name) {
		return
	}
	value := sc.skipSpace(sep + 1)
	rest := sc.s[value:]
	switch {
	case strings.HasPrefix(rest, "["): // a list as Go prints it
		end := sc.until(value, "]\r\n")
		sc.add(value, min(end+1, len(sc.s)))
	case wholeLine(name) && !sc.isQuoted(value): // with quotes in it where it has parameters
		sc.add(value, sc.until(value, "\r\n"))
	case strings.HasPrefix(rest, "{"), strings.HasPrefix(rest, "&{"):
		// What is in it has names of its own.
	case value == sep+1, sc.isQuoted(value), looksRandom(sc.s[value:sc.runEnd(value)]):
		sc.value(value)
	default:
		// "read token: no such file" is an error's words.
	}
}

// value notes the value that starts at i, quoted or not.
func (sc *scrubber) value(i int) {
	if from, to, ok := sc.quoted(i); ok {
		sc.add(from, to)
		return
	}
	end := sc.runEnd(i)
	if n := schemeLen(sc.s[i:]); n > 0 && i+n == end && end < len(sc.s) && sc.s[end] == ' ' {
		end = sc.runEnd(sc.skipSpace(end))
	}
	sc.add(i, end)
}

// element judges <name>value</name>, with CDATA or without.
func (sc *scrubber) element(i int) {
	name, before := sc.nameBefore(i)
	if before != '<' || !secretName(name) {
		return
	}
	from := sc.skipSpace(i + 1)
	if rest, ok := strings.CutPrefix(sc.s[from:], "<![CDATA["); ok {
		from = len(sc.s) - len(rest)
		to := len(sc.s)
		if n := strings.Index(sc.s[from:sc.window(from)], "]]>"); n >= 0 {
			to = from + n
		}
		sc.add(from, to)
		return
	}
	sc.add(from, sc.until(from, "<"))
}

// scheme judges what follows Bearer and Basic wherever they stand.
func (sc *scrubber) scheme(i int) {
	n := schemeLen(sc.s[i:])
	if n == 0 {
		return
	}
	value := i + n
	for value < len(sc.s) && (sc.s[value] == ' ' || sc.s[value] == '\t' || sc.s[value] == '+') {
		value++
	}
	for strings.HasPrefix(sc.s[value:], "%20") {
		value += len("%20")
	}
	if end := sc.runEnd(value); value > i+n && looksRandom(sc.s[value:end]) {
		sc.add(value, end)
	}
}

func schemeLen(s string) int {
	for _, name := range [...]string{"bearer", "basic"} {
		if len(s) >= len(name) && strings.EqualFold(s[:len(name)], name) {
			return len(name)
		}
	}
	return 0
}

// maxKey bounds the search for the end of a client key, which is far shorter.
const maxKey = 256

// clientKey judges keys that this server made. Metrics share their prefix, but are
// all lower case and have no digits.
func (sc *scrubber) clientKey(i int) {
	const prefix = "hufu_"
	rest := sc.s[i:]
	if len(rest) < len(prefix) || !strings.EqualFold(rest[:len(prefix)], prefix) {
		return
	}
	from := i + len(prefix)
	to := from
	for to < len(sc.s) && to-from < maxKey && isNameByte(sc.s[to]) && sc.s[to] != '%' && sc.s[to] != '.' {
		to++
	}
	if key := sc.s[from:to]; len(key) >= 8 && strings.ContainsAny(key, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		sc.add(from, to)
	}
}

// userinfo judges the password in scheme://user:password@host.
func (sc *scrubber) userinfo(from int) {
	const ends = " \t\r\n\"'`<>"
	authority := sc.s[from:min(sc.until(from, ends+`/?#\`), sc.window(from))]
	colon := strings.IndexByte(authority, ':')
	if colon < 0 || strings.HasPrefix(authority, "[") {
		return
	}
	password := from + colon + 1
	end := from + len(authority)
	if !strings.Contains(authority, "@") {
		// A password with a slash in it ends the authority too early; a port does not.
		if strings.Trim(authority[colon+1:], "0123456789") == "" {
			return
		}
		end = min(sc.until(password, ends), sc.window(password))
	}
	if at := strings.LastIndexByte(sc.s[password:end], '@'); at > 0 {
		sc.add(password, password+at)
	}
}
