package e2e_test

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"
)

// refreshes is what the platform was asked to refresh, and when. It stands before the
// platform, and makes it slow, so that kills fall inside of its answers.
type refreshes struct {
	mu   sync.Mutex
	used map[string][]use // by refresh token
	n    int
}

// use is one use of a refresh token: from when it was asked until the answer was written.
type use struct {
	asked, answered time.Time
	refused         bool
	user            string // where it was not refused
}

// slow is how long the platform takes at most to answer what brings tokens.
const slow = 300 * time.Millisecond

func (r *refreshes) before(h http.Handler) http.Handler {
	r.used = map[string][]use{}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case "/sns/oauth2/access_token", "/sns/oauth2/refresh_token":
		default:
			h.ServeHTTP(w, req)
			return
		}
		u := use{asked: time.Now()}
		done := httptest.NewRecorder()
		h.ServeHTTP(done, req)
		var a reply
		u.refused = json.Unmarshal(done.Body.Bytes(), &a) != nil || a.AccessToken == ""
		u.user = a.OpenID
		// The platform has done it; a kill from here on loses the answer.
		<-time.After(rand.N(slow))
		u.answered = time.Now()
		maps.Copy(w.Header(), done.Header())
		w.WriteHeader(done.Code)
		_, _ = w.Write(done.Body.Bytes())
		if token := req.URL.Query().Get("refresh_token"); token != "" {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.used[token] = append(r.used[token], u)
			r.n++
		}
	})
}

// spell is the time that a kill took.
type spell struct{ from, to time.Time }

// lost returns the users whose refresh token was used again after an answer was lost in a
// kill. That a token is used again otherwise is an error: its successor was there.
func (r *refreshes) lost(t *testing.T, kills []spell) map[string]bool {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	// From the platform's answer to the server's write it takes some moments.
	moments := time.Second
	if raceEnabled {
		moments *= 5
	}
	users := map[string]bool{}
	for _, uses := range r.used {
		slices.SortFunc(uses, func(a, b use) int { return a.asked.Compare(b.asked) })
		for i := 1; i < len(uses); i++ {
			was, again := uses[i-1], uses[i]
			users[uses[0].user] = true
			in := false
			for _, k := range kills {
				in = in || was.asked.Before(k.to.Add(moments)) && k.from.Before(was.answered.Add(moments)) && again.asked.After(k.from)
			}
			if !in {
				t.Errorf("I5: a refresh token of %s was used at %v and again at %v, and no kill was between", uses[0].user, was.asked, again.asked)
			}
			if !again.refused {
				t.Errorf("a refresh token of %s worked twice", uses[0].user)
			}
		}
	}
	return users
}
