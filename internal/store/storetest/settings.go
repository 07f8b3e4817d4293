package storetest

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
)

func (s suite) settings() []test {
	return []test{
		{"SettingsComeBackAndAreReplaced", s.setting},
		{"SettingsOutlastARestart", s.settingRestart},
		{"OfManyWhoAddASettingOneWins", s.addSetting},
	}
}

func (s suite) setting(t *testing.T) {
	f := s.Open(t)
	_, err := f.Store.Setting(t.Context(), "proof")
	wantErr(t, "get of none", err, broker.ErrNotFound)
	for _, value := range [][]byte{{0, 1, 0xff}, []byte("text"), bytes.Repeat([]byte{7}, 10000), nil, {}} {
		in := bytes.Clone(value)
		ok(t, "put", f.Store.PutSetting(t.Context(), "proof", in))
		clear(in)
		for range 2 {
			got, err := f.Handle().Setting(t.Context(), "proof")
			ok(t, "get", err)
			check(t, "get", value, got)
			clear(got)
		}
	}
	ok(t, "put of another", f.Store.PutSetting(t.Context(), "Proof'; --", []byte("other")))
	got, err := f.Store.Setting(t.Context(), "proof")
	ok(t, "get", err)
	check(t, "get", nil, got)
}

func (s suite) settingRestart(t *testing.T) {
	f := s.Open(t)
	ok(t, "put", f.Store.PutSetting(t.Context(), "proof", []byte("value")))
	got, err := s.reopened(t, f).Setting(t.Context(), "proof")
	ok(t, "get", err)
	check(t, "get", []byte("value"), got)
}

func (s suite) addSetting(t *testing.T) {
	f := s.Open(t)
	for round := range 10 {
		name := fmt.Sprintf("round-%d", round)
		winners := race(t, f, broker.ErrConflict, func(st broker.Store, i int) error {
			value := fmt.Appendf(nil, "%d", i)
			err := st.AddSetting(t.Context(), name, value)
			clear(value)
			if err != nil {
				// Whoever comes too late finds what the first one put there.
				if _, err := st.Setting(t.Context(), name); err != nil {
					return err
				}
			}
			return err
		})
		requireOne(t, winners)
		for _, st := range []broker.Store{f.Store, f.Handle()} {
			got, err := st.Setting(t.Context(), name)
			ok(t, "get", err)
			check(t, "get", fmt.Sprint(winners[0]), string(got))
		}
	}
	// What is there is there, empty or not, and however it came.
	ok(t, "add of nothing", f.Store.AddSetting(t.Context(), "empty", nil))
	wantErr(t, "add", f.Handle().AddSetting(t.Context(), "empty", []byte("late")), broker.ErrConflict)
	ok(t, "put", f.Store.PutSetting(t.Context(), "put", []byte("value")))
	wantErr(t, "add", f.Handle().AddSetting(t.Context(), "put", []byte("late")), broker.ErrConflict)
	ok(t, "put of what was added", f.Store.PutSetting(t.Context(), "empty", []byte("new")))
	got, err := f.Handle().Setting(t.Context(), "empty")
	ok(t, "get", err)
	check(t, "get", []byte("new"), got)
}
