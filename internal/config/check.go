package config

import (
	"fmt"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// check reports what is not allowed anywhere in the file, known field or not: anchors
// and aliases, with which a small file can mean a huge one, merge keys, tags, keys that
// are not words and keys that are there twice. Decoding passes over all these in
// silence, so that each is reported once.
func (d *decoder) check(v value) {
	n := v.node
	switch {
	case n == nil:
		return
	case n.Kind == yaml.AliasNode:
		v.fault("aliases are not supported; write the value out, or put it in quotes if it starts with *")
		return
	case n.Anchor != "":
		v.fault("anchors are not supported; remove it, or put the value in quotes if it starts with &")
	}
	if n.Style&yaml.TaggedStyle != 0 {
		v.fault("tags are not supported; remove it, or put the value in quotes if it starts with !")
	}
	switch n.Kind {
	case yaml.SequenceNode:
		for i, c := range n.Content {
			d.check(v.item(i, c))
		}
	case yaml.MappingNode:
		d.checkKeys(v)
	case yaml.DocumentNode, yaml.ScalarNode, yaml.AliasNode:
	}
}

func (d *decoder) checkKeys(v value) {
	first := map[string]int{}
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		key, val := v.node.Content[i], v.node.Content[i+1]
		at := value{d: d, node: key, path: v.path}
		switch {
		case isMerge(key):
			at.fault("merge keys are not supported; write the fields out")
		case key.Kind != yaml.ScalarNode:
			at.fault("a field's name has to be a word")
			continue
		case first[key.Value] > 0:
			at.path = v.member(key.Value)
			at.fault("is given twice, first on line %d; keep one", first[key.Value])
		default:
			first[key.Value] = key.Line
			if key.Anchor != "" || key.Style&yaml.TaggedStyle != 0 {
				at.fault("a field's name has no anchor and no tag; remove them")
			}
		}
		d.check(value{d: d, node: val, path: v.member(key.Value)})
	}
}

// isMerge reports whether a key is YAML's << and not the same text in quotes.
func isMerge(key *yaml.Node) bool {
	return key.Kind == yaml.ScalarNode && key.Value == "<<" && key.ShortTag() == "!!merge"
}

// member is the path of a field of v. A name that could be something else than a name,
// such as a secret after a forgotten space, is left out.
func (v value) member(name string) string {
	switch {
	case nameLike(name):
	case pathLike(name):
		return v.path + "[" + strconv.Quote(name) + "]"
	default:
		name = "?"
	}
	if v.path == "" {
		return name
	}
	return v.path + "." + name
}

func (v value) item(i int, n *yaml.Node) value {
	return value{d: v.d, node: n, path: fmt.Sprintf("%s[%d]", v.path, i)}
}
