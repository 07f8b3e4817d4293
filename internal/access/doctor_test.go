package access_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/quota"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/stacktest"
)

// examiner counts how often it was asked, and takes its time.
type examiner struct {
	asked atomic.Int64
	takes time.Duration
	token atomic.Pointer[broker.Secret]
	panic bool
}

func (x *examiner) Examine(ctx context.Context, _ *broker.App, token broker.Secret) []broker.Finding {
	x.asked.Add(1)
	x.token.Store(&token)
	if x.panic {
		panic("examiner")
	}
	select {
	case <-time.After(x.takes):
		return []broker.Finding{{Name: "reachability", State: broker.FindingOK}}
	case <-ctx.Done():
		return []broker.Finding{{Name: "reachability", State: broker.FindingUnknown}}
	}
}

// examined runs a test on a stack with a doctor. Without an examiner, the platform has
// none.
func examined(t *testing.T, x *examiner, f func(*testing.T, *stack, *access.Doctor, *quota.Meter)) {
	t.Helper()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		p := wechat.Platform(platform.NewCaller(s.Sandbox.Transport()))
		p.Examiner = nil
		if x != nil {
			p.Examiner = x
		}
		m := quota.New(quota.Config{})
		f(t, s, access.NewDoctor(access.DoctorConfig{Service: s.Service, Records: s.Store, Platforms: []broker.Platform{p}, Meter: m}), m)
	})
}

// states are the findings' states by name.
func states(d access.Diagnosis) map[string]broker.FindingState {
	found := map[string]broker.FindingState{}
	for _, f := range d.Findings {
		found[f.Name] = f.State
	}
	return found
}

// finding is the one with that name.
func finding(t *testing.T, d access.Diagnosis, name string) access.Finding {
	t.Helper()
	for _, f := range d.Findings {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("no finding %q in %+v", name, d.Findings)
	return access.Finding{}
}

func TestAnAppIsExaminedOnceAtATimeAndOnceInAWhile(t *testing.T) {
	t.Parallel()
	x := &examiner{takes: 3 * time.Second}
	examined(t, x, func(t *testing.T, s *stack, d *access.Doctor, _ *quota.Meter) {
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				got, err := d.Examine(t.Context(), s.caller("admin"), "shop")
				if err != nil || !got.Healthy() || finding(t, got, "reachability").State != broker.FindingOK {
					t.Errorf("%+v, %v", got, err)
				}
			})
		}
		wg.Wait()
		first, _ := d.Examine(t.Context(), s.caller("admin"), "shop")
		if n := x.asked.Load(); n != 1 {
			t.Errorf("the platform was asked %d times for 51 callers", n)
		}
		if held, _ := s.ReadNow(s.caller("admin"), "shop", broker.AccessToken); !x.token.Load().Equal(held.Secret) {
			t.Error("it was not asked with the app's token")
		}
		time.Sleep(time.Second - time.Nanosecond)
		if again, _ := d.Examine(t.Context(), s.caller("admin"), "shop"); !again.At.Equal(first.At) {
			t.Error("examined again too early")
		}
		time.Sleep(time.Nanosecond)
		if again, _ := d.Examine(t.Context(), s.caller("admin"), "shop"); again.At.Equal(first.At) || x.asked.Load() != 2 {
			t.Error("not examined again after a second")
		}
		// I10: the ones that were examined are recorded, and the others counted.
		time.Sleep(10 * time.Minute) // by then all counts are written
		count := 0
		for _, e := range s.entries() {
			if e.Action == "doctor" && e.Client == "admin" && e.App == "shop" && e.Result == "ok" {
				count += max(e.Count, 1)
			}
		}
		if count != 53 {
			t.Errorf("%d examinations in the audit, want 53", count)
		}
	})
}

func TestWhoComesFirstMayLeaveWithoutEndingTheExamination(t *testing.T) {
	t.Parallel()
	x := &examiner{takes: 3 * time.Second}
	examined(t, x, func(t *testing.T, s *stack, d *access.Doctor, _ *quota.Meter) {
		first, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = d.Examine(first, s.caller("admin"), "shop") })
		synctest.Wait()
		leave()
		got, err := d.Examine(t.Context(), s.caller("admin"), "shop")
		if err != nil || states(got)["reachability"] != broker.FindingOK {
			t.Errorf("%+v, %v", got, err)
		}
		wg.Wait()
		// Who waits only leaves alone.
		time.Sleep(10 * time.Second)
		wg.Go(func() { _, _ = d.Examine(t.Context(), s.caller("admin"), "shop") })
		synctest.Wait()
		if _, err := d.Examine(first, s.caller("admin"), "shop"); !errors.Is(err, broker.ErrNotReady) {
			t.Errorf("who left got %v", err)
		}
		wg.Wait()
	})
}

func TestAnExaminationEndsAfterTwentySeconds(t *testing.T) {
	t.Parallel()
	examined(t, &examiner{takes: time.Hour}, func(t *testing.T, s *stack, d *access.Doctor, _ *quota.Meter) {
		began := time.Now()
		got, err := d.Examine(t.Context(), s.caller("admin"), "shop")
		if took := time.Since(began); err != nil || took != 20*time.Second || states(got)["renewal"] != broker.FindingOK {
			t.Errorf("after %s: %+v, %v", took, got, err)
		}
	})
}

func TestAPanicOfAnExaminerKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	examined(t, &examiner{panic: true}, func(t *testing.T, s *stack, d *access.Doctor, _ *quota.Meter) {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was not passed on")
				}
			}()
			_, _ = d.Examine(t.Context(), s.caller("admin"), "shop")
		}()
		got, err := d.Examine(t.Context(), s.caller("admin"), "shop")
		if err != nil || states(got)["examination"] != broker.FindingUnknown {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestAPlatformWithoutAnExaminerHasWhatTheServerKnows(t *testing.T) {
	t.Parallel()
	examined(t, nil, func(t *testing.T, s *stack, d *access.Doctor, m *quota.Meter) {
		got, err := d.Examine(t.Context(), s.caller("admin"), "shop")
		want := map[string]broker.FindingState{
			"renewal": broker.FindingOK, "budget": broker.FindingOK, "foreign_rotation": broker.FindingOK, "quota": broker.FindingOK,
			"examination": broker.FindingUnknown, "token": broker.FindingOK,
		}
		if diff := cmp.Diff(want, states(got)); err != nil || diff != "" || !got.Healthy() {
			t.Errorf("%v: -want +got\n%s", err, diff)
		}
		if f := finding(t, got, "examination"); !strings.Contains(f.Detail, "at the platform wechat the token is checked") || !strings.Contains(f.Detail, "whitelist are not") {
			t.Errorf("%+v", f)
		}
		if f := finding(t, got, "budget"); f.Detail != "today 1 of 20000 issues, 0 of 500 of them unplanned, 0 of 16 by force" || f.Kind != broker.AccessToken {
			t.Errorf("%+v", f)
		}
		for i := range 7 {
			m.Passed("shop", "/p/"+string(rune('a'+i)), &broker.Error{
				Code: "daily_quota", Class: broker.Throttled, Reset: broker.ResetDay, PlatformCode: "45009", Hint: "wait",
			})
		}
		time.Sleep(time.Minute)
		got, _ = d.Examine(t.Context(), s.caller("admin"), "shop")
		f := finding(t, got, "quota")
		if f.State != broker.FindingFault || f.Err.PlatformCode != "45009" || !strings.Contains(f.Detail, "/p/a until 2000-01-01T16:00:00Z") || !strings.HasSuffix(f.Detail, ", and 2 more") {
			t.Errorf("%+v", f)
		}
		if got.Healthy() {
			t.Error("healthy with throttled paths")
		}
	})
}

// A platform that nobody can examine is asked about the token where a harmless call shows
// whether it lives; nothing is issued by it.
func TestWithoutAnExaminerTheTokenIsChecked(t *testing.T) {
	t.Parallel()
	examined(t, nil, func(t *testing.T, s *stack, d *access.Doctor, _ *quota.Meter) {
		issues := s.Issues()
		examine := func() access.Finding {
			time.Sleep(2 * time.Second)
			got, err := d.Examine(t.Context(), s.caller("admin"), "shop")
			if err != nil {
				t.Fatal(err)
			}
			return finding(t, got, "token")
		}
		if _, err := s.Sandbox.KillCurrent(appID, sandbox.Stable); err != nil {
			t.Fatal(err)
		}
		if f := examine(); f.State != broker.FindingFault || f.Err.Code != broker.ErrRejected.Code || f.Err.Hint == "" {
			t.Errorf("a dead token: %+v", f)
		}
		s.Sandbox.Inject(sandbox.Fault{Kind: sandbox.FaultStatus, Status: 502})
		if f := examine(); f.State != broker.FindingUnknown || f.Err == nil || !strings.Contains(f.Detail, "it could not be found out") {
			t.Errorf("a platform that fails: %+v", f)
		}
		if s.Issues() != issues {
			t.Error("an examination has cost an issue")
		}
	})
}

func TestADiagnosisNamesWhatTheServerKnowsToBeWrong(t *testing.T) {
	t.Parallel()
	examined(t, nil, func(t *testing.T, s *stack, d *access.Doctor, _ *quota.Meter) {
		examine := func() access.Diagnosis {
			time.Sleep(6 * time.Second)
			got, err := d.Examine(t.Context(), s.caller("admin"), "shop")
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		// Somebody else's rotation, which is a fault for a day.
		if _, err := s.Sandbox.KillCurrent(appID, sandbox.Stable); err != nil {
			t.Fatal(err)
		}
		held, _ := s.ReadNow(s.caller("admin"), "shop", broker.AccessToken)
		if _, err := s.Report(t.Context(), s.caller("admin"), "shop", broker.AccessToken, held.Version); err != nil {
			t.Fatal(err)
		}
		if f := finding(t, examine(), "foreign_rotation"); f.State != broker.FindingFault || f.Err.Hint == "" || !strings.Contains(f.Detail, "1 time,") || !strings.Contains(f.Detail, "a fault until 2000-01-02T") {
			t.Errorf("%+v", f)
		}
		time.Sleep(24 * time.Hour)
		if f := finding(t, examine(), "foreign_rotation"); f.State != broker.FindingOK || !strings.Contains(f.Detail, "1 time,") || strings.Contains(f.Detail, "until") {
			t.Errorf("a day later: %+v", f)
		}
		// A wrong secret, while there is a token and when there is none any more.
		if err := s.Sandbox.SetSecret(appID, "another"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(119 * time.Minute)
		f := finding(t, examine(), "renewal")
		if f.State != broker.FindingFault || f.Err.Class != broker.BadCredential || f.Err.PlatformCode == "" || f.Err.Hint == "" || !strings.Contains(f.Detail, "next one may start at") {
			t.Errorf("%+v, %+v", f, f.Err)
		}
		time.Sleep(3 * time.Hour)
		if f := finding(t, examine(), "renewal"); f.State != broker.FindingFault || !strings.Contains(f.Detail, "there is no live token") {
			t.Errorf("%+v", f)
		}
		// The store.
		s.Store.Fail(errors.New("the store is away"))
		if f := finding(t, examine(), "store"); f.State != broker.FindingFault || f.Err.Code != "store_unreachable" || f.Err.Hint == "" {
			t.Errorf("%+v", f)
		}
		s.Store.Fail(nil)
	})
}

func TestASpentBudgetIsAFault(t *testing.T) {
	t.Parallel()
	examined(t, nil, func(t *testing.T, s *stack, d *access.Doctor, _ *quota.Meter) {
		k := broker.Key{App: "shop", Kind: broker.AccessToken}
		for what, spend := range map[string]func(*broker.Budget){
			"no token is issued before midnight": func(b *broker.Budget) { b.Issues = 20_000 },
			"planned renewals go on":             func(b *broker.Budget) { b.Issues, b.Unplanned = 500, 500 },
		} {
			r, err := s.Store.Get(t.Context(), k)
			if err != nil {
				t.Fatal(err)
			}
			spend(&r.Budget)
			if _, err := s.Store.Put(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			time.Sleep(6 * time.Second)
			got, err := d.Examine(t.Context(), s.caller("admin"), "shop")
			if err != nil {
				t.Fatal(err)
			}
			f := finding(t, got, "budget")
			if f.State != broker.FindingFault || f.Err.Code != broker.ErrBudget.Code || !strings.HasPrefix(f.Err.Hint, what) {
				t.Errorf("%s: %+v, %+v", what, f, f.Err)
			}
		}
		time.Sleep(24 * time.Hour)
		got, _ := d.Examine(t.Context(), s.caller("admin"), "shop")
		if f := finding(t, got, "budget"); f.State != broker.FindingOK {
			t.Errorf("the next day: %+v", f)
		}
	})
}

// Whoever has mended what kept an app from its tokens examines it to see whether that
// helped, and is not to wait for the back-off.
func TestAnExaminationThatFindsTheSecretTakenEndsTheWait(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		d := access.NewDoctor(access.DoctorConfig{
			Service: s.Service, Records: s.Store, Meter: quota.New(quota.Config{}),
			Platforms: []broker.Platform{wechat.Platform(platform.NewCaller(s.Sandbox.Transport()))},
		})
		examine := func() access.Diagnosis {
			t.Helper()
			time.Sleep(time.Minute)
			found, err := d.Examine(t.Context(), s.caller("admin"), stacktest.App)
			if err != nil {
				t.Fatal(err)
			}
			return found
		}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(s.Sandbox.SetWhitelist(stacktest.AppID, "203.0.113.7"))
		_, err := s.Sandbox.KillCurrent(stacktest.AppID, sandbox.Stable)
		must(err)
		held, _ := s.ReadNow(s.caller("admin"), stacktest.App, broker.AccessToken)
		_, _ = s.Report(t.Context(), s.caller("admin"), stacktest.App, broker.AccessToken, held.Version)
		time.Sleep(time.Hour)
		if found := examine(); found.Healthy() || s.Issues() != 1 {
			t.Errorf("healthy %v after %d issues, want a fault", found.Healthy(), s.Issues())
		}
		must(s.Sandbox.SetWhitelist(stacktest.AppID))
		if found := examine(); states(found)["renewal"] == broker.FindingFault {
			t.Errorf("the wait goes on: %+v", finding(t, found, "renewal"))
		}
		if _, ok := s.ReadNow(s.caller("admin"), stacktest.App, broker.AccessToken); !ok {
			t.Error("no token after the examination")
		}
	})
}
