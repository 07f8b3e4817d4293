package sandbox

import "net/http"

const controlPath = "/_sandbox"

// control is what people see of the sandbox.
type control struct{ sandbox *Sandbox }

func newControl(s *Sandbox) *control { return &control{sandbox: s} }

func (*control) serve(*http.Request) answer {
	return textAnswer(http.StatusNotFound, "text/plain; charset=utf-8", "not found\n")
}
