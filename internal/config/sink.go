package config

import (
	"cmp"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// sinkTarget is what one sink writes. A json sink fills the file: its key is empty. Of a
// Redis, path is one address and database of it.
type sinkTarget struct{ path, key string }

// sinkFields are the fields of each type beside type and kind.
func sinkFields() map[string][]string {
	return map[string][]string{
		broker.SinkProperties: {"path", "key"},
		broker.SinkJSON:       {"path"},
		broker.SinkRedis:      {"url", "url_file", "key", "format"},
		broker.SinkWebhook:    {"url", "url_file", "secret", "secret_file", "include_token"},
	}
}

var kindName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

func (l *appList) sink(v value, app *broker.App, platform *broker.Platform) {
	o := v.object()
	if o == nil {
		return
	}
	typ := o.field("type")
	if !typ.present() {
		o.missing("type", "write one of: "+strings.Join(sinkTypes(), ", "))
	}
	s := broker.Sink{Type: typ.choice("", sinkTypes()...)}
	s.Kind = kind(o.field("kind"), app, platform)
	o.refuseOthers(s.Type)
	switch s.Type {
	case broker.SinkRedis:
		l.redis(o, app, &s)
	case broker.SinkWebhook:
		l.webhook(o, app, &s)
	case broker.SinkProperties, broker.SinkJSON:
		l.file(o, &s)
	}
	o.done()
	app.Sinks = append(app.Sinks, s)
}

func sinkTypes() []string {
	return []string{broker.SinkProperties, broker.SinkJSON, broker.SinkRedis, broker.SinkWebhook}
}

// refuseOthers reports the fields that only sinks of another type have.
func (o *object) refuseOthers(typ string) {
	fields := sinkFields()
	own, known := fields[typ]
	for _, t := range sinkTypes() {
		for _, name := range fields[t] {
			node := o.nodes[name]
			if node == nil || slices.Contains(own, name) || slices.Contains(o.refused, name) {
				continue
			}
			o.refused = append(o.refused, name)
			if !known {
				continue // Which of them are meant cannot be told.
			}
			at := value{d: o.d, node: node, path: o.member(name)}
			if typ == broker.SinkJSON && name == "key" {
				at.fault("a sink of type json fills its file and has no key; remove it")
			} else {
				at.fault("a sink of type %s has no %s; remove it", typ, name)
			}
		}
	}
}

// file reads a sink that is a file.
func (l *appList) file(o *object, s *broker.Sink) {
	path := o.field("path")
	if !path.present() {
		o.missing("path", "give the file to write")
	}
	s.Path = path.filePath("")
	if s.Type != broker.SinkJSON {
		s.Key, _ = o.field("key").text()
	}
	if s.Path != "" {
		l.target(path, *s)
		path.checkFile(s.Path, l.d.opt.CheckSinkFile)
	}
}

func kind(v value, app *broker.App, platform *broker.Platform) broker.Kind {
	s, ok := v.text()
	if !ok {
		return ""
	}
	if !kindName.MatchString(s) {
		v.fault("%s is not a kind of token; one is such as %s", v.shown(), broker.AccessToken)
		return ""
	}
	if platform == nil || platform.Kinds == nil || len(platform.Modes) == 0 {
		return broker.Kind(s)
	}
	kinds := platform.Kinds(cmp.Or(app.Mode, platform.Modes[0]))
	if _, ok := kinds[broker.Kind(s)]; !ok && len(kinds) > 0 {
		var names []string
		for _, k := range slices.Sorted(maps.Keys(kinds)) {
			names = append(names, string(k))
		}
		v.fault("platform %s has no kind %s%s", platform.Name, v.shown(), meant(v.node.Value, names))
	}
	return broker.Kind(s)
}

// target reports sinks that would overwrite each other or the server's own files.
func (l *appList) target(at value, s broker.Sink) {
	if within(l.config.DataDir, s.Path) {
		at.fault("is in data_dir, which is the server's own; choose a path outside of it")
		return
	}
	if s.Path == l.config.KeysetFile || s.Path == l.config.AdminKeyFile || s.Path == l.config.File {
		at.fault("is a file the server needs itself; choose another path")
		return
	}
	whole, line := sinkTarget{path: s.Path}, sinkTarget{path: s.Path}
	if s.Type == broker.SinkProperties {
		line.key = cmp.Or(s.Key, string(cmp.Or(s.Kind, broker.AccessToken)))
	}
	switch {
	case l.sinks[whole] != "":
		at.fault("is the file that %s fills; give each its own", l.sinks[whole])
	case s.Type == broker.SinkJSON && l.files[s.Path] != "":
		at.fault("is a file that %s writes a line of; give each its own", l.files[s.Path])
	case l.sinks[line] != "":
		at.fault("gets the same key from %s; give one of them another key", l.sinks[line])
	default:
		sink := strings.TrimSuffix(at.path, ".path")
		l.sinks[line] = sink
		l.files[s.Path] = sink
	}
}

// within reports whether path is folder or below it.
func within(folder, path string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}
