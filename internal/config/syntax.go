package config

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
)

// syntaxError says why a text is not one YAML document.
type syntaxError struct {
	line    int
	problem string
}

func (e *syntaxError) Error() string { return e.problem }

const twoDocuments = "a second YAML document begins here; the configuration is one document, remove the ---"

// parse reads the one document in data and returns its root, nil where there is none.
func parse(data []byte) (*yaml.Node, *syntaxError) {
	root, err := document(data)
	if err == nil {
		return root, nil
	}
	if se, ok := errors.AsType[*syntaxError](err); ok {
		return nil, se
	}
	problem := describe(err)
	// The line that the parser names is often where the surrounding list or mapping
	// began, or missing. What a person looks for is the first line with which the text
	// fails in this way, whatever follows it.
	lines := bytes.SplitAfter(data, []byte("\n"))
	ends, end := make([]int, len(lines)), 0
	for i, l := range lines {
		end += len(l)
		ends[i] = end
	}
	n := sort.Search(len(lines)-1, func(i int) bool {
		_, err := document(data[:ends[i]])
		return err != nil && describe(err) == problem
	})
	if len(lines[n]) == 0 && n > 0 {
		n-- // The end of the text, not a line of its own.
	}
	if slip := fullWidthSlip(lines, n); slip != nil {
		return nil, slip
	}
	return nil, &syntaxError{line: n + 1, problem: problem}
}

// document returns the root of the one document in data.
func document(data []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	switch err := dec.Decode(&first); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, err //nolint:wrapcheck // Described by the caller.
	}
	switch err := dec.Decode(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		return nil, err //nolint:wrapcheck // Described by the caller.
	default:
		return nil, &syntaxError{line: second.Line, problem: twoDocuments}
	}
	if len(first.Content) == 0 {
		return nil, nil
	}
	return first.Content[0], nil
}

var parserPrefix = regexp.MustCompile(`^yaml: (line \d+: )?`)

// describe gives a parser's error in words that quote nothing of the file: a secret
// that starts with * looks like an alias, and the parser would print it.
func describe(err error) string {
	msg := parserPrefix.ReplaceAllString(err.Error(), "")
	hint := ""
	switch {
	case strings.HasPrefix(msg, "unknown anchor"):
		msg, hint = "an alias without an anchor", "; put a value that starts with * in quotes"
	case strings.Contains(msg, "cannot start any token"):
		hint = "; indent with spaces, and put a value that starts with @, % or ` in quotes"
	case strings.Contains(msg, "mapping values are not allowed"):
		hint = "; put a value with a colon and a space in quotes, and check the indentation"
	case strings.Contains(msg, "UTF-8"):
		hint = "; save the file as UTF-8"
	case strings.Contains(msg, "tab character"):
		hint = "; indent with spaces"
	case strings.Contains(msg, "could not find expected ':'"):
		hint = "; write a colon and a space after the field's name"
	case strings.Contains(msg, "undefined tag"):
		hint = "; put a value that starts with ! in quotes"
	case strings.Contains(msg, "end of stream"), strings.Contains(msg, "',' or"):
		hint = "; close the quote or bracket that is opened here"
	case strings.Contains(msg, "did not find expected"):
		hint = "; check the indentation and the quotes here and above"
	}
	return "not valid YAML: " + msg + hint
}
