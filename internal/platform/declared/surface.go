package declared

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// surface is a [Surface] and what is derived of it.
type surface struct {
	Surface
	words   map[string]Word
	leaves  []string            // what stands in an answer that has a code
	refusal document            // with a code
	detail  document            // with a code that says more beside it
	more    map[string]document // of codes that further fields stand beside
}

func newSurface(s Surface, words map[string]Word) *surface {
	x := &surface{Surface: s, words: map[string]Word{}}
	for _, from := range []map[string]Word{words, s.Words} {
		maps.Copy(x.words, from)
	}
	x.Prefix = strings.ToLower(s.Prefix)
	for _, name := range s.Errors.Code {
		x.leaves = append(x.leaves, `"`+name[strings.LastIndexByte(name, '.')+1:]+`"`)
	}
	// That they can be written has been checked.
	plain, _ := s.Errors.refusal(false)
	detail, _ := s.Errors.refusal(true)
	x.refusal, x.detail, x.more = plain.document(), detail.document(), map[string]document{}
	for _, name := range slices.Sorted(maps.Keys(x.words)) {
		if w := x.words[name]; len(w.Extra) > 0 {
			n, _ := s.Errors.beside(w)
			x.more[w.Code] = n.document()
		}
	}
	return x
}

// beside is the object in which a word is said that has further fields.
func (e Errors) beside(w Word) (*node, error) {
	n, err := e.refusal(false)
	for _, name := range slices.Sorted(maps.Keys(w.Extra)) {
		if err == nil {
			err = n.put(name, string(appendText(nil, w.Extra[name])), holeNone)
		}
	}
	return n, err
}

// refusal is the object in which a refusal is said, with its code in the first of the
// places where codes stand.
func (e Errors) refusal(withDetail bool) (*node, error) {
	n := &node{}
	if len(e.Code) > 0 {
		if err := n.put(e.Code[0], "", holeCode); err != nil {
			return nil, err
		}
	}
	if withDetail && len(e.Detail) > 0 {
		if err := n.put(e.Detail[0], "", holeDetail); err != nil {
			return nil, err
		}
	}
	for _, name := range e.Message {
		if slices.Contains(e.Code, name) || slices.Contains(e.Detail, name) {
			continue
		}
		if err := n.put(name, "", holeMessage); err != nil {
			return nil, err
		}
	}
	if e.RequestID != "" && !isHeader(e.RequestID) {
		if err := n.put(e.RequestID, "", holeRequest); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// isHeader reports whether a name is one of a header rather than of a field.
func isHeader(name string) bool { return name[0] >= 'A' && name[0] <= 'Z' }

// status is that of a refusal.
func (e Errors) status() int {
	if e.Status == 0 {
		return http.StatusOK
	}
	return e.Status
}

// read finds the code in an answer. refused says that it is none of a success; found, that
// there is one.
func (s *surface) read(a platform.Answer) (code string, found, refused bool, err error) {
	if s.Errors.ByStatus && a.Status < http.StatusBadRequest {
		return "", false, false, nil
	}
	for _, name := range s.Errors.Code {
		if code, found, err = a.Code(name); err != nil {
			return "", false, false, err //nolint:wrapcheck // it names the field
		}
		if found {
			break
		}
	}
	if !found || slices.Contains(s.Errors.OK, code) {
		return code, found, false, nil
	}
	for _, name := range s.Errors.Detail {
		if more, ok, err := a.Code(name); ok && err == nil {
			return more, true, true, nil
		}
	}
	return code, true, true, nil
}

// message is what an answer says in words, with the platform's name of the request.
func (s *surface) message(a platform.Answer) string {
	var msg string
	for _, name := range s.Errors.Message {
		if msg = a.Text(name); msg != "" {
			break
		}
	}
	if name := s.Errors.RequestID; name != "" {
		id := a.Text(name)
		if isHeader(name) {
			id = a.Header(name)
		}
		if id != "" && !strings.Contains(msg, id) {
			msg = strings.TrimLeft(msg+" ("+name+" "+id+")", " ")
		}
	}
	return msg
}

// surface is that of a path.
func (d *described) surface(path string) *surface {
	path = platform.Canonical(path)
	for _, s := range d.surfaces {
		if strings.HasPrefix(path, s.Prefix) {
			return s
		}
	}
	return d.surfaces[len(d.surfaces)-1] // that of all other paths
}

// word is how an error of this server is said.
func (s *surface) word(err *broker.Error) Word {
	for _, name := range []string{err.Code, string(err.Class), ""} {
		if w, ok := s.words[name]; ok {
			return w
		}
	}
	return Word{}
}
