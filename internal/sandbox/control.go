package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

const controlPath = "/_sandbox"

// control is what people see of the sandbox, and what scripts steer it with.
type control struct {
	sandbox *Sandbox
	origin  *http.CrossOriginProtection
	page    page
	// landedPage stands in for the page of a business.
	landedPage page
}

func newControl(s *Sandbox) *control {
	return &control{
		sandbox:    s,
		origin:     http.NewCrossOriginProtection(),
		page:       newPage("page.html"),
		landedPage: newPage("landed.html"),
	}
}

// errNoSuchPage is answered with 404.
var errNoSuchPage = errors.New("there is no such page")

// serve answers one request for a control page. Whatever changes something is
// refused when a foreign web page makes the browser send it.
func (c *control) serve(r *http.Request) answer {
	if err := c.origin.Check(r); err != nil {
		return plainError(http.StatusForbidden, err)
	}
	path := strings.TrimPrefix(r.URL.Path, controlPath)
	switch {
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		return c.show(path, r)
	case r.Method == http.MethodDelete && path == "/faults":
		c.sandbox.ClearFaults()
		return jsonAnswer(struct{}{})
	case r.Method == http.MethodPost:
		return c.post(path, r)
	default:
		return plainError(http.StatusMethodNotAllowed, fmt.Errorf("no %s here", r.Method))
	}
}

// show answers what changes nothing.
func (c *control) show(path string, r *http.Request) answer {
	query := r.URL.Query()
	switch path {
	case "":
		return redirect(controlPath + "/")
	case "/":
		return c.renderPage(http.StatusOK, r, query.Get("lang"), made{}, nil)
	case landedPath:
		return c.landed(r)
	case "/state":
		return jsonAnswer(c.sandbox.state(query.Get("app")))
	case "/page.css":
		return asset("page/page.css", "text/css; charset=utf-8")
	case "/connect.css":
		return asset("page/connect.css", "text/css; charset=utf-8")
	case "/page.js":
		return asset("page/page.js", "text/javascript; charset=utf-8")
	default:
		if strings.HasPrefix(path, "/portrait/") {
			return portrait(path)
		}
		return plainError(http.StatusNotFound, errNoSuchPage)
	}
}

// post does something. Scripts send JSON and get the new state of things as
// JSON, the page sends forms and gets itself.
func (c *control) post(path string, r *http.Request) answer {
	body, err := readBody(r)
	if err != nil {
		return plainError(http.StatusBadRequest, err)
	}
	cmd, form, err := readCommand(body, wantOf(path))
	var out made
	if err == nil {
		out, err = c.do(path, cmd)
	}
	status := http.StatusOK
	switch {
	case err == nil:
	case errors.Is(err, ErrUnknownApp), errors.Is(err, errNoSuchPage):
		status = http.StatusNotFound
	default:
		status = http.StatusBadRequest
	}
	switch {
	case !form && err == nil:
		return jsonAnswer(out)
	case !form:
		return plainError(status, err)
	case err == nil && out.visible():
		return c.renderPage(status, r, cmd.Lang, out, nil)
	case err == nil:
		return redirect(controlPath + "/?" + url.Values{"lang": {cmd.Lang}}.Encode())
	default:
		return c.renderPage(status, r, cmd.Lang, made{}, err)
	}
}

// made is what a command has made, for whoever asked for it.
type made struct {
	Code      string `json:"code,omitempty"`
	Signature string `json:"signature,omitempty"`
	Encrypted string `json:"encrypted_data,omitempty"`
	IV        string `json:"iv,omitempty"`
	Ended     *int   `json:"ended,omitempty"` // how many tokens
}

// ended says of how many tokens that lived it is the end.
func ended(n int) made { return made{Ended: &n} }

// visible says that there is something to be copied.
func (m made) visible() bool { return m.Code != "" || m.Signature != "" || m.Encrypted != "" }

// do carries out a command.
func (c *control) do(path string, cmd command) (made, error) {
	switch path {
	case "/faults":
		f := cmd.fault()
		if err := f.Validate(); err != nil {
			return made{}, err
		}
		c.sandbox.Inject(f)
		return made{}, nil
	case "/faults/clear":
		c.sandbox.ClearFaults()
		return made{}, nil
	}
	if name, rest, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/apps/"); ok && name != "" {
		return c.doPlatform(name, rest, cmd)
	}
	rest, ok := strings.CutPrefix(path, "/apps/")
	appID, verb, hasVerb := strings.Cut(rest, "/")
	if !ok || !hasVerb {
		return made{}, errNoSuchPage
	}
	if _, ok := userVerbs()[verb]; ok {
		return c.doUser(appID, verb, cmd)
	}
	if verb == "kill" {
		lived, err := c.sandbox.kill(appID, cmd)
		if lived {
			return ended(1), err
		}
		return ended(0), err
	}
	return made{}, c.doApp(appID, verb, cmd)
}

// doApp carries out a command that is about one app.
func (c *control) doApp(appID, verb string, cmd command) error {
	s := c.sandbox
	switch verb {
	case "rotate":
		if cmd.mode() == Stable {
			_, err := s.ForceOutside(appID)
			return err
		}
		_, err := s.RotateOutside(appID)
		return err
	case "secret":
		if cmd.Secret == "" {
			return errors.New("the new secret is missing")
		}
		return s.SetSecret(appID, cmd.Secret)
	case "whitelist":
		return s.SetWhitelist(appID, cmd.Whitelist...)
	case "freeze":
		return s.Freeze(appID, cmp.Or(Frozen(cmd.Errcode), FrozenSecret))
	case "unfreeze":
		return s.Unfreeze(appID)
	default:
		return errNoSuchPage
	}
}

// kill ends the token that is named, if it is the app's, or the current one of the mode, and
// reports whether it lived.
func (s *Sandbox) kill(appID string, cmd command) (lived bool, err error) {
	if cmd.Token == "" {
		return s.KillCurrent(appID, cmd.mode())
	}
	return lived, s.withApp(appID, func(*wechatApp) {
		if t := s.wechat.tokens[cmd.Token]; t != nil && t.app == appID {
			lived = t.endAt(s.now(), endKilled)
		}
	})
}

func plainError(status int, err error) answer {
	return textAnswer(status, "text/plain; charset=utf-8", err.Error()+"\n")
}

func redirect(to string) answer {
	a := textAnswer(http.StatusSeeOther, "text/plain; charset=utf-8", "")
	a.header.Set("Location", to)
	return a
}
