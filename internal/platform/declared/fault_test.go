package declared_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// Each of these has one thing wrong, which is named, and nothing else.
func TestFaultsNameTheirField(t *testing.T) {
	t.Parallel()
	type d = declared.Definition
	tok := func(x *d) *declared.Token { return &x.Modes[0].Tokens[0] }
	for want, spoil := range map[string]func(*d){
		"name":                               func(x *d) { x.Name = "Modern" },
		"base_url":                           func(x *d) { x.BaseURL = "http://api.modern.example.com" },
		"params[2].name":                     func(x *d) { x.Params = append(x.Params, broker.Param{Name: "a-b"}) },
		"modes[0].name":                      func(x *d) { x.Modes[0].Name = "" },
		"modes[0].base_url":                  func(x *d) { x.Modes[0].BaseURL = "https://u:p@modern.test" },
		"modes[0].tokens[1].from":            func(x *d) { x.Modes[0].Tokens[1].From = "nobody" },
		"modes[0].tokens[0].drop_in":         func(x *d) { tok(x).DropIn = "a token" },
		"modes[0].tokens[0].request.method":  func(x *d) { tok(x).Request.Method = "PUT" },
		"modes[0].tokens[0].request.path":    func(x *d) { tok(x).Request.Path = "/v2/x{param.tenant}/token" },
		"modes[0].tokens[0].request.form":    func(x *d) { tok(x).Request.Form = map[string]string{"a": "b"} },
		"modes[0].tokens[0].request.json.to": func(x *d) { tok(x).Request.JSON["to"] = "{tenant}" },
		"modes[0].tokens[0].request.json.no": func(x *d) { tok(x).Request.JSON["no"] = "{param.none}" },
		"modes[0].tokens[0].request.header":  func(x *d) { tok(x).Request.Header["a b"] = "c" },
		"modes[0].tokens[0].request.query.q": func(x *d) { tok(x).Request.Query = map[string]string{"q": "a}"} },
		"modes[0].tokens[0].request":         func(x *d) { delete(tok(x).Request.JSON, "key") },
		"modes[0].tokens[1].request":         func(x *d) { x.Modes[0].Tokens[1].Request.Query["s"] = "{secret}" },
		"modes[0].tokens[2].request":         func(x *d) { x.Modes[0].Tokens[2].Request.Query["type"] = "js" },
		"modes[0].tokens[2].answer":          func(x *d) { x.Modes[0].Tokens[2].Answer.Token = "card" },
		"modes[0].tokens[0].answer.token":    func(x *d) { tok(x).Answer.Token = "" },
		"modes[0].tokens[1].answer.lifetime": func(x *d) { x.Modes[0].Tokens[1].Answer.Lifetime, x.Modes[0].Tokens[2].DropIn = "", "" },
		"modes[0].tokens[0].answer.default":  func(x *d) { tok(x).Answer.Default = time.Millisecond },
		"modes[0].tokens[0].answer.extra":    func(x *d) { tok(x).Answer.Extra["data"] = "1" },
		"modes[0].tokens[0].rotation.family": func(x *d) { tok(x).Rotation.Family = 0 },
		"modes[0].tokens[0].rotation.overlap": func(x *d) {
			tok(x).Rotation.Overlap = 0
		},
		"modes[0].tokens[0].rotation.window":    func(x *d) { tok(x).Rotation.Window = time.Minute },
		"modes[0].tokens[0].rotation.per_day":   func(x *d) { tok(x).Rotation.Limits = broker.Limits{Unplanned: -1} },
		"modes[0].tokens[0].rotation.unplanned": func(x *d) { tok(x).Rotation.Limits.Unplanned = 101 },
		"modes[0].tokens[0].rotation.forced":    func(x *d) { tok(x).Rotation.Limits.Forced = 1 },
		"surfaces[1].prefix":                    func(x *d) { x.Surfaces[1].Prefix = "old" },
		"surfaces[0].attach":                    func(x *d) { x.Surfaces[0].Attach.Query = "token" },
		"surfaces[1].attach.scheme":             func(x *d) { x.Surfaces[1].Attach.Scheme = "Bearer" },
		"surfaces[0].errors.code":               func(x *d) { x.Surfaces[0].Errors.Code = nil },
		"surfaces[0].errors.message":            func(x *d) { x.Surfaces[0].Errors.Message = nil },
		"surfaces[0].errors.ok":                 func(x *d) { x.Surfaces[0].Errors.OK = nil },
		"surfaces[0].errors.wait":               func(x *d) { x.Surfaces[0].Errors.Wait = "a b" },
		`surfaces[0].words["x"]`:                func(x *d) { x.Surfaces[0].Words = map[string]declared.Word{"x": {Code: "1"}} },
		`words["unknown-app"]`:                  func(x *d) { x.Words["unknown-app"] = declared.Word{Code: "1"} },
		`surfaces[0].words["invalid"]`: func(x *d) {
			x.Surfaces[0].Words = map[string]declared.Word{"invalid": {Code: "1", Extra: map[string]string{"code": "2"}}}
		},
		"surfaces[0].errors.status":         func(x *d) { x.Surfaces[0].Errors.Status = 500 },
		"surfaces[0].errors":                func(x *d) { x.Surfaces[0].Errors.Message = []string{"code.words"} },
		"surfaces":                          func(x *d) { x.Surfaces[0].Prefix = "/v2" },
		`surfaces[0].words["unknown_app"]`:  func(x *d) { x.Surfaces[0].Words = map[string]declared.Word{"unknown_app": {Code: "0"}} },
		`words["throttled"]`:                func(x *d) { x.Words["throttled"] = declared.Word{} },
		"codes[0].code":                     func(x *d) { x.Codes[0].Code = "" },
		"codes[1].at":                       func(x *d) { x.Codes[1].At = "home" },
		"codes[2].name":                     func(x *d) { x.Codes[2].Name = "Token-Expired" },
		"codes[2].class":                    func(x *d) { x.Codes[2].Class = "bad" },
		"codes[4].says":                     func(x *d) { x.Codes[4].Says = "" },
		"codes[4].hint":                     func(x *d) { x.Codes[4].Hint = "" },
		"codes[4].reset":                    func(x *d) { x.Codes[4].Reset = broker.ResetDay },
		"codes[2].lives":                    func(x *d) { x.Codes[2].Lives = true },
		"codes[2].beside":                   func(x *d) { x.Surfaces[1].Errors.Detail = nil },
		"codes[1].rejects":                  func(x *d) { x.Codes[1].Rejects = true },
		"codes[5].retry":                    func(x *d) { x.Codes[5].Retry = -1 },
		"check.path":                        func(x *d) { x.Check.Path = "v2/me" },
		"check.query.app":                   func(x *d) { x.Check.Query["app"] = "{" },
		"check":                             func(x *d) { x.Check.Query["key"] = "{secret}" },
		"denied[0]":                         func(x *d) { x.Denied[0] = "v2" },
		"users[0]":                          func(x *d) { x.Users[0] = "/v2/*/my" },
		"foreign[0]":                        func(x *d) { x.Foreign[0] = "" },
		"surfaces[0].attach.header":         func(x *d) { x.Surfaces[0].Attach.Header = "x-hufu-key" },
		"modes[0].tokens[1].request.header": func(x *d) { x.Modes[0].Tokens[1].Request.Header = map[string]string{"host": "{app_id}"} },
		"gives[0].path":                     func(x *d) { x.Gives[0].Path = "session" },
		"gives[0].tokens":                   func(x *d) { x.Gives[0].Tokens = nil },
		"exchanges[0].in":                   func(x *d) { x.Exchanges[0].In = "cookie" },
		"exchanges[0].secret":               func(x *d) { x.Exchanges[0].Secret = "" },
		"kinds./old/js/*":                   func(x *d) { x.Kinds["/old/js/*"] = "nobody" },
	} {
		def := modern()
		spoil(&def)
		var fields []string
		for _, f := range def.Faults() {
			fields = append(fields, f.Field)
			if f.Wrong == "" || strings.Contains(f.Wrong, "%!") {
				t.Errorf("%s: %q", want, f)
			}
		}
		if len(slices.Compact(fields)) != 1 || fields[0] != want {
			t.Errorf("the fields at fault are %q, want %q", fields, want)
		}
		if _, err := declared.New(def, nil); err == nil || !strings.Contains(err.Error(), want+" ") || !strings.Contains(err.Error(), `platform "`) {
			t.Errorf("New says %v, want %s", err, want)
		}
	}
}

// What is hard to guess is said in whole words.
func TestFaultsSayWhatIsWanted(t *testing.T) {
	t.Parallel()
	type d = declared.Definition
	for want, spoil := range map[string]func(*d){
		"modes[0].tokens[1].from has to be the kind of another token of the mode, one that is got by the app secret itself": func(x *d) { x.Modes[0].Tokens[1].From = "card_ticket" },
		"modes[0].tokens[0].answer.extra does not make one JSON object together with token and lifetime: the name of a field is empty before, between or behind its dots; write it as in data.token": func(x *d) {
			x.Modes[0].Tokens[0].Answer.Extra["data..a"] = "1"
		},
		"surfaces[0].errors do not make one JSON object: a field is there twice, or has a value and fields inside of it": func(x *d) {
			x.Surfaces[0].Errors.Message = []string{"code.words"}
		},
		`words["tokenmissing"] is neither the code of an error of this server nor a class of them`: func(x *d) { x.Words["tokenmissing"] = declared.Word{Code: "1"} },
		"modes[0].tokens[0].rotation.overlap is longer than the lifetime, and no token lives on for longer than it lives": func(x *d) {
			x.Modes[0].Tokens[0].Rotation.Overlap = 3 * time.Hour
		},
	} {
		def := modern()
		spoil(&def)
		if got := def.Faults(); len(got) != 1 || got[0].String() != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestAllFaultsAreTold(t *testing.T) {
	t.Parallel()
	_, err := declared.New(declared.Definition{}, nil)
	for _, field := range []string{"name", "base_url", "modes", "surfaces"} {
		if err == nil || !strings.Contains(err.Error(), ": "+field+" ") {
			t.Errorf("of an empty definition %s is not told: %v", field, err)
		}
	}
}
