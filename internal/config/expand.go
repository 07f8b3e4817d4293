package config

import (
	"fmt"
	"regexp"
	"strings"
)

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// expanded is a text after the environment was put in.
type expanded struct {
	text    string
	literal bool // some of it stands in the file itself
}

// expand reads the environment for each ${NAME} in raw. What it puts in is not looked
// at again. The problem, if any, quotes nothing but a name that is surely one.
func (d *decoder) expand(raw string) (e expanded, problem string) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(raw, "$")
		b.WriteString(before)
		e.literal = e.literal || before != ""
		if !found {
			e.text = b.String()
			return e, ""
		}
		switch {
		case strings.HasPrefix(after, "$"):
			b.WriteByte('$')
			e.literal = true
			raw = after[1:]
		case strings.HasPrefix(after, "{"):
			name, rest, closed := strings.Cut(after[1:], "}")
			if !closed || !envName.MatchString(name) {
				return expanded{}, "has a ${ without the name of an environment variable and a }; write ${NAME}, or $$ for a dollar sign"
			}
			val, ok := d.opt.Getenv(name)
			if !ok {
				return expanded{}, fmt.Sprintf("the environment variable %s is not set; set it for the server", shownName(name))
			}
			b.WriteString(val)
			raw = rest
		default:
			return expanded{}, "has a dollar sign by itself; write $$ for a dollar sign, ${NAME} for the environment"
		}
	}
}

// shownName gives the name of a variable, unless it could be a secret that was put in
// braces: long, and without the underscores of a long name.
func shownName(name string) string {
	if len(name) < secretLength || (strings.Contains(name, "_") && len(name) <= 2*secretLength) {
		return name
	}
	return "that is named here"
}
