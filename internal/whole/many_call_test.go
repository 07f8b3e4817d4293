package whole_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/hufu-io/hufu/internal/sandbox"
)

// do makes a call that brings a credential along, nil where it brings only what is right.
func (m *many) do(t rapid.TB, c call, put *cred) *answer {
	m.mu.Lock()
	m.put, m.came = put, nil
	m.mu.Unlock()
	r, rec := c.request(), httptest.NewRecorder()
	m.ServeHTTP(rec, r)
	m.mu.Lock()
	m.put, m.loose = nil, false
	m.mu.Unlock()
	a := &answer{status: rec.Code, header: rec.Header(), body: rec.Body.Bytes()}
	if a.status == http.StatusInternalServerError {
		t.Fatalf("%s %s: %s", r.Method, r.URL, a.body)
	}
	return a
}

// opened says that a call did what it was made for, whichever platform answers.
func (m *many) opened(a *answer) bool {
	var said struct {
		Code    json.RawMessage `json:"code"`
		Errcode json.RawMessage `json:"errcode"`
	}
	_ = json.Unmarshal(a.body, &said)
	good := func(code json.RawMessage) bool { return code == nil || string(code) == "0" }
	return a.status/100 == 2 && good(said.Code) && good(said.Errcode)
}

// handed checks each credential in an answer, wherever it is: allowed says which may be there.
// Virtual tokens that nobody had seen yet are asked for from made, which may be nil.
func (m *many) handed(t rapid.TB, what string, a *answer, put *cred, allowed func(*cred) bool, made func(value string) *cred) {
	m.mu.Lock()
	for _, v := range leaves(a.body) {
		if strings.HasPrefix(v, "hv1_") && m.byValue[v] == nil && made != nil {
			m.byValue[v] = made(v)
		}
	}
	text := string(a.body) + "\n" + strings.Join(leaves(a.body), "\n")
	for _, values := range a.header {
		text += "\n" + strings.Join(values, "\n")
	}
	in := m.found(text)
	m.mu.Unlock()
	for _, c := range in {
		if c == put && !allowed(c) {
			continue // the caller's own words
		}
		if !allowed(c) {
			t.Fatalf("%s has handed out: %s\n%s", what, c, a.body)
		}
		m.hold(c)
		if c.sort == sandbox.UserToken {
			m.mu.Lock()
			m.told[c.value] = true
			m.mu.Unlock()
		}
	}
	if made == nil && bytes.Contains(a.body, []byte(`"hv1_`)) && put == nil {
		t.Fatalf("%s has handed out a virtual token: %s", what, a.body)
	}
}

// check looks at what the platforms saw.
func (m *many) check(t rapid.TB) {
	m.mu.Lock()
	faults := slices.Clone(m.faults)
	m.mu.Unlock()
	for _, f := range faults {
		t.Error(f)
	}
	for _, x := range m.box.Misuses() {
		if x.What == sandbox.RefreshUsedTwice {
			t.Errorf("%s: %s %s", x.App, x.What, x.Detail)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}
