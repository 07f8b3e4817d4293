package platformtest

import (
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/sandbox"
)

// Simulated opens the sandbox's platform of an app, where there is no other app.
func Simulated(app sandbox.App) func(*testing.T) Sandbox {
	return func(*testing.T) Sandbox {
		s, _ := Simulate(app)
		return s
	}
}

// Simulate is [Simulated] together with who knows the truth about the platform.
func Simulate(app sandbox.App) (Sandbox, *sandbox.Platform) {
	sb := sandbox.New(sandbox.Config{Apps: []sandbox.App{app}})
	truth, name := sb.Of(app.Platform), app.ID
	if app.Agent != "" {
		name += ":" + app.Agent
	}
	return Sandbox{
		Transport: sb.Transport(), BaseURL: "https://sandbox.test/" + app.Platform,
		Live: func(kind broker.Kind, token broker.Secret) bool {
			return truth.Live(token.Reveal()) || !token.IsZero() && truth.CurrentTicket(name, string(kind)) == token.Reveal()
		},
	}, truth
}
