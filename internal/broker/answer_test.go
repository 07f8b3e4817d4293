package broker_test

import (
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
)

// TestBringsAnswer: a page must not be able to read another code or state than the one that is added,
// however its language reads queries.
func TestBringsAnswer(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]bool{
		"":                         false,
		"?":                        false,
		"?next=/a&lang=en":         false,
		"?encode=1&mycode=2":       false,
		"?code_of=1":               false,
		"?x[code]=1":               false,
		"?code=x":                  true,
		"?a=1&state=":              true,
		"?error":                   true,
		"?error_description=x":     true,
		"?%63ode=x":                true,
		"?CODE=x":                  true,
		"?a=1;code=x":              true, // two readings
		"?a=%zz":                   true,
		"?+code=x":                 true, // PHP
		"?%20%09code=x":            true,
		"?code%00=x":               true,
		"?code%00x=x":              true,
		"?code[]=x":                true, // PHP, Rails, Express
		"?code%5B0%5D=x":           true,
		"?state[=x":                true,
		"?code+=x":                 true,
		"?a=1&a=2&%65rror%5b%5d=x": true,
	} {
		if got := broker.BringsAnswer("https://www.example.com/login/" + query); got != want {
			t.Errorf("%q brings an answer: %v, want %v", query, got, want)
		}
	}
}
