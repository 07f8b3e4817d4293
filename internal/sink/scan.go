package sink

import (
	"bytes"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// entry is one logical line of a properties file that holds a key: a natural line
// and those that continue it. The offsets are into the file.
type entry struct {
	from  int // first byte of the natural line, blanks included
	start int // first byte of the key
	value int // one past the separator and the blanks around it
	eol   int // first byte of the terminator, or the end of the file
	end   int // one past the terminator
	// key is as it stands in the file, its continuations joined, its escapes kept.
	key []byte
	// separated tells "key=" and "key " from a bare "key".
	separated bool
}

// scanner walks through a properties file by the rules of java.util.Properties.
type scanner struct {
	data []byte
	pos  int
	// open is how many line ends have to be added before another line can be, known
	// once next has returned false: one for a last line without its end, two if
	// that line also ends in the backslash that would continue it.
	open int
}

// next returns the next line that has a key.
func (s *scanner) next() (entry, bool) {
	for {
		from := s.pos
		s.skipBlanks()
		if s.pos == len(s.data) {
			if from < s.pos && s.open == 0 {
				s.open = 1
			}
			return entry{}, false
		}
		switch c := s.data[s.pos]; {
		case isEOL(c):
			s.skipEOL()
		case c == '#' || c == '!':
			s.skipComment()
		default:
			if e, ok := s.line(from); ok {
				return e, true
			}
		}
	}
}

// line reads the logical line that starts here, its blanks at from. It returns false for one that
// turns out to be empty: a backslash and nothing else.
func (s *scanner) line(from int) (entry, bool) {
	e := entry{from: from, start: s.pos}
	var chars []byte // the logical line
	var at []int     // where each of its bytes stands in the file
	escaped := false // an odd number of backslashes came last
	for s.pos < len(s.data) {
		c := s.data[s.pos]
		if !isEOL(c) {
			chars, at = append(chars, c), append(at, s.pos)
			escaped = c == '\\' && !escaped
			s.pos++
			continue
		}
		if !escaped {
			e.eol = s.pos
			s.skipEOL()
			e.end = s.pos
			return e.split(chars, at), true
		}
		chars, at = chars[:len(chars)-1], at[:len(at)-1]
		escaped = false
		s.skipEOL()
		if len(chars) == 0 {
			return entry{}, false
		}
		s.skipBlanks()
	}
	e.eol, e.end = s.pos, s.pos
	s.open = 1
	if escaped {
		s.open = 2
		chars, at = chars[:len(chars)-1], at[:len(at)-1]
	}
	if len(chars) == 0 {
		return entry{}, false
	}
	return e.split(chars, at), true
}

// split finds the end of the key and the start of the value in a logical line.
func (e entry) split(chars []byte, at []int) entry {
	n, escaped := 0, false
	for n < len(chars) && (escaped || !isBlank(chars[n]) && !isSeparator(chars[n])) {
		escaped = chars[n] == '\\' && !escaped
		n++
	}
	e.key, e.separated = chars[:n], n < len(chars)
	v := n
	for v < len(chars) && isBlank(chars[v]) {
		v++
	}
	if v < len(chars) && isSeparator(chars[v]) {
		v++
		for v < len(chars) && isBlank(chars[v]) {
			v++
		}
	}
	e.value = at[v-1] + 1
	return e
}

func (s *scanner) skipBlanks() {
	for s.pos < len(s.data) && isBlank(s.data[s.pos]) {
		s.pos++
	}
}

func (s *scanner) skipEOL() {
	if bytes.HasPrefix(s.data[s.pos:], []byte("\r\n")) {
		s.pos++
	}
	s.pos++
}

// skipComment leaves a comment behind. A backslash does not continue one.
func (s *scanner) skipComment() {
	i := bytes.IndexAny(s.data[s.pos:], "\r\n")
	if i < 0 {
		s.pos, s.open = len(s.data), 1
		return
	}
	s.pos += i
	s.skipEOL()
}

func isEOL(c byte) bool       { return c == '\n' || c == '\r' }
func isBlank(c byte) bool     { return c == ' ' || c == '\t' || c == '\f' }
func isSeparator(c byte) bool { return c == '=' || c == ':' }

// names reports whether the entry's key is the given one. Java reads a file as
// ISO-8859-1 unless told otherwise, many programs tell it UTF-8; a key that is
// this one to either of them is taken as this one.
func (e entry) names(key string) bool {
	want := utf16.Encode([]rune(key))
	latin := make([]rune, len(e.key))
	ascii := true
	for i, b := range e.key {
		latin[i] = rune(b)
		ascii = ascii && b < utf8.RuneSelf
	}
	if got, ok := unescape(latin); ok && slices.Equal(got, want) {
		return true
	}
	if ascii || !utf8.Valid(e.key) {
		return false
	}
	got, ok := unescape([]rune(string(e.key)))
	return ok && slices.Equal(got, want)
}

// unescape resolves a key's escapes into UTF-16, in which Java counts. It returns
// false for a malformed \u, over which Java gives the whole file up.
func unescape(in []rune) ([]uint16, bool) {
	var out []uint16
	for i := 0; i < len(in); i++ {
		if in[i] != '\\' || i+1 == len(in) {
			out = utf16.AppendRune(out, in[i])
			continue
		}
		i++
		switch c := in[i]; c {
		case 't':
			out = append(out, '\t')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 'f':
			out = append(out, '\f')
		case 'u':
			u, ok := hex4(in[i+1:])
			if !ok {
				return nil, false
			}
			out = append(out, u)
			i += 4
		default:
			out = utf16.AppendRune(out, c)
		}
	}
	return out, true
}

func hex4(in []rune) (uint16, bool) {
	if len(in) < 4 {
		return 0, false
	}
	u, err := strconv.ParseUint(string(in[:4]), 16, 16)
	return uint16(u), err == nil
}
