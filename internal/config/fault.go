package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing that is wrong with a configuration.
type Fault struct {
	Line    int    // from 1; zero: the file as a whole
	Column  int    // from 1; zero: the line as a whole
	Path    string // of the field, as in apps[2].renew.every; empty: no field in particular
	Message string // what is wrong and what to do; never a secret
}

// Faults is everything that is wrong with one configuration file.
//
//nolint:errname // It is a list of faults that also is an error, and is named for what it lists.
type Faults struct {
	File string  // as it was given to Load
	List []Fault // by line and column
	open error   // why the file itself could not be read
}

// Error prints one fault per line, as FILE:LINE: PATH: message.
func (f *Faults) Error() string {
	var b strings.Builder
	for i, x := range f.List {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(f.File)
		if x.Line > 0 {
			fmt.Fprintf(&b, ":%d", x.Line)
		}
		if x.Path != "" {
			b.WriteString(": " + x.Path)
		}
		b.WriteString(": " + x.Message)
	}
	return b.String()
}

// Unwrap returns why the configuration file itself could not be read, so that
// [io/fs.ErrNotExist] can be told from bad content. A secret's file that is missing
// is bad content.
func (f *Faults) Unwrap() error { return f.open }

func (f *Faults) add(x Fault) { f.List = append(f.List, x) }

// at reports whether something is wrong with a place already.
func (f *Faults) at(v value) bool {
	return slices.ContainsFunc(f.List, func(x Fault) bool {
		return x.Path == v.path && v.node != nil && x.Line == v.node.Line && x.Column == v.node.Column
	})
}

// sorted puts the faults into the order of the file. The sort is stable, because
// several faults of one place are found in the order they should be read.
func (f *Faults) sorted() *Faults {
	slices.SortStableFunc(f.List, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return f
}
