package access_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/stacktest"
)

// slowExaminer takes its time, and remembers with which tokens it was asked about whom.
type slowExaminer struct {
	mu    sync.Mutex
	shown map[string]broker.Secret // by the platform's app id
}

func (x *slowExaminer) Examine(_ context.Context, a *broker.App, token broker.Secret) []broker.Finding {
	x.mu.Lock()
	x.shown[a.AppID] = token
	x.mu.Unlock()
	time.Sleep(2 * time.Second)
	return nil
}

// I8: an app that becomes another registration while its examination waits for others to end.
// What was to be examined is the one before, and the token of the other one does not go there.
func TestI8AnAppMovesWhileItsExaminationWaits(t *testing.T) {
	t.Parallel()
	const beds = 16
	var others []*broker.App
	for i := range beds {
		others = append(others, stacktest.NewApp("app-"+strconv.Itoa(i), fmt.Sprintf("wx00000000000000%02d", i)))
	}
	inBubble(t, stacktest.Config{Apps: others}, func(t *testing.T, s *stack) {
		x := &slowExaminer{shown: map[string]broker.Secret{}}
		p := wechat.Platform(platform.NewCaller(s.Sandbox.Transport()))
		p.Examiner = x
		d := access.NewDoctor(access.DoctorConfig{Service: s.Service, Records: s.Store, Platforms: []broker.Platform{p}})
		var wg sync.WaitGroup
		for _, a := range others {
			wg.Go(func() { _, _ = d.Examine(t.Context(), s.caller("admin"), a.ID) })
		}
		time.Sleep(time.Second)
		wg.Go(func() { _, _ = d.Examine(t.Context(), s.caller("admin"), "shop") })
		time.Sleep(time.Millisecond)
		s.move(t, "shop", otherID)
		wg.Wait()
		if got, asked := x.shown[appID]; !asked || !got.IsZero() {
			t.Errorf("the platform was asked about %s: %v, with a token of %s: %v", appID, asked, otherID, !got.IsZero())
		}
	})
}

// I8: a page is signed for the app that it was asked for, or not at all.
func TestI8AnAppMovesWhileAPageWaitsForItsTicket(t *testing.T) {
	t.Parallel()
	withUsers(t, func(t *testing.T, s *stack, _ *stacktest.Users, _ *stacktest.Logins) {
		s.Sandbox.Inject(sandbox.Fault{Kind: sandbox.FaultSlow, Path: "/cgi-bin/ticket/getticket", Delay: 2 * time.Second, Times: 1})
		var wg sync.WaitGroup
		wg.Go(func() {
			if x, err := s.SignPage(t.Context(), s.caller("admin"), "blog", "https://blog.test/"); err == nil {
				t.Errorf("signed for %s with a ticket of another app", x.AppID)
			}
		})
		time.Sleep(time.Second)
		s.move(t, "blog", appID)
		wg.Wait()
	})
}

// move makes an app another registration, whose first token is there when it returns.
func (s *stack) move(t *testing.T, id, appID string) {
	t.Helper()
	moved := *s.Manager.App(id)
	moved.AppID = appID
	if err := s.Manager.SetApp(t.Context(), &moved); err != nil {
		t.Error(err)
	}
	time.Sleep(100 * time.Millisecond)
}
