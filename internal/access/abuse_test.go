package access_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/stacktest"
)

func teamApp(id, appID string) *broker.App {
	return &broker.App{ID: id, Platform: wechat.Name, AppID: appID, Secrets: []broker.Secret{broker.NewSecret(secret)}}
}

// I7, I10: what changes nothing is counted, however often it is asked for, and names
// nothing that is not there.
func TestReportsThatChangeNothingDoNotFillTheAudit(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		ctx := t.Context()
		c := s.caller("orders")
		held, _ := s.ReadNow(c, "shop", broker.AccessToken)
		before := len(s.entries())
		for i := range 200 {
			name := strings.Repeat("x", 7000) + fmt.Sprint(i)
			calls := []error{
				second(s.Suspect(ctx, s.caller("reader"), "shop", broker.AccessToken)),
				second(s.Report(ctx, c, "shop", broker.AccessToken, held.Version)),
				second(s.Report(ctx, c, "shop", broker.AccessToken, broker.Version(1_000_000+i))),
				second(s.ReportToken(ctx, c, "shop", broker.AccessToken, broker.NewSecret(name))),
			}
			if err := errors.Join(calls...); err != nil {
				t.Fatal(err)
			}
			for what, err := range map[string]error{
				"app":  second(s.Report(ctx, c, "api-"+name, broker.AccessToken, 1)),
				"kind": second(s.Report(ctx, c, "shop", broker.Kind(name), 1)),
				"gone": s.DeleteApp(ctx, s.caller("admin"), name),
			} {
				if broker.AsError(err).Class != broker.NotFound {
					t.Fatalf("%s: %v", what, err)
				}
			}
		}
		counts := map[string]int{}
		es := s.entries()
		for _, e := range es[:len(es)-before] {
			counts[e.Action+" "+e.Result] += e.Count
			if e.Remote == "" || strings.Contains(e.App+string(e.Kind), "xxx") {
				t.Errorf("%.300v", e)
			}
		}
		if n := len(es) - before; n > 7 {
			t.Errorf("%d entries for %v", n, counts)
		}
		time.Sleep(11 * time.Minute) // until the window has ended
		counts = map[string]int{}
		for _, e := range s.entries() {
			counts[e.Action+" "+e.Result] += e.Count
		}
		for what, want := range map[string]int{
			"suspect ok": 200, "report ok": 600, "report unknown_app": 200, "report unknown_kind": 200, "delete_app unknown_app": 200,
		} {
			if counts[what] != want {
				t.Errorf("I10: %q is counted %d times, want %d", what, counts[what], want)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

// I10: what changed the token is in the audit before it is answered.
func TestAReportThatChangedTheTokenIsRecordedAtOnce(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		held, _ := s.ReadNow(s.caller("orders"), "shop", broker.AccessToken)
		s.Sandbox.Kill(held.Secret.Reveal())
		got, err := s.Report(t.Context(), s.caller("orders"), "shop", broker.AccessToken, held.Version)
		if err != nil || got.Version == held.Version {
			t.Fatal(got, err)
		}
		es, err := s.Store.Audit().Query(t.Context(), broker.AuditFilter{Action: "report"})
		if err != nil || len(es) != 1 || es[0].Version != got.Version || es[0].Result != "ok" {
			t.Errorf("I10: %+v, %v", es, err)
		}
	})
}

// tenants are two teams that manage their own apps, and a client that reads those of both.
func tenants() stacktest.Config {
	return stacktest.Config{Clients: []*broker.Client{
		client("team", broker.Admin, "team-*"), client("rival", broker.Admin, "rival-*"), client("reads", broker.Read, "*"),
		client("both", broker.Admin, "team-*", "rival-*"),
	}}
}

// An administrator of some apps cannot make clients of other apps stumble over his.
func TestAnAppIDOfOthersIsRefused(t *testing.T) {
	t.Parallel()
	inBubble(t, tenants(), func(t *testing.T, s *stack) {
		ctx := t.Context()
		put := func(who string, a *broker.App) error { return second(s.PutApp(ctx, s.caller(who), a)) }
		classic := teamApp("team-a", appID)
		classic.Mode = wechat.Classic
		err := put("team", classic)
		if e := broker.AsError(err); e.Code != "conflict" || e.Hint == "" || strings.Contains(e.Error(), "shop") {
			t.Errorf("an app id of the file: %v, want a refusal that names nobody's app", err)
		}
		if a, err := s.DropIn(s.caller("reads"), broker.AccessToken, access.Meant{Platform: wechat.Name, AppID: appID}); err != nil || a.ID != "shop" {
			t.Errorf("%v, %v", a, err)
		}
		if err := put("rival", teamApp("rival-a", otherID)); err != nil {
			t.Fatal(err)
		}
		classic = teamApp("team-a", otherID)
		classic.Mode = wechat.Classic
		if err := put("team", classic); broker.AsError(err).Code != "conflict" {
			t.Errorf("an app id of another team: %v", err)
		}
		// The same registration is named to those only who manage that one too.
		same := teamApp("team-b", otherID)
		if err := put("both", same); broker.AsError(err).Code != "conflict" || !strings.Contains(err.Error(), `the app "rival-a" has the same platform`) {
			t.Errorf("the same app as one that the client manages: %v", err)
		}
		if err := s.CheckApp(ctx, s.caller("both"), same); !strings.Contains(fmt.Sprint(err), `"rival-a"`) {
			t.Errorf("when it is only checked: %v", err)
		}
		// Who manages both may have both, and each team may change its own then.
		if err := put("both", classic); err != nil {
			t.Error(err)
		}
		same = teamApp("team-a", otherID)
		if err := put("team", same); broker.AsError(err).Code != "conflict" || strings.Contains(err.Error(), "rival") {
			t.Errorf("the same app as one of another team: %v, want a refusal that names nobody's app", err)
		}
		classic.Policy = &broker.Policy{Every: time.Hour}
		if err := put("team", classic); err != nil {
			t.Errorf("a change that leaves the app id: %v", err)
		}
	})
}

// I1: not even who manages everything registers the same app twice.
func TestTheSameRegistrationIsRefused(t *testing.T) {
	t.Parallel()
	inBubble(t, tenants(), func(t *testing.T, s *stack) {
		again := teamApp("again", appID)
		again.BaseURL = "http://sandbox"
		err := second(s.PutApp(t.Context(), s.caller("admin"), again))
		if e := broker.AsError(err); e.Code != "conflict" || e.Hint == "" || s.Registry.App("again") != nil {
			t.Errorf("I1: %v, want a refusal", err)
		}
	})
}

// Of several apps with one app id that of the file is meant. Where there is none such, those
// that the client may use are named, and no others.
func TestDropInPrefersTheAppOfTheFile(t *testing.T) {
	t.Parallel()
	inBubble(t, tenants(), func(t *testing.T, s *stack) {
		for _, x := range []struct{ id, appID, mode string }{
			{"team-shop", appID, wechat.Classic}, {"team-a", otherID, wechat.Classic}, {"rival-a", otherID, wechat.Stable},
		} {
			a := teamApp(x.id, x.appID)
			a.Mode = x.mode
			if _, err := s.PutApp(t.Context(), s.caller("admin"), a); err != nil {
				t.Fatal(err)
			}
		}
		if a, err := s.DropIn(s.caller("reads"), broker.AccessToken, access.Meant{Platform: wechat.Name, AppID: appID}); err != nil || a.ID != "shop" {
			t.Errorf("%v, %v, want the app of the file", a, err)
		}
		for _, who := range []string{"reads", "both"} {
			err := second(s.DropIn(s.caller(who), broker.AccessToken, access.Meant{Platform: wechat.Name, AppID: otherID}))
			if e := broker.AsError(err); e.Code != "ambiguous_app" || !strings.HasSuffix(e.Message, "2 apps with this app id: rival-a, team-a") {
				t.Errorf("%s: %v, want both names", who, err)
			}
		}
		if a, err := s.DropIn(s.caller("team"), broker.AccessToken, access.Meant{Platform: wechat.Name, AppID: otherID}); err != nil || a.ID != "team-a" {
			t.Errorf("%v, %v, want the one that the client may use, and nothing of the other", a, err)
		}
		err := second(s.DropIn(s.caller("team"), broker.AccessToken, access.Meant{Platform: wechat.Name, AppID: appID + "0"}))
		if e := broker.AsError(err); e.Code != "unknown_app" || strings.Contains(e.Error()+e.Hint, "rival") {
			t.Errorf("%v, want that there is none, without names", err)
		}
	})
}

// Where secrets are sent to and answers come from is for those who manage the server.
func TestABaseURLNeedsAdminOnEveryApp(t *testing.T) {
	t.Parallel()
	inBubble(t, tenants(), func(t *testing.T, s *stack) {
		put := func(who, baseURL string) error {
			a := teamApp("team-a", otherID)
			a.BaseURL = baseURL
			return second(s.PutApp(t.Context(), s.caller(who), a))
		}
		for _, u := range []string{"http://10.0.0.7:8080", "https://elsewhere.example.com", "https://api.weixin.qq.com.example.com", "https://api.weixin.qq.com/x", "https://api2.weixin.qq.com:8443", "http://10.0.0.7/api2.weixin.qq.com"} {
			if err := put("team", u); !errors.Is(err, broker.ErrNotAllowed) || broker.AsError(err).Hint == "" {
				t.Errorf("%s: %v, want that it is not allowed", u, err)
			}
		}
		for _, u := range []string{"", "https://api.weixin.qq.com", "https://API.weixin.qq.com/", "https://api2.weixin.qq.com"} {
			if err := put("team", u); err != nil {
				t.Errorf("%q: %v", u, err)
			}
		}
		if err := put("admin", "http://sandbox"); err != nil {
			t.Error(err)
		}
	})
}

// A page has the apps that its caller manages, in order, whatever lies between them.
func TestPagesOfAppsLeaveNoneOut(t *testing.T) {
	t.Parallel()
	var apps []*broker.App
	for i := range 60 {
		id := fmt.Sprintf("%s-%02d", []string{"rival", "team", "a", "zz", "te"}[i%5], i)
		a := teamApp(id, "wx-"+id)
		a.BaseURL, a.Origin, a.Policy = "http://sandbox", broker.FromFile, &broker.Policy{InitialDelay: time.Hour}
		apps = append(apps, a)
	}
	inBubble(t, stacktest.Config{Apps: apps, Clients: []*broker.Client{
		client("team", broker.Admin, "team-*"), client("some", broker.Admin, "zz-*", "a-02", "te*-1*", "nothing"),
		client("ends", broker.Admin, "*-11"), client("none", broker.Admin, "zzz"),
	}}, func(t *testing.T, s *stack) {
		for name, want := range map[string]int{"admin": 61, "team": 12, "some": 17, "ends": 1, "none": 0} {
			for limit := range 4 {
				got, after := 0, ""
				for {
					page, err := s.Apps(s.caller(name), after, limit+1)
					if err != nil {
						t.Fatal(err)
					}
					if len(page) == 0 {
						break
					}
					for _, st := range page {
						if st.App.ID <= after {
							t.Fatalf("%s: %s after %s", name, st.App.ID, after)
						}
						after = st.App.ID
						got++
					}
				}
				if got != want {
					t.Errorf("%s: %d apps in pages of %d, want %d", name, got, limit+1, want)
				}
			}
		}
	})
}

// One client cannot hold more than its share of the server's memory.
func TestAClientHasAShareOfWatches(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{MaxWaits: 3}, func(t *testing.T, s *stack) {
		throttled := func(err error) bool {
			e := broker.AsError(err)
			return e.Code == "throttled" && e.Class == broker.Throttled && e.RetryAfter > 0 && e.Hint != ""
		}
		c := s.caller("reader")
		held, _ := s.ReadNow(c, "shop", broker.AccessToken)
		var watches []*access.Watch
		for range 2 {
			w, err := s.Watch(c, []string{"shop"})
			if err != nil {
				t.Fatal(err)
			}
			watches = append(watches, w)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _, _ = s.Wait(ctx, c, "shop", broker.AccessToken, held.Version) }()
		synctest.Wait()
		if err := second(s.Watch(c, []string{"shop"})); !throttled(err) {
			t.Errorf("a fourth watch: %v", err)
		}
		if err := second(s.Wait(t.Context(), c, "shop", broker.AccessToken, held.Version)); !throttled(err) {
			t.Errorf("a fourth long poll: %v", err)
		}
		if w, err := s.Watch(s.caller("orders"), []string{"shop"}); err != nil {
			t.Errorf("another client's: %v", err)
		} else {
			w.Close()
		}
		cancel()
		watches[0].Close()
		watches[0].Close()
		synctest.Wait()
		for range 2 {
			w, err := s.Watch(c, []string{"shop"})
			if err != nil {
				t.Fatalf("after two have ended: %v", err)
			}
			defer w.Close()
		}
		many := make([]string, 300)
		for i := range many {
			many[i] = "shop"
		}
		watches[1].Close()
		if err := second(s.Watch(c, many)); !throttled(err) {
			t.Errorf("a watch of more apps than all may watch: %v", err)
		}
	})
}

// While a ticket's age is not known it is asked for again and again, mostly to no avail.
// That is no news.
func TestOnlyNewTokensAreLoggedAsRenewed(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		for range 5 * 60 {
			if _, err := s.Read(t.Context(), s.caller("orders"), "shop", broker.JSAPITicket, 0); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		renewed, same, versions := 0, 0, map[string]bool{}
		for line := range strings.Lines(s.Log.String()) {
			if !strings.Contains(line, "kind=jsapi_ticket") {
				continue
			}
			_, version, _ := strings.Cut(line, " version=")
			switch {
			case strings.Contains(line, `level=INFO msg="token renewed"`):
				renewed++
				if versions[version] {
					t.Errorf("logged as new once more: %s", line)
				}
				versions[version] = true
			case strings.Contains(line, `level=DEBUG msg="the platform gave the same token again"`):
				same++
				if !versions[version] {
					t.Errorf("new, and not logged as such: %s", line)
				}
			}
		}
		if got := s.Sandbox.Counts(appID).Tickets; renewed != got || renewed < 2 || same < 10 {
			t.Errorf("%d tickets: %d logged as new, and %d times the same", got, renewed, same)
		}
	})
}
