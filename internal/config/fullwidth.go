package config

import (
	"bytes"
	"regexp"
)

// fullWidth are the signs of a Chinese keyboard that are taken for YAML's, where they stand
// in the place of those: behind a field's name, around a value, between the items of a list.
// In a text they are as good as any other.
var fullWidth = []struct {
	slip    *regexp.Regexp
	problem string
}{
	{
		regexp.MustCompile(`^[\s-]*[A-Za-z0-9_.]+\s*：|^[^"'#]*[{,]\s*[A-Za-z0-9_.]+\s*：`),
		"a full-width colon (：) stands here; write : and a space after a field's name",
	},
	{
		regexp.MustCompile(`^[^"'#]*(?::\s|-\s|[\[{,])\s*[“”]`),
		`a full-width quote (“ or ”) stands here; write "`,
	},
	{
		regexp.MustCompile(`^[^"'#]*[\[{][^"'#]*，`),
		"a full-width comma (，) stands here; write , and a space between the items",
	},
}

// fullWidthSlip looks for such signs on a line, counted from 0, and on those right before it:
// the parser stumbles only over what follows them. It returns the first line that has one.
func fullWidthSlip(lines [][]byte, at int) *syntaxError {
	var found *syntaxError
	for n := at; n >= 0; n-- {
		problem := ""
		for _, f := range fullWidth {
			if f.slip.Match(lines[n]) {
				problem = f.problem
				break
			}
		}
		switch {
		case problem != "":
			found = &syntaxError{line: n + 1, problem: "not valid YAML: " + problem}
		case n < at && !saysNothing(lines[n]):
			return found
		}
	}
	return found
}

// saysNothing reports whether a line is empty or a comment.
func saysNothing(line []byte) bool {
	line = bytes.TrimSpace(line)
	return len(line) == 0 || line[0] == '#'
}
