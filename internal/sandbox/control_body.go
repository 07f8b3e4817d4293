package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// want is what the body of a control call may hold.
type want struct {
	known   bool // there is such a call
	modes   bool // which modes there are is said by the platform
	fields  []string
	example string
}

func wantOf(path string) want {
	if path == "/faults" {
		return want{known: true, fields: []string{"kind", "path", "app", "delay", "status", "errcode", "code", "times", "probability"}, example: `{"kind":"status","status":502,"path":"/cgi-bin/token","times":1}`}
	}
	verb := path[strings.LastIndexByte(path, '/')+1:]
	if !strings.HasPrefix(path, "/apps/") && path != "/faults/clear" {
		return platformVerbs()[verb]
	}
	switch verb {
	case "kill":
		return want{known: true, fields: []string{"mode", "token"}, example: `{"mode":"classic"} or {"mode":"stable"}`}
	case "rotate":
		return want{known: true, fields: []string{"mode"}, example: `{"mode":"classic"} or {"mode":"stable"}`}
	case "secret":
		return want{known: true, fields: []string{"secret"}, example: `{"secret":"NEW"}`}
	case "whitelist":
		return want{known: true, fields: []string{"whitelist"}, example: `{"whitelist":["10.0.0.0/8"]}, or {} for everybody`}
	case "freeze":
		return want{known: true, fields: []string{"errcode"}, example: `{"errcode":40243}`}
	case "clear", "unfreeze":
		return want{known: true}
	default:
		return userVerbs()[verb]
	}
}

// check refuses a field that the call does not look at: what is misspelled must not be
// ignored. Whatever needs no field takes all of them, because the page's buttons share
// their forms.
func (w want) check(names []string) error {
	if len(w.fields) == 0 {
		return nil
	}
	for _, n := range names {
		if !slices.Contains(w.fields, n) {
			return fmt.Errorf("unknown field %q; there are: %s", n, strings.Join(w.fields, ", "))
		}
	}
	return nil
}

// readCommand reads JSON or a form, and says which of the two it was. It looks at the
// body rather than at its declared type: curl calls everything a form.
func readCommand(body []byte, w want) (cmd command, form bool, err error) {
	text := strings.Trim(string(body), " \t\r\n")
	switch {
	case !w.known:
		return command{}, text != "" && text[0] != '{', errNoSuchPage
	case text == "" && len(w.fields) == 0:
		return command{}, false, nil
	case text == "":
		return command{}, false, errors.New("the body is empty; send " + w.example)
	case text[0] == '{':
		cmd, err = jsonCommand(text, w)
	default:
		form = true
		cmd, err = sentForm(text, w)
	}
	if err == nil && !w.modes {
		err = cmd.Mode.check()
	}
	return cmd, form, err
}

func jsonCommand(text string, w want) (command, error) {
	var cmd command
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		return cmd, fmt.Errorf("read JSON: %w", err)
	}
	if err := w.check(sorted(fields)); err != nil {
		return cmd, err
	}
	if err := json.Unmarshal([]byte(text), &cmd); err != nil {
		return cmd, fmt.Errorf("read JSON: %w", err)
	}
	return cmd, nil
}

func sentForm(text string, w want) (command, error) {
	values, err := url.ParseQuery(text)
	if err != nil {
		return command{}, fmt.Errorf("read form: %w", err)
	}
	lang := values.Get("lang")
	values.Del("lang")
	if err := w.check(sorted(values)); err != nil {
		return command{Lang: lang}, err
	}
	cmd, err := formCommand(values)
	cmd.Lang = lang
	return cmd, err
}

// check refuses a mode that does not exist. None is classic.
func (m Mode) check() error {
	if m == "" || m == Classic || m == Stable {
		return nil
	}
	return fmt.Errorf("unknown mode %q; there are: %s, %s", m, Classic, Stable)
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
