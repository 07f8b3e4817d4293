package config

import "github.com/hufu-io/hufu/internal/broker"

// baseURL returns an absolute http or https URL without a slash at its end, and its
// host. No message quotes it: it could hold a password.
func (v value) baseURL() (base, host string, ok bool) {
	s, ok := v.text()
	if !ok {
		return "", "", false
	}
	base, host, err := broker.ParseBaseURL(s)
	if err != nil {
		v.fault("%s", err)
		return "", "", false
	}
	return base, host, true
}
