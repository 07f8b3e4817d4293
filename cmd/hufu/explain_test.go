package main

import (
	"errors"
	"testing"

	"github.com/hufu-io/hufu/api"
)

// Whoever mistypes an app's name is told where the names are, unless the server has said
// something better.
func TestAnAppThatIsNotThereIsLookedUp(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ code, hint, want string }{
		{api.CodeUnknownApp, "", "no such app; hufu app ls lists the apps"},
		{api.CodeUnknownApp, "look there", "no such app; look there"},
		{api.CodeUnknownKind, "", "no such app"},
	} {
		err := explained(&api.Problem{Code: tt.code, Detail: "no such app", Hint: tt.hint})
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v, want %s", tt.code, err, tt.want)
		}
	}
	if err := explained(nil); err != nil {
		t.Error(err)
	}
	if err := explained(errors.New("x")); err == nil || err.Error() != "x" {
		t.Error(err)
	}
}
