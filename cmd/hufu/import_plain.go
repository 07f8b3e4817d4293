package main

import (
	"fmt"
	"io/fs"
	"slices"
)

// exposed says that others can read the secrets of a file, and what to do about it; "" where
// they cannot, or where it has none: those that are named only are elsewhere.
func exposed(name string, info fs.FileInfo, items []importItem) string {
	if info == nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o077 == 0 || !slices.ContainsFunc(items, func(x importItem) bool { return hasPlain(x.fields) }) {
		return ""
	}
	return fmt.Sprintf("warning: there are secrets in %s, and others can open it (mode %04o): run chmod 600 on it, and delete it after the import", name, info.Mode().Perm())
}

// hasPlain reports whether a secret or a token of an app is written out.
func hasPlain(fields map[string]any) bool {
	secret := []string{"secret", "refresh_token", "token"}
	for _, k := range importedKinds() {
		secret = append(secret, string(k))
	}
	for name, v := range fields {
		list, isList := v.([]any)
		if !isList {
			list = []any{v}
		}
		for _, x := range list {
			text, isText := x.(string)
			in, isFields := x.(map[string]any)
			if isText && slices.Contains(secret, name) && !reference.MatchString(text) || isFields && hasPlain(in) {
				return true
			}
		}
	}
	return false
}
