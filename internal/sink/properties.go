package sink

import (
	"bytes"
	"fmt"
	"unicode/utf16"
)

// setProperty returns the properties file with key set to value. The first line
// of the key gets the value, further ones are removed, so that readers that take
// the first and readers that take the last, like Java, see the same; without one,
// a line is appended. Everything else stays byte for byte, and so does the way in
// which the line spells its key and separator.
//
// What is written is plain ASCII, which Java reads the same in whatever encoding
// it takes the file to be.
func setProperty(data []byte, key, value string) []byte {
	s := scanner{data: data}
	var out []byte
	kept := 0 // everything before it is in out
	found := false
	for e, ok := s.next(); ok; e, ok = s.next() {
		if !e.names(key) {
			continue
		}
		if found {
			out = append(out, data[kept:e.from]...)
			kept = e.end
			continue
		}
		found = true
		out = append(out, data[kept:e.start]...)
		kept = e.end
		out = append(out, spelling(data[e.start:e.value], key, e.separated)...)
		out = appendValue(out, value)
		out = append(out, data[e.eol:e.end]...)
	}
	out = append(out, data[kept:]...)
	if found {
		return out
	}
	eol := lineEnd(data)
	finish := eol
	if bytes.HasSuffix(data, []byte{'\r'}) {
		finish = "\r" // "\n" would only make a CRLF of it
	}
	for range s.open {
		out = append(out, finish...)
	}
	out = appendKey(out, key)
	out = append(out, '=')
	out = appendValue(out, value)
	return append(out, eol...)
}

// spelling returns how the line begins: as it did, unless that went over several
// lines or depended on the encoding.
func spelling(prefix []byte, key string, separated bool) []byte {
	plain := !bytes.ContainsFunc(prefix, func(r rune) bool { return r == '\n' || r == '\r' || r > '~' })
	switch {
	case !plain:
		return append(appendKey(nil, key), '=')
	case !separated:
		return append(bytes.Clone(prefix), '=')
	default:
		return prefix
	}
}

// lineEnd returns the terminator of the file's first line, which new lines get too.
func lineEnd(data []byte) string {
	i := bytes.IndexAny(data, "\r\n")
	switch {
	case i < 0 || data[i] == '\n':
		return "\n"
	case bytes.HasPrefix(data[i:], []byte("\r\n")):
		return "\r\n"
	default:
		return "\r"
	}
}

func appendKey(out []byte, key string) []byte {
	for _, r := range key {
		if r == ' ' {
			out = append(out, '\\')
		}
		out = appendRune(out, r)
	}
	return out
}

func appendValue(out []byte, value string) []byte {
	for i, r := range value {
		// Blanks are skipped only before the value.
		if i == 0 && r == ' ' {
			out = append(out, '\\')
		}
		out = appendRune(out, r)
	}
	return out
}

// appendRune writes one character so that it means itself wherever it stands.
func appendRune(out []byte, r rune) []byte {
	switch r {
	case '\t':
		return append(out, `\t`...)
	case '\n':
		return append(out, `\n`...)
	case '\r':
		return append(out, `\r`...)
	case '\f':
		return append(out, `\f`...)
	case '\\', '=', ':', '#', '!':
		return append(out, '\\', byte(r))
	}
	if r >= ' ' && r <= '~' {
		return append(out, byte(r))
	}
	for _, u := range utf16.AppendRune(nil, r) {
		out = fmt.Appendf(out, `\u%04X`, u)
	}
	return out
}
