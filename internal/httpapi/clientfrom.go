package httpapi

import (
	"fmt"
	"strings"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/broker"
)

func clientOf(c *broker.Client) api.Client {
	return api.Client{
		Name: c.Name, Apps: c.Apps, Allow: c.Rights.Names(), Paths: c.Paths, Handout: string(c.Handout), SDK: c.SDK,
		SessionKeys: c.SessionKeys, Origin: string(c.Origin),
	}
}

// clientFrom makes a client of what a caller sent, or says what is wrong with it.
func clientFrom(in *api.Client) (*broker.Client, error) {
	switch {
	case !broker.ValidClientName(in.Name):
		return nil, invalid("the client's name %.80q: want 1 to 64 letters, digits, dots, dashes and underscores", in.Name)
	case in.Key != "":
		return nil, invalid("client %q: its key is made here and not chosen by the caller", in.Name)
	case len(in.Apps) == 0:
		return nil, invalid("client %q: apps is empty; name the apps it may use, or \"*\"", in.Name)
	}
	if _, ok := broker.SDKProfileByName(in.SDK); !ok {
		return nil, invalid("client %q: no SDK profile is called %.40q%s", in.Name, in.SDK, sdkMeant(in.SDK))
	}
	for _, p := range in.Apps {
		if !broker.ValidAppPattern(p) {
			return nil, invalid("client %q: apps: %.80q fits no id; use a-z, 0-9, - and *", in.Name, p)
		}
	}
	rights, unknown := broker.ParseRights(in.Allow)
	if unknown != "" {
		return nil, invalid("client %q: no right is called %.40q; there are read, renew, call, users and admin", in.Name, unknown)
	}
	if rights == 0 {
		rights = broker.Rights(broker.Read | broker.Renew)
	}
	c := &broker.Client{Name: in.Name, Apps: in.Apps, Rights: rights, Paths: in.Paths, Handout: broker.HandoutReal, SessionKeys: in.SessionKeys, SDK: in.SDK}
	switch h := broker.Handout(in.Handout); h {
	case "":
	case broker.HandoutReal, broker.HandoutVirtual:
		c.Handout = h
	default:
		return nil, invalid("client %q: handout %.40q: want real or virtual", in.Name, in.Handout)
	}
	if c.Handout == broker.HandoutVirtual && !rights.Has(broker.Call) {
		return nil, invalid("client %q: handout is virtual, and virtual tokens need call, but its allow has no call; add call there, or let it have real ones", in.Name)
	}
	if c.SessionKeys && !rights.Has(broker.Users) {
		return nil, invalid("client %q: session_keys gives it the keys of sessions, but its allow has no users", in.Name)
	}
	return c, checkPaths(c)
}

func checkPaths(c *broker.Client) error {
	switch {
	case c.Paths == nil:
		return nil
	case len(c.Paths) == 0:
		return invalid("client %q: paths is empty; name the paths it may call, or leave it out for all", c.Name)
	case !c.Rights.Has(broker.Call):
		return invalid("client %q: paths says what it may call, but its allow has no call", c.Name)
	}
	if why := patternFault(c.Paths); why != "" {
		return invalid("client %q: paths: %s", c.Name, why)
	}
	return nil
}

// sdkMeant names the profile that was probably meant, and all there are.
func sdkMeant(said string) string {
	var names []string
	for _, p := range broker.SDKProfiles() {
		names = append(names, p.Name)
	}
	there := "; there are: " + strings.Join(names, ", ")
	if near := broker.Nearest(said, names); near != "" {
		return fmt.Sprintf("; did you mean %q?", near) + there
	}
	return there
}
