package main

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/broker"
)

// importColumns are the names of all fields, in which dots stand between a field and one in
// it, and the beginnings of those whose rest is free.
type importColumns struct{ known, open []string }

// unknown says that there is no field of that name, and which one was probably meant; ""
// where there is one.
func (c importColumns) unknown(name string) string {
	if slices.Contains(c.known, name) || slices.ContainsFunc(c.open, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
		return ""
	}
	what := fmt.Sprintf("no column or field is called %.60q", name)
	if near := nearColumn(name, slices.Clone(c.known)); near != "" {
		what += fmt.Sprintf("; did you mean %q?", near)
	}
	return what
}

// unknownFields says the same of the fields of an app, and of those in them.
func (c importColumns) unknownFields(fields map[string]any, prefix string) (faults []string) {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if what := c.unknown(prefix + name); what != "" {
			faults = append(faults, what)
		} else if in, ok := fields[name].(map[string]any); ok {
			faults = append(faults, c.unknownFields(in, prefix+name+".")...)
		}
	}
	return faults
}

// nearColumn finds the field that was probably meant, by the end of its name or by its letters.
func nearColumn(name string, known []string) string {
	for _, p := range platforms() {
		for _, x := range p.Params {
			known = append(known, "params."+x.Name)
		}
	}
	for _, k := range known {
		if strings.HasSuffix(k, "."+name) {
			return k
		}
	}
	return broker.Nearest(name, known)
}

// newImportColumns finds them in the API's own form of an app.
func newImportColumns() (c importColumns) {
	c.known = []string{"secret_file", "refresh_token_file", "kind", "token", "token_file", "expires_in", "expiry"}
	for _, k := range importedKinds() {
		for _, end := range []string{"", "_file", "_expires_in", "_expiry"} {
			c.known = append(c.known, string(k)+end)
		}
	}
	var of func(t reflect.Type, prefix string)
	of = func(t reflect.Type, prefix string) {
		for f := range t.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			c.known = append(c.known, prefix+name)
			in := f.Type
			if in.Kind() == reflect.Pointer {
				in = in.Elem()
			}
			switch in.Kind() { //nolint:exhaustive // The others have nothing in them that a cell could be.
			case reflect.Struct:
				of(in, prefix+name+".")
			case reflect.Map:
				c.open = append(c.open, prefix+name+".")
			}
		}
	}
	of(reflect.TypeFor[api.App](), "")
	return c
}
