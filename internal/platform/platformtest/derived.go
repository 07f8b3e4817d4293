package platformtest

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
)

func (k contract) replacesRejected(t *testing.T) {
	t.Parallel()
	if len(k.c.Rejected) == 0 {
		t.Fatal("the case names no code of a rejected token")
	}
	for _, code := range k.c.Rejected {
		for name, tt := range map[string]struct {
			answers []answer
			ok      bool
		}{
			"once":   {[]answer{k.refuses(code, "no"), k.gives("7200")}, true},
			"always": {[]answer{k.refuses(code, "no")}, false},
		} {
			s, tokens := &script{answers: tt.answers}, newFakeTokens()
			got, err := k.ask(t.Context(), s, host, tokens)
			keepsSecrets(t, err, k.secrets())
			if (err == nil) != tt.ok || tt.ok && got.Token.Reveal() != given {
				t.Errorf("code %s %s: issued %v, %v", code, name, got, err)
			}
			if n := len(s.requests()); n != 2 {
				t.Errorf("code %s %s: %d requests, want 2", code, name, n)
			}
			if !slices.Equal(tokens.stale, []broker.Version{7}) {
				t.Errorf("code %s %s: I4: renewed the token of versions %v, want the rejected one, 7, once", code, name, tokens.stale)
			}
		}
	}
}

func (k contract) givesUpWithoutToken(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{
		&broker.Error{Code: "wrong_secret", Class: broker.BadCredential, Unknown: true},
		context.DeadlineExceeded,
		errors.New("anything"),
	} {
		s, tokens := &script{answers: []answer{k.gives("7200")}}, newFakeTokens()
		tokens.err = cause
		_, err := k.ask(t.Context(), s, host, tokens)
		keepsSecrets(t, err, k.secrets())
		if err == nil || len(s.requests()) > 0 {
			t.Errorf("without a token (%v): %v after %d requests", cause, err, len(s.requests()))
			continue
		}
		e := broker.AsError(err)
		if e.Unknown {
			t.Errorf("without a token (%v): nothing was asked, and the outcome is not known", cause)
		}
		if c, ok := errors.AsType[*broker.Error](cause); ok && (e.Code != c.Code || e.Class != c.Class) {
			t.Errorf("without a token (%v): %s, %s", cause, e.Code, e.Class)
		}
	}
}
