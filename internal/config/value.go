package config

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/hufu-io/hufu/internal/broker"
)

// value is one place in the file: what stands there and its path. Where nothing stands
// there the node is nil, and every method gives its default without a fault.
type value struct {
	d    *decoder
	node *yaml.Node
	path string
}

func (v value) present() bool { return v.node != nil }

// fault reports what is wrong here. Its arguments never hold a secret; text of the file
// goes through shown.
func (v value) fault(format string, args ...any) {
	f := Fault{Path: v.path, Message: fmt.Sprintf(format, args...)}
	if v.node != nil {
		f.Line, f.Column = v.node.Line, v.node.Column
	}
	v.d.faults.add(f)
}

// is reports whether the value has the wanted form. An alias has none, and check has
// reported it.
func (v value) is(kind yaml.Kind, want string) bool {
	if v.node.Kind == kind {
		return true
	}
	hint := ""
	if v.node.Kind == yaml.ScalarNode && strings.Contains(v.node.Value, "：") {
		hint = "; write : and a space after a field's name, not a full-width colon (：)"
	}
	if v.node.Kind != yaml.AliasNode {
		v.fault("has to be %s, but %s stands here%s", want, form(v.node.Kind), hint)
	}
	return false
}

func form(k yaml.Kind) string {
	switch k {
	case yaml.MappingNode:
		return "a mapping (name: value)"
	case yaml.SequenceNode:
		return "a list"
	case yaml.DocumentNode, yaml.ScalarNode, yaml.AliasNode:
	}
	return "a single value"
}

// list returns the items of a list; ok is whether there is one. An empty key is an
// empty list, so that all of its items can be commented out.
func (v value) list() (items []value, ok bool) {
	if !v.present() {
		return nil, false
	}
	if isNull(v.node) {
		return nil, true
	}
	if !v.is(yaml.SequenceNode, "a list (lines that start with -)") {
		return nil, false
	}
	for i, n := range v.node.Content {
		items = append(items, v.item(i, n))
	}
	return items, true
}

// object is a mapping that is being read. It learns the known names from the calls of
// field, so that what is read and what is allowed cannot differ.
type object struct {
	value
	nodes map[string]*yaml.Node
	known []string
	// refused are fields that were reported already, and are not listed as known.
	refused []string
}

// object returns nil where there is no mapping. An empty key is an empty mapping.
func (v value) object() *object {
	o := &object{value: v, nodes: map[string]*yaml.Node{}}
	if !v.present() || isNull(v.node) {
		return o
	}
	if !v.is(yaml.MappingNode, "a mapping (name: value)") {
		return nil
	}
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		key := v.node.Content[i]
		if _, dup := o.nodes[key.Value]; !dup && key.Kind == yaml.ScalarNode && !isMerge(key) {
			o.nodes[key.Value] = v.node.Content[i+1]
		}
	}
	return o
}

// field returns the value of a field, absent or not.
func (o *object) field(name string) value {
	o.known = append(o.known, name)
	return value{d: o.d, node: o.nodes[name], path: o.member(name)}
}

// missing reports that a field has to be there, at the mapping it should be in.
func (o *object) missing(name, todo string) {
	value{d: o.d, node: o.node, path: o.member(name)}.fault("is missing; %s", todo)
}

// done reports the fields nobody asked for.
func (o *object) done() {
	if o.node == nil || o.node.Kind != yaml.MappingNode {
		return
	}
	known := make(map[string]bool, len(o.known))
	for _, k := range slices.Concat(o.known, o.refused) {
		known[k] = true
	}
	for i := 0; i+1 < len(o.node.Content); i += 2 {
		key := o.node.Content[i]
		if key.Kind != yaml.ScalarNode || isMerge(key) || known[key.Value] {
			continue
		}
		at := value{d: o.d, node: key, path: o.member(key.Value)}
		switch near := broker.Nearest(key.Value, o.known); {
		case near != "":
			at.fault("unknown field; did you mean %q?", near)
		case strings.ContainsAny(key.Value, ":=："):
			at.fault("unknown field; write a colon and a space after a field's name")
		default:
			at.fault("unknown field; known here: %s", strings.Join(o.known, ", "))
		}
		known[key.Value] = true // A second one is reported as a duplicate.
	}
}
