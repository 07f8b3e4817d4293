package config

import (
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// text returns a single value with the environment put in. Numbers, dates and the like
// are taken as they are written: an app id or a secret of digits only is a text too.
func (v value) text() (string, bool) {
	e, ok := v.expanded()
	if !ok {
		return "", false
	}
	if strings.ContainsFunc(e.text, unicode.IsControl) {
		v.fault("contains a line break or another control character; write it on one line")
		return "", false
	}
	return e.text, true
}

// expanded is text without the check for control characters.
func (v value) expanded() (expanded, bool) {
	if !v.present() || !v.is(yaml.ScalarNode, "a single value") {
		return expanded{}, false
	}
	if isNull(v.node) {
		v.fault("is empty; give it a value or remove it")
		return expanded{}, false
	}
	e, problem := v.d.expand(v.node.Value)
	switch {
	case problem != "":
		v.fault("%s", problem)
		return expanded{}, false
	case e.text == "" && v.node.Value != "":
		v.fault("is empty, because the environment variable is; set it or remove the field")
		return expanded{}, false
	case e.text == "":
		v.fault("is empty; give it a value or remove it")
		return expanded{}, false
	}
	return e, true
}

// choice returns a text that has to be one of the options, in whose words it is
// compared; def where there is none.
func (v value) choice(def string, options ...string) string {
	s, ok := v.text()
	if !ok {
		return def
	}
	if !slices.Contains(options, s) {
		v.fault("%s is not known%s", v.shown(), meant(v.node.Value, options))
		return def
	}
	return s
}

// duration returns zero where there is none.
func (v value) duration(least, most time.Duration) time.Duration {
	s, ok := v.text()
	if !ok {
		return 0
	}
	dur, err := time.ParseDuration(s)
	switch _, bare := strconv.ParseFloat(s, 64); {
	case bare == nil:
		v.fault("%s has no unit; write a duration such as 90s, 10m or 1h30m", v.shown())
	case err != nil && strings.ContainsAny(s, "dwDW"):
		v.fault("%s is not a duration; the longest unit is the hour, a day is 24h", v.shown())
	case err != nil:
		v.fault("%s is not a duration; write one such as 90s, 10m or 1h30m", v.shown())
	case dur < 0:
		v.fault("%s is negative; write a duration such as 90s, 10m or 1h30m", v.shown())
	case dur < least && dur == 0:
		v.fault("%s cannot be switched off like this; write at least %s, or remove the field for the default", v.shown(), short(least))
	case dur < least:
		v.fault("%s is too short; write at least %s", v.shown(), short(least))
	case dur > most:
		v.fault("%s is too long; write at most %s", v.shown(), short(most))
	default:
		return dur
	}
	return 0
}

// short prints a whole duration as people write it: 720h and not 720h0m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// number returns a whole number, def where there is none.
func (v value) number(def, least, most int64) int64 {
	s, ok := v.text()
	if !ok {
		return def
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < least || n > most {
		v.fault("%s is not a whole number from %d to %d", v.shown(), least, most)
		return def
	}
	return n
}

func (v value) flag(def bool) bool {
	return v.choice(strconv.FormatBool(def), "true", "false") == "true"
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?\.?$`)

// address returns a HOST:PORT to listen at; an empty host is all of them.
func (v value) address(def string) string {
	s, ok := v.text()
	if !ok {
		return def
	}
	const want = "write HOST:PORT, such as 127.0.0.1:8080, or :8080 for all interfaces"
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		v.fault("%s is not an address; %s", v.shown(), want)
		return def
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		v.fault("%s has no port from 0 to 65535; %s", v.shown(), want)
		return def
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" && !hostName.MatchString(host) {
		v.fault("%s has no host that could be one; %s", v.shown(), want)
		return def
	}
	return s
}

// filePath returns an absolute path, def where there is none.
func (v value) filePath(def string) string {
	s, ok := v.text()
	if !ok {
		return def
	}
	return v.d.abs(s)
}

// checkFile has the rest of the server look at the file that a value, given or not, names.
func (v value) checkFile(path string, check func(string) error) {
	if check == nil {
		return
	}
	if err := check(path); err != nil {
		v.fault("%s", err)
	}
}
