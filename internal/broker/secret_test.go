package broker_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
)

const hidden = "s3cr3t-VALUE-0123456789"

// holder has secrets in every place where a struct can have one.
type holder struct {
	Open    broker.Secret
	Pointer *broker.Secret
	List    []broker.Secret
	ByName  map[string]broker.Secret
	Any     any
	private broker.Secret
	pointer *broker.Secret
	list    []broker.Secret
	byName  map[string]broker.Secret
	nested  struct{ deep []map[string]*broker.Secret }
}

func newHolder() holder {
	s := broker.NewSecret(hidden)
	h := holder{
		Open: s, Pointer: &s, List: []broker.Secret{s}, ByName: map[string]broker.Secret{"a": s}, Any: s,
		private: s, pointer: &s, list: []broker.Secret{s}, byName: map[string]broker.Secret{"a": s},
	}
	h.nested.deep = []map[string]*broker.Secret{{"a": &s}}
	return h
}

// holders are values of every type of the package that holds a secret.
func holders() map[string]any {
	s := broker.NewSecret(hidden)
	app := broker.App{ID: "shop", Secrets: []broker.Secret{s}}
	h := newHolder()
	return map[string]any{
		"secret": s, "pointer to secret": &s, "slice": []broker.Secret{s}, "map": map[string]broker.Secret{"a": s},
		"holder": h, "pointer to holder": &h, "slice of holders": []holder{h}, "map of holders": map[string]*holder{"a": &h},
		"App": app, "pointer to App": &app, "Token": broker.Token{Secret: s}, "Issued": broker.Issued{Token: s},
		"IssueRequest": broker.IssueRequest{App: &app, Secret: s},
	}
}

// shows reports whether text gives the hidden value away, in the clear or in hex.
func shows(text string) bool {
	low := strings.ToLower(strings.NewReplacer(" ", "", "0x", "", ",", "").Replace(text))
	return strings.Contains(text, hidden) || strings.Contains(low, strings.ToLower(hidden)) ||
		strings.Contains(low, fmt.Sprintf("%x", hidden)) || strings.Contains(text, fmt.Sprintf("%d", []byte(hidden)))
}

func TestSecretIsNotShownByAnyVerbI6(t *testing.T) {
	t.Parallel()
	for name, v := range holders() {
		for _, verb := range []string{"v", "+v", "#v", "s", "q", "x", "X", "# x", "d", "t", "e", "U", "p", "T", "z"} {
			if got := fmt.Sprintf("%"+verb, v); shows(got) {
				t.Errorf("%s with %%%s shows the value: %s", name, verb, got)
			}
		}
		if got := fmt.Sprint(v); shows(got) {
			t.Errorf("%s printed shows the value: %s", name, got)
		}
		if got := fmt.Errorf("read %v: %w", v, errors.New("no")).Error(); shows(got) {
			t.Errorf("%s in an error shows the value: %s", name, got)
		}
	}
}

func TestSecretIsNotShownInPanicI6(t *testing.T) {
	t.Parallel()
	for name, v := range holders() {
		func() {
			defer func() {
				if got := fmt.Sprintf("%v %+v %#v", recover(), v, v); shows(got) {
					t.Errorf("%s in a panic shows the value: %s", name, got)
				}
			}()
			panic(v)
		}()
	}
}

func TestSecretIsNotShownInLogsI6(t *testing.T) {
	t.Parallel()
	for name, v := range holders() {
		var text, js bytes.Buffer
		for _, h := range []slog.Handler{slog.NewTextHandler(&text, nil), slog.NewJSONHandler(&js, nil)} {
			l := slog.New(h)
			l.Info("x", "value", v, slog.Group("g", "value", v))
			l.With("value", v).Info("x")
		}
		if shows(text.String()) {
			t.Errorf("%s in a text log shows the value: %s", name, &text)
		}
		if shows(js.String()) {
			t.Errorf("%s in a JSON log shows the value: %s", name, &js)
		}
	}
}

func TestSecretIsNotShownWhenEncodedI6(t *testing.T) {
	t.Parallel()
	for name, v := range holders() {
		// An encoder may refuse a value, but neither its output nor its error shows it.
		js, err := json.Marshal(v)
		if shows(string(js)) || err != nil && shows(err.Error()) {
			t.Errorf("%s as JSON shows the value: %s (%v)", name, js, err)
		}
		x, err := xml.Marshal(v)
		if shows(string(x)) || err != nil && shows(err.Error()) {
			t.Errorf("%s as XML shows the value: %s (%v)", name, x, err)
		}
		var g bytes.Buffer
		err = gob.NewEncoder(&g).Encode(v)
		if shows(g.String()) || err != nil && shows(err.Error()) {
			t.Errorf("%s as gob shows the value (%v)", name, err)
		}
	}
}

func TestSecretIsNotReadFromJSONAndTheErrorDoesNotShowItI6(t *testing.T) {
	t.Parallel()
	var h struct{ S broker.Secret }
	err := json.Unmarshal([]byte(`{"S":"`+hidden+`"}`), &h)
	if err == nil || shows(err.Error()) {
		t.Fatalf("got error %v, want one that does not show the value", err)
	}
}

func TestSecretKeepsItsValue(t *testing.T) {
	t.Parallel()
	s := broker.NewSecret(hidden)
	if s.Reveal() != hidden || s.IsZero() {
		t.Fatal("the value is lost")
	}
	if !s.Equal(broker.NewSecret(hidden)) || s.Equal(broker.NewSecret(hidden+"x")) || s.Equal(broker.Secret{}) {
		t.Fatal("Equal does not compare values")
	}
	if f := s.Fingerprint(); len(f) != 8 || strings.Contains(hidden, f) || f != broker.NewSecret(hidden).Fingerprint() {
		t.Fatalf("fingerprint %q is not 32 stable bits", f)
	}
}

func TestZeroSecretIsTheEmptyOne(t *testing.T) {
	t.Parallel()
	for _, s := range []broker.Secret{{}, broker.NewSecret("")} {
		if !s.IsZero() || s.Reveal() != "" || s.Fingerprint() != "" || !s.Equal(broker.Secret{}) {
			t.Errorf("%#v is not the empty secret", s)
		}
	}
}

func TestWhatWasCopiedAlongWithASecretIsToldFromIt(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"": "", "a": "", `"a"`: "", "a“b”c": "", "密": "", "a\xff": "",
		"“a": "a full-width quote (“)", "a’": "a full-width quote (’)",
		"\ufeffa": "a character that cannot be seen (U+FEFF)", "a\u200b": "a character that cannot be seen (U+200B)",
	} {
		if got := broker.Wrapped(s); got != want {
			t.Errorf("%q begins or ends with %q, want %q", s, got, want)
		}
	}
}
