package storetest

import (
	"context"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
)

// errorsOfGrants: errors are logged, and who uses an app is nobody's business there.
func (s suite) errorsOfGrants(t *testing.T) {
	f := s.Open(t)
	st, k := f.Store, grantKey("shop", "oUser-of-the-shop", "snsapi_base")
	check := func(what string, err error) {
		t.Helper()
		if err == nil || strings.Contains(err.Error(), k.Subject) || !strings.Contains(err.Error(), k.App) {
			t.Errorf("%s: the error is %v", what, err)
		}
	}
	_, err := st.Grants().Get(t.Context(), k)
	check("get", err)
	_, err = st.Grants().Put(t.Context(), broker.Grant{Key: k, Version: 7})
	check("put", err)
	_, err = st.Grants().Put(t.Context(), broker.Grant{Key: broker.Key{App: k.App, Subject: k.Subject}})
	check("put without a kind", err)
	check("delete", st.Grants().Delete(t.Context(), k, 1))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = st.Grants().Get(gone, k); err != nil {
		check("get that is given up", err)
	}
}
