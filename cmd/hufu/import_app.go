package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/broker"
)

// importApp is one app that is to be imported.
type importApp struct {
	line   int
	app    api.App        // without its tokens
	fields map[string]any // what is said of it, as JSON has it
	tokens []importToken
	notes  []string
}

// importToken is a token that was issued elsewhere.
type importToken struct {
	kind  string
	token broker.Secret
	ends  time.Time
}

// seconds is how much longer it lives.
func (t importToken) seconds(now time.Time) int64 { return int64(t.ends.Sub(now) / time.Second) }

// importReader makes apps of what a file has.
type importReader struct {
	dir    string      // where relative paths begin
	info   fs.FileInfo // of the file; nil for standard input
	since  time.Time   // from when expires_in is counted
	now    time.Time
	getenv func(string) (string, bool)
	bare   bool // apps need neither a platform's id nor a secret: they are at the server already

	ids     map[string]int // the lines of those that were read
	columns importColumns
}

// read makes an app of an item, or says all that is wrong with it.
func (r *importReader) read(item importItem) (importApp, []importFault) {
	a := importApp{line: item.line}
	if r.columns.known == nil {
		r.columns = newImportColumns()
	}
	var faults []importFault
	fault := func(format string, args ...any) {
		faults = append(faults, importFault{item.line, fmt.Sprintf(format, args...)})
	}
	fields := maps.Clone(item.fields)
	var wrong []string
	a.tokens, a.notes, wrong = r.tokens(fields)
	for _, what := range wrong {
		fault("%s", what)
	}
	for _, name := range []string{"secret", "refresh_token"} {
		if err := r.fill(fields, name); err != nil {
			fault("%v", err)
		}
	}
	if fields["platform"] == nil && !r.bare {
		fields["platform"] = "wechat"
	}
	switch id, _ := fields["id"].(string); {
	case id == "":
		fault("id is missing: our own name for the app, of a-z, 0-9 and -")
	case !broker.ValidAppID(id):
		fault("the id: want 1 to %d of a-z, 0-9 and -", broker.MaxAppID)
	case r.ids[id] != 0:
		fault("the id %q is that of line %d too", id, r.ids[id])
	default:
		r.ids[id] = item.line
	}
	if fields["app_id"] == nil && !r.bare {
		fault("app_id is missing: the platform's name for the app")
	}
	unknown := r.columns.unknownFields(item.fields, "")
	for _, what := range unknown {
		fault("%s", what)
	}
	if err := decodeApp(fields, &a.app); err != nil && len(unknown) == 0 {
		fault("%v", err)
	}
	a.fields = fields
	return a, faults
}

// decodeApp reads an app from its fields. No error quotes a value.
func decodeApp(fields map[string]any, a *api.App) error {
	data, err := json.Marshal(fields)
	if err != nil {
		return errors.New("it cannot be read")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	err = d.Decode(a)
	if typ, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("the field %.40q has the wrong form", typ.Field)
	}
	if name, ok := strings.CutPrefix(fmt.Sprint(err), "json: unknown field "); err != nil && ok {
		return fmt.Errorf("no column or field is called %.60s", name)
	}
	if err != nil {
		return fmt.Errorf("it cannot be read: %w", withoutQuotes(err))
	}
	return nil
}

// withoutQuotes is an error without what it quotes.
func withoutQuotes(err error) error {
	return errors.New(regexp.MustCompile(`"[^"]*"`).ReplaceAllString(err.Error(), "a value"))
}

// fill replaces ${NAME} in a field by what the environment has, and NAME_file by the text of
// the file.
func (r *importReader) fill(fields map[string]any, name string) error {
	if path, ok := fields[name+"_file"].(string); ok {
		delete(fields, name+"_file")
		if fields[name] != nil {
			return fmt.Errorf("%s and %s_file are both there: want one of them", name, name)
		}
		text, err := r.file(path)
		if err != nil {
			return fmt.Errorf("%s_file: %w", name, err)
		}
		fields[name] = text
		return nil
	}
	list, isList := fields[name].([]any)
	if !isList {
		list = []any{fields[name]}
	}
	for i, v := range list {
		text, isText := v.(string)
		if !isText {
			continue
		}
		text, err := r.expand(text)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		list[i] = text
	}
	switch {
	case len(list) == 1 && list[0] != nil:
		fields[name] = list[0]
	case isList:
		fields[name] = list
	}
	return nil
}

// reference is a value that stands in the environment.
var reference = regexp.MustCompile(`^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$`)

func (r *importReader) expand(text string) (string, error) {
	m := reference.FindStringSubmatch(text)
	if m == nil {
		return text, nil
	}
	v, ok := r.getenv(m[1])
	if !ok || v == "" {
		return "", fmt.Errorf("the environment variable %.64s is not set", m[1])
	}
	return v, nil
}

func (r *importReader) file(path string) (string, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(r.dir, path)
	}
	f, err := os.Open(path) //nolint:gosec // The path is the operator's.
	if err != nil {
		return "", errors.New("it cannot be opened")
	}
	defer f.Close() //nolint:errcheck // Nothing was written to it.
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	text := strings.TrimSpace(strings.TrimPrefix(string(data), "\ufeff")) // a byte order mark
	if err != nil || text == "" || len(data) > maxSecret {
		return "", errors.New("it cannot be read, is empty or too long")
	}
	return text, nil
}

// importedKinds are the kinds that have columns of their own.
func importedKinds() []broker.Kind {
	return []broker.Kind{broker.AccessToken, broker.AppAccessToken, broker.JSAPITicket, broker.WxCardTicket, broker.AgentConfigTicket}
}

// tokens takes the tokens out of the fields of an app: the one of the columns token and
// kind, those of columns named after their kinds, and those of a list. Tokens that have
// expired are left out, so that a file can be imported again.
func (r *importReader) tokens(fields map[string]any) (tokens []importToken, notes, faults []string) {
	var found []map[string]any
	take := func(kind any, token, expiresIn, expiry string) {
		one := map[string]any{"kind": kind, "token": fields[token], "token_file": fields[token+"_file"], "expires_in": fields[expiresIn], "expiry": fields[expiry]}
		for _, name := range []string{token, token + "_file", expiresIn, expiry} {
			delete(fields, name)
		}
		if one["token"] != nil || one["token_file"] != nil || one["expires_in"] != nil || one["expiry"] != nil {
			found = append(found, one)
		}
	}
	kind, named := fields["kind"]
	delete(fields, "kind")
	if !named {
		kind = string(broker.AccessToken)
	}
	if !named && fields["token"] == nil && fields["token_file"] == nil {
		// Beside an access_token it is of that one that they say when it ends.
		for _, end := range []string{"expires_in", "expiry"} {
			if at, own := fields[end], string(broker.AccessToken)+"_"+end; at != nil && fields[own] == nil {
				fields[own] = at
				delete(fields, end)
			}
		}
	}
	take(kind, "token", "expires_in", "expiry")
	for _, k := range importedKinds() {
		take(string(k), string(k), string(k)+"_expires_in", string(k)+"_expiry")
	}
	if list, ok := fields["tokens"].([]any); ok {
		for _, v := range list {
			one, _ := v.(map[string]any)
			found = append(found, one)
		}
		delete(fields, "tokens")
	}
	for _, one := range found {
		t, err := r.token(one)
		switch {
		case err != nil:
			faults = append(faults, err.Error())
		case slices.ContainsFunc(tokens, func(other importToken) bool { return other.kind == t.kind }):
			faults = append(faults, fmt.Sprintf("there are two tokens of kind %.40q", t.kind))
		case t.seconds(r.now) < 1:
			notes = append(notes, t.kind+" has expired and is left out")
		default:
			tokens = append(tokens, t)
		}
	}
	return tokens, notes, faults
}

func (r *importReader) token(one map[string]any) (t importToken, err error) {
	for name := range one {
		if !slices.Contains([]string{"kind", "token", "token_file", "expires_in", "expiry"}, name) {
			return t, fmt.Errorf("a token has a field %.40q, which is none of kind, token, token_file, expires_in and expiry", name)
		}
	}
	t.kind, _ = one["kind"].(string)
	if t.kind == "" {
		return t, errors.New("a token without a kind")
	}
	fields := maps.Clone(one)
	for _, name := range []string{"token_file"} {
		if fields[name] == nil {
			delete(fields, name)
		}
	}
	if err := r.fill(fields, "token"); err != nil {
		return t, fmt.Errorf("%s: %w", t.kind, err)
	}
	text, _ := fields["token"].(string)
	if text == "" {
		return t, fmt.Errorf("%s: there is when it ends, and no token", t.kind)
	}
	t.token = broker.NewSecret(text)
	in, _ := one["expires_in"].(string)
	at, _ := one["expiry"].(string)
	switch {
	case (in == "") == (at == ""):
		return t, fmt.Errorf("%s: want expires_in or expiry, when the token ends", t.kind)
	case in != "":
		n, err := strconv.ParseInt(in, 10, 32)
		if err != nil || n < 0 {
			return t, fmt.Errorf("%s: expires_in is not a number of seconds", t.kind)
		}
		t.ends = r.since.Add(time.Duration(n) * time.Second)
		return t, nil
	}
	if t.ends, err = readInstant(at); err != nil {
		return t, fmt.Errorf("%s: %w", t.kind, err)
	}
	return t, nil
}

// readInstant reads when something ends: as RFC 3339 has it, in the forms of spreadsheets, which
// are in this machine's time zone, or in seconds since 1970.
func readInstant(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	for _, form := range []string{"2006-01-02 15:04:05", "2006-01-02 15:04", "2006/1/2 15:04:05", "2006/1/2 15:04"} {
		if t, err := time.ParseInLocation(form, s, time.Local); err == nil { //nolint:gosmopolitan // It is what the person sees in the spreadsheet.
			return t, nil
		}
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && len(s) == 10 {
		return time.Unix(n, 0), nil
	}
	return time.Time{}, errors.New("expiry: want a time such as 2026-11-21T10:00:00+08:00, or seconds since 1970")
}
