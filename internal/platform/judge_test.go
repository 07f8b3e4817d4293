package platform_test

import (
	"net/http"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// What is no object says something by its status only, and an object below 500 is left to
// its platform, which looks for a code.
func TestAnswersWithoutAnObjectAreJudgedByTheirStatus(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status  int
		body    string
		judged  bool
		verdict broker.Verdict
		code    string
	}{
		{200, `{"code":1}`, false, broker.VerdictUnknown, ""},
		{404, `{"code":1}`, false, broker.VerdictUnknown, ""},
		{200, "a picture", true, broker.VerdictOK, ""},
		{200, "", true, broker.VerdictOK, ""},
		{302, "<html>", true, broker.VerdictUnknown, ""},
		{404, "<html>", true, broker.VerdictUnknown, platform.CodeHTTP4xx},
		{503, "<html>", true, broker.VerdictUnknown, platform.CodeHTTP5xx},
		{503, `{"code":1}`, true, broker.VerdictUnknown, platform.CodeHTTP5xx},
	} {
		_, j, judged := platform.ReadCall(&http.Response{StatusCode: tt.status, Header: http.Header{}}, []byte(tt.body))
		var code string
		if j.Err != nil {
			code = j.Err.Code
			if j.Err.Unknown {
				t.Errorf("%d %q: a call is no issue, whose outcome could be unknown", tt.status, tt.body)
			}
		}
		if judged != tt.judged || j.Verdict != tt.verdict || code != tt.code {
			t.Errorf("%d %q: judged %v: %v, %q", tt.status, tt.body, judged, j.Verdict, code)
		}
	}
}
