package config

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/hufu-io/hufu/internal/broker"
)

// texts reads a mapping from names to texts; nil where there are none. Which there may be,
// and what may stand there, is for the caller to say.
func (v value) texts() map[string]string {
	if !v.present() {
		return nil
	}
	o := v.object()
	if o == nil {
		return nil
	}
	texts := make(map[string]string, len(o.nodes))
	for name := range o.nodes {
		// One that is a fault stays, so that it is not missed as well.
		texts[name], _ = o.field(name).text()
	}
	return texts
}

// oauth2 reads how an app gets its tokens by OAuth 2.0; nil where it does not say. Its rules
// are those of [broker.Platform.CheckSettings].
func (l *appList) oauth2(v value) *broker.OAuth2 {
	if !v.present() {
		return nil
	}
	o := v.object()
	if o == nil {
		return nil
	}
	text := func(name string) string {
		s, _ := o.field(name).text()
		return s
	}
	x := &broker.OAuth2{
		TokenURL: l.endpoint(o.field("token_url")), Issuer: l.endpoint(o.field("issuer")), Auth: broker.ClientAuth(text("auth")),
		Audience: text("audience"), Resource: text("resource"), Extra: o.field("extra").texts(),
		Lifetime: o.field("lifetime").duration(broker.MinPeriod, broker.MaxPeriod), KeyID: text("key_id"), Algorithm: text("algorithm"),
	}
	items, _ := o.field("scopes").list()
	for _, item := range items {
		if s, ok := item.text(); ok {
			x.Scopes = append(x.Scopes, s)
		}
	}
	o.done()
	return x
}

// endpoint reads where a provider is, to which the app's secret is sent.
func (l *appList) endpoint(v value) string {
	s, ok := v.text()
	if !ok || !l.d.opt.Sandbox {
		return s
	}
	at, _, _ := strings.Cut(s, "?")
	if _, host, err := broker.ParseBaseURL(at); err == nil && !broker.LoopbackHost(host) {
		v.fault(sandboxRefused)
	}
	return s
}

// settings reports what is wrong with an app for its platform, each fault at its line, and
// returns whether nothing is. What could not be read is not told of twice.
func (l *appList) settings(o *object, app *broker.App, platform *broker.Platform) bool {
	if platform == nil {
		return false
	}
	faults := platform.CheckSettings(app)
	for _, f := range faults {
		at := o.below(f.Path)
		if file := f.Path[0] + "_file"; o.nodes[f.Path[0]] == nil && o.nodes[file] != nil {
			at = o.below([]string{file})
		}
		if l.d.faults.at(at) {
			continue
		}
		unknown := f.Path[len(f.Path)-1]
		if at.node != nil && at.node.Kind == yaml.ScalarNode && f.Path[0] != "params" {
			unknown = at.node.Value
		}
		says := f.Says
		if near := broker.Nearest(unknown, f.Known); near != "" {
			says += "; did you mean " + strconv.Quote(near) + "?"
		}
		at.fault("%s", says)
	}
	if app.WantsRefresh() && app.Refresh.IsZero() && o.nodes["refresh_token"] == nil && o.nodes["refresh_token_file"] == nil {
		o.missing("refresh_token", "give the one to begin with as refresh_token: ${NAME}, or the path of a file with it as refresh_token_file")
		return false
	}
	return len(faults) == 0
}

// below finds a setting by its names. One that is not there is at the mapping that it would
// be in, under its own path.
func (o *object) below(path []string) value {
	at := o.value
	for _, name := range path {
		next := value{d: at.d, node: at.node, path: at.member(name)}
		if at.node != nil && at.node.Kind == yaml.MappingNode {
			for i := 0; i+1 < len(at.node.Content); i += 2 {
				if at.node.Content[i].Value == name {
					next.node = at.node.Content[i+1]
					break
				}
			}
		}
		at = next
	}
	return at
}
