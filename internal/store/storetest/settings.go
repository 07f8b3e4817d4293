package storetest

import (
	"bytes"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
)

func (s suite) settings() []test {
	return []test{
		{"SettingsComeBackAndAreReplaced", s.setting},
		{"SettingsOutlastARestart", s.settingRestart},
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
