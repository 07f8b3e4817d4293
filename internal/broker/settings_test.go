package broker_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
)

// Of the params that are not there those are missed without which no token can be had, in the
// app's mode, and each is told in a whole sentence.
func TestParamsAreMissedInTheModeThatWantsThem(t *testing.T) {
	t.Parallel()
	p := broker.Platform{
		Name: "suite", Modes: []string{"v1", "unified"},
		Params: []broker.Param{{Name: "corp", Help: "the corp's id"}, {Name: "region"}, {Name: "agent", Required: true}, {Name: "colour", Required: true, Help: "name one"}},
		Needs: func(mode string) []string {
			return map[string][]string{"unified": {"corp", "region"}}[mode]
		},
	}
	for _, tt := range []struct {
		mode   string
		params map[string]string
		want   []string
	}{
		{"", map[string]string{"agent": "1", "colour": "red"}, nil},
		{"v1", nil, []string{"params.agent is missing; the platform suite wants to know it", "params.colour is missing; name one"}},
		{"unified", map[string]string{"agent": "1", "colour": "red"}, []string{
			"params.corp is missing; the mode unified of the platform suite cannot do without it: the corp's id",
			"params.region is missing; the mode unified of the platform suite cannot do without it",
		}},
		{"unified", map[string]string{"agent": "1", "colour": "red", "corp": "c", "region": "eu"}, nil},
	} {
		var got []string
		for _, f := range p.CheckSettings(&broker.App{Mode: tt.mode, Params: tt.params}) {
			got = append(got, f.String())
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q %v (-want +got):\n%s", tt.mode, tt.params, diff)
		}
	}
	// The default mode is the first.
	p.Modes = []string{"unified", "v1"}
	if got := p.CheckSettings(&broker.App{Params: map[string]string{"agent": "1", "colour": "red"}}); len(got) != 2 {
		t.Errorf("of the default mode: %v", got)
	}
}
