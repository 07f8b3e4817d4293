package obs

import "strings"

// Scrub replaces what looks like a secret in a text: the values of parameters in
// URLs and forms, of fields in JSON, XML, headers and printed Go values, whose
// name says that they are secret; what follows Bearer and Basic; passwords in
// URLs; client keys. Where a value's end is in doubt, it takes more. A text
// without any is returned as it is, without an allocation.
func Scrub(s string) string {
	sc := scrubber{s: s}
	for sc.i < len(s) {
		sc.step()
	}
	if sc.out == nil {
		return s
	}
	return string(append(sc.out, s[sc.done:]...))
}

// scrubber goes through a text once.
type scrubber struct {
	s    string
	i    int    // next byte to look at
	done int    // everything before it is in out
	out  []byte // nil as long as nothing was replaced
}

func (sc *scrubber) step() {
	rest := sc.s[sc.i:]
	switch rest[0] {
	case '=':
		sc.assignment(sc.i, sc.i+1)
	case '%':
		if len(rest) >= 3 && (rest[:3] == "%3D" || rest[:3] == "%3d") {
			sc.assignment(sc.i, sc.i+3)
			return
		}
		sc.i++
	case ':':
		if strings.HasPrefix(rest, "://") {
			sc.userinfo(sc.i + 3)
			return
		}
		sc.field()
	case '>':
		sc.element()
	case 'b', 'B':
		sc.scheme()
	case 'h', 'H':
		sc.clientKey()
	default:
		sc.i++
	}
}

// replace puts the mark in the place of s[from:to]. An empty value stays.
func (sc *scrubber) replace(from, to int) {
	if from < to {
		sc.out = append(sc.out, sc.s[sc.done:from]...)
		sc.out = append(sc.out, redacted...)
		sc.done = to
	}
	sc.i = max(to, sc.i+1)
}

// nameBefore returns the name that ends before a separator, and what stands
// before it. Quotes around the name, escaped or not, and blanks are skipped.
func (sc *scrubber) nameBefore(sep int) (name string, before byte) {
	end := sep
	for end > sc.done && isSpace(sc.s[end-1]) {
		end--
	}
	if end > sc.done && isQuote(sc.s[end-1]) {
		end--
		for end > sc.done && sc.s[end-1] == '\\' {
			end--
		}
	}
	start := end
	for start > sc.done && end-start < maxName && isNameByte(sc.s[start-1]) {
		start--
	}
	if start > sc.done {
		before = sc.s[start-1]
	}
	return sc.s[start:end], before
}

// assignment handles name=value, as in URLs, forms and properties files.
func (sc *scrubber) assignment(sep, value int) {
	name, before := sc.nameBefore(sep)
	if rest, ok := strings.CutPrefix(name, "u0026"); ok && before == '\\' {
		name, before = rest, '&'
	}
	secret := secretName(name)
	if before == '?' || before == '&' {
		secret = secretParameter(name)
	}
	if !secret {
		sc.i = value
		return
	}
	value = sc.skipSpace(value)
	if from, to, ok := sc.quoted(value); ok {
		sc.replace(from, to)
		return
	}
	sc.replace(value, sc.schemeEnd(value, sc.runEnd(value)))
}

// field handles name:value, as in JSON, headers and printed Go values.
func (sc *scrubber) field() {
	name, _ := sc.nameBefore(sc.i)
	if !secretName(name) {
		sc.i++
		return
	}
	at := sc.i + 1
	value := sc.skipSpace(at)
	if from, to, ok := sc.quoted(value); ok {
		sc.replace(from, to)
		return
	}
	switch {
	case strings.HasPrefix(sc.s[value:], "["): // a list as Go prints it
		sc.replace(value, min(sc.endAt(value, "]\r\n")+1, len(sc.s)))
	case wholeLine(name): // with quotes in it where it has parameters
		sc.replace(value, sc.endAt(value, "\r\n"))
	case strings.HasPrefix(sc.s[value:], "{"), strings.HasPrefix(sc.s[value:], "&{"):
		sc.i = at // what is in it has names of its own
	case value == at:
		sc.replace(value, sc.schemeEnd(value, sc.runEnd(value)))
	case looksRandom(sc.s[value:sc.runEnd(value)]):
		sc.replace(value, sc.runEnd(value))
	default:
		// "read token: no such file" is an error's words.
		sc.i = at
	}
}

// element handles <name>value</name>, with CDATA or without.
func (sc *scrubber) element() {
	name, before := sc.nameBefore(sc.i)
	if before != '<' || !secretName(name) {
		sc.i++
		return
	}
	from := sc.skipSpace(sc.i + 1)
	end := "</"
	if rest, ok := strings.CutPrefix(sc.s[from:], "<![CDATA["); ok {
		from = len(sc.s) - len(rest)
		end = "]]>"
	}
	to := strings.Index(sc.s[from:], end)
	if to < 0 {
		to = len(sc.s) - from
	}
	sc.replace(from, from+to)
}

// scheme handles what follows Bearer and Basic wherever they stand.
func (sc *scrubber) scheme() {
	at := sc.i
	n := schemeLen(sc.s[at:])
	if n == 0 || at > 0 && isNameByte(sc.s[at-1]) {
		sc.i++
		return
	}
	value := at + n
	for value < len(sc.s) && (sc.s[value] == ' ' || sc.s[value] == '\t' || sc.s[value] == '+') {
		value++
	}
	for strings.HasPrefix(sc.s[value:], "%20") {
		value += len("%20")
	}
	if end := sc.runEnd(value); value > at+n && looksRandom(sc.s[value:end]) {
		sc.replace(value, end)
		return
	}
	sc.i = at + n
}

// schemeEnd extends a value that is the name of a scheme by what follows it.
func (sc *scrubber) schemeEnd(value, end int) int {
	if n := schemeLen(sc.s[value:]); n > 0 && value+n == end && end < len(sc.s) && sc.s[end] == ' ' {
		return sc.runEnd(sc.skipSpace(end))
	}
	return end
}

func schemeLen(s string) int {
	for _, name := range [...]string{"bearer", "basic"} {
		if len(s) >= len(name) && strings.EqualFold(s[:len(name)], name) {
			return len(name)
		}
	}
	return 0
}

// clientKey handles keys that this server made. Metrics share their prefix, but
// are all lower case and have no digits.
func (sc *scrubber) clientKey() {
	const prefix = "hufu_"
	rest := sc.s[sc.i:]
	if len(rest) < len(prefix) || !strings.EqualFold(rest[:len(prefix)], prefix) {
		sc.i++
		return
	}
	from := sc.i + len(prefix)
	to := from
	for to < len(sc.s) && (isNameByte(sc.s[to]) && sc.s[to] != '%' && sc.s[to] != '.') {
		to++
	}
	if key := sc.s[from:to]; len(key) >= 8 && strings.ContainsAny(key, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		sc.replace(from, to)
		return
	}
	sc.i = to
}

// maxPassword bounds the search for the end of a password.
const maxPassword = 256

// userinfo handles the password in scheme://user:password@host.
func (sc *scrubber) userinfo(from int) {
	sc.i = from
	authority := sc.s[from:sc.endAt(from, "/?# \t\r\n\"'`<>\\")]
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
		window := sc.s[:min(len(sc.s), password+maxPassword)]
		end = (&scrubber{s: window}).endAt(password, " \t\r\n\"'`<>")
	}
	if at := strings.LastIndexByte(sc.s[password:end], '@'); at > 0 {
		sc.replace(password, password+at)
	}
}
