package platform

import "strings"

// Canonical is a path as it is compared. Nobody knows whether a platform minds the
// case of a path, slashes at its end and in its middle, or the parameters that some
// servers cut off of segments; what is taken for another path than the platform takes it
// for would get around the rules about it.
func Canonical(path string) string {
	if strings.Contains(path, ";") {
		segments := strings.Split(path, "/")
		for i, s := range segments {
			segments[i], _, _ = strings.Cut(s, ";")
		}
		path = strings.Join(segments, "/")
	}
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	return strings.ToLower(strings.TrimRight(path, "/"))
}
