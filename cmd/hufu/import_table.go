package main

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// importItem is one app as a file has it: its fields by name, each a text, a list of texts
// or further fields by name.
type importItem struct {
	line   int
	fields map[string]any
}

// importFault is what is wrong with a line. It quotes nothing of a value.
type importFault struct {
	line int
	what string
}

func (f importFault) String() string { return fmt.Sprintf("line %d: %s", f.line, f.what) }

// readTable reads apps from a table with a header row, as spreadsheets write it: with a
// byte order mark or without, with commas, semicolons or tabs, in UTF-8 or UTF-16. Of other
// encodings only what is not ASCII is not understood, and that is in columns that are not
// ours. ignored are the headers of those, or their numbers. bare: its apps need no platform.
func readTable(data []byte, bare bool) (items []importItem, ignored []string, faults []importFault) {
	data, skipped := withoutMark(data)
	r := csv.NewReader(bytes.NewReader(data))
	r.Comma, r.FieldsPerRecord = separator(data), -1
	var header []string
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if bad, ok := errors.AsType[*csv.ParseError](err); ok {
			// What follows cannot be told apart any more.
			return items, ignored, append(faults, importFault{bad.StartLine + skipped, "it cannot be read: " + bad.Err.Error()})
		}
		if err != nil {
			return items, ignored, append(faults, importFault{0, "the file cannot be read"})
		}
		line, _ := r.FieldPos(0)
		line += skipped
		for i := range cells {
			cells[i] = trimCell(cells[i])
		}
		switch {
		case strings.Join(cells, "") == "", header != nil && strings.HasPrefix(cells[0], "#"):
		case header == nil:
			var wrong []importFault
			header, ignored, wrong = readHeader(cells, line, bare)
			if faults = append(faults, wrong...); header == nil {
				return nil, nil, faults
			}
		default:
			item, wrong := readRow(header, cells, line)
			items, faults = append(items, item), append(faults, wrong...)
		}
	}
	if header == nil {
		faults = append(faults, importFault{1, "there is no header row: the first row names the columns, such as id,platform,app_id,secret"})
	}
	return items, ignored, faults
}

// readHeader returns the names of the columns, "" for those that are not ours: without a
// name, with one that begins with #, or with one in another language. One of those may well
// name the platform in words that are not known here, so that without a column platform they
// are a fault: a secret is never sent to WeChat because nobody said where it belongs (I8).
func readHeader(cells []string, line int, bare bool) (header, ignored []string, faults []importFault) {
	columns, unread := newImportColumns(), ""
	for _, said := range cells {
		name := columnNamed(said)
		foreign := strings.HasPrefix(name, "#") || strings.ContainsFunc(name, func(r rune) bool { return r > '~' })
		if foreign || name == "" {
			if !utf8.ValidString(said) {
				said = fmt.Sprintf("number %d", len(header)+1)
			}
			if foreign {
				ignored = append(ignored, said)
			}
			if foreign && name[0] != '#' {
				unread = cmp.Or(unread, said)
			}
			header = append(header, "")
			continue
		}
		if slices.Contains(header, name) {
			faults = append(faults, importFault{line, fmt.Sprintf("there are two columns %.40q", name)})
		}
		if what := columns.unknown(name); what != "" {
			faults = append(faults, importFault{line, what})
			name = ""
		}
		header = append(header, name)
	}
	if !slices.Contains(header, "id") {
		// It may be no header at all but an app, so that none of it is told, nor used to name what
		// comes after it.
		return nil, nil, []importFault{{line, "no column is called id; the first row names the columns"}}
	}
	if unread != "" && !bare && !slices.Contains(header, "platform") {
		faults = append(faults, importFault{line, fmt.Sprintf("the column %.40q is not read, and none is called platform, so that every app would be taken for one of WeChat: "+
			"add the column platform, or write # before the name of a column of remarks", unread)})
	}
	return header, ignored, faults
}

// columnNamed is the name of the field that a header means: the words of the platforms'
// consoles, which the tables of their users have, stand for what they can only be.
func columnNamed(header string) string {
	switch name := strings.ToLower(strings.ReplaceAll(header, " ", "_")); name {
	case "平台":
		return "platform"
	case "应用id", "appid":
		return "app_id"
	case "密钥", "应用密钥", "appsecret", "app_secret":
		return "secret"
	case "模式":
		return "mode"
	default:
		return name
	}
}

func readRow(header, cells []string, line int) (item importItem, faults []importFault) {
	item = importItem{line: line, fields: map[string]any{}}
	for i, cell := range cells {
		switch {
		case cell == "":
		case i >= len(header):
			return item, append(faults, importFault{line, fmt.Sprintf("it has %d cells, and the header names %d columns", len(cells), len(header))})
		case header[i] == "":
		default:
			var v any = cell
			if isListField(header[i]) {
				v = asAny(strings.Fields(cell))
			}
			if !setField(item.fields, header[i], v) {
				faults = append(faults, importFault{line, fmt.Sprintf("the column %.40q is there as a value and as something that has columns of its own", header[i])})
			}
		}
	}
	return item, faults
}

// isListField reports whether a cell of that column is a list, of words.
func isListField(name string) bool {
	return slices.Contains([]string{"secret", "deny", "page_hosts", "login.redirect_uris", "login.scopes", "oauth2.scopes"}, name)
}

// setField sets a field by its name, in which dots stand between a field and one in it.
func setField(fields map[string]any, name string, v any) bool {
	for {
		outer, inner, dotted := strings.Cut(name, ".")
		if !dotted {
			if _, taken := fields[name]; taken {
				return false
			}
			fields[name] = v
			return true
		}
		if fields[outer] == nil {
			fields[outer] = map[string]any{}
		}
		in, ok := fields[outer].(map[string]any)
		if !ok {
			return false
		}
		fields, name = in, inner
	}
}

func asAny(texts []string) []any {
	out := make([]any, len(texts))
	for i, s := range texts {
		out[i] = s
	}
	return out
}

// trimCell takes away the spaces that a spreadsheet shows to nobody.
func trimCell(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == '\ufeff' || r == '\u200b' })
}

// withoutMark takes away the byte order mark, and a line that only names the separator. It
// returns how many lines are missing from the front.
func withoutMark(data []byte) ([]byte, int) {
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")):
		data = fromUTF16(data[2:], binary.LittleEndian)
	case bytes.HasPrefix(data, []byte("\xfe\xff")):
		data = fromUTF16(data[2:], binary.BigEndian)
	default:
		data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	}
	if line, rest, found := bytes.Cut(data, []byte("\n")); found && len(bytes.TrimSpace(line)) == len("sep=,") && bytes.HasPrefix(line, []byte("sep=")) {
		return rest, 1
	}
	return data, 0
}

func fromUTF16(data []byte, order binary.ByteOrder) []byte {
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = order.Uint16(data[2*i:])
	}
	var out []byte
	for _, r := range utf16.Decode(units) {
		out = utf8.AppendRune(out, r)
	}
	return out
}

// separator is what stands most often between the names of the header.
func separator(data []byte) rune {
	header, _, _ := bytes.Cut(bytes.TrimLeft(data, "\r\n"), []byte("\n"))
	best := ','
	for _, c := range ";\t" {
		if bytes.ContainsRune(header, c) && bytes.Count(header, []byte(string(c))) > bytes.Count(header, []byte(string(best))) {
			best = c
		}
	}
	return best
}
