package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"

	"go.yaml.in/yaml/v3"
)

// readList reads apps from YAML or JSON: a list, or an object whose field apps is one, as in
// a configuration file.
func readList(data []byte) (items []importItem, faults []importFault) {
	// JSON may have tabs between its tokens, and YAML may not.
	data = bytes.ReplaceAll(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), []byte("\t"), []byte(" "))
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var root yaml.Node
	if err := dec.Decode(&root); errors.Is(err, io.EOF) {
		return nil, []importFault{{1, "there is nothing"}}
	} else if err != nil {
		return nil, []importFault{syntaxFault(err)}
	}
	top := root.Content[0]
	if top.Kind == yaml.MappingNode {
		if top = entryOf(top, "apps"); top == nil {
			return nil, []importFault{{root.Line, "want a list of apps, or apps: and the list"}}
		}
	}
	if top.Kind != yaml.SequenceNode {
		return nil, []importFault{{top.Line, "want a list of apps"}}
	}
	left := valuesPerByte * len(data)
	for _, n := range top.Content {
		n = resolved(n)
		v, wrong := plainValue(n, 0, &left)
		fields, ok := v.(map[string]any)
		switch {
		case wrong != nil:
			faults = append(faults, *wrong)
		case !ok:
			faults = append(faults, importFault{n.Line, "want an app, with its fields by name"})
		default:
			items = append(items, importItem{line: n.Line, fields: fields})
		}
	}
	return items, faults
}

// syntaxFault tells where a text is no YAML, without what the parser quotes of it.
func syntaxFault(err error) importFault {
	line := 1
	if m := regexp.MustCompile(`line (\d+)`).FindStringSubmatch(err.Error()); m != nil {
		_, _ = fmt.Sscan(m[1], &line) // It is a number.
	}
	return importFault{line, "it is not YAML or JSON"}
}

func entryOf(mapping *yaml.Node, name string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			return resolved(mapping.Content[i+1])
		}
	}
	return nil
}

func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// maxNested bounds how deep fields lie in fields. An app needs two.
const maxNested = 8

// valuesPerByte bounds how many values aliases make of a file, which without them has fewer
// than it has bytes.
const valuesPerByte = 8

// plainValue makes texts, lists and fields of a node. Whatever is written as a number is
// meant as the text: the ids of apps are.
func plainValue(n *yaml.Node, depth int, left *int) (any, *importFault) {
	n = resolved(n)
	if *left--; *left < 0 {
		return nil, &importFault{n.Line, "its aliases make too many values of it"}
	}
	if depth > maxNested {
		return nil, &importFault{n.Line, "its fields lie too deep in each other"}
	}
	switch n.Kind {
	case yaml.SequenceNode:
		list := []any{}
		for _, c := range n.Content {
			v, wrong := plainValue(c, depth+1, left)
			if wrong != nil {
				return nil, wrong
			}
			list = append(list, v)
		}
		return list, nil
	case yaml.MappingNode:
		fields := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			name := n.Content[i]
			v, wrong := plainValue(n.Content[i+1], depth+1, left)
			if wrong != nil {
				return nil, wrong
			}
			if v != nil && !setField(fields, name.Value, v) {
				return nil, &importFault{name.Line, fmt.Sprintf("the field %.40q is there twice", name.Value)}
			}
		}
		return fields, nil
	case yaml.ScalarNode:
		if n.ShortTag() == "!!null" {
			return nil, nil //nolint:nilnil // nothing is said, and nothing is wrong with that
		}
		return n.Value, nil
	case yaml.DocumentNode, yaml.AliasNode: // neither is left
	}
	return nil, &importFault{n.Line, "it cannot be read"}
}
