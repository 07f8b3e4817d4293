package httpapi_test

import (
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/hufu-io/hufu/api"
)

// schema is what the test reads of a schema in docs/openapi.yaml.
type schema struct {
	Required   []string
	Properties map[string]any
}

func TestAnswersAreDocumentedAsTheyAreSent(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../docs/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths      map[string]map[string]any
		Components struct{ Schemas map[string]schema }
	}
	if err := yaml.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	for path, method := range map[string]string{
		"/v1/apps/{app}": "get put delete", "/v1/apps/{app}/tokens/{kind}": "get put", "/v1/apps/{app}/check": "post", "/v1/apps/{app}/quota": "get", "/v1/apps/{app}/doctor": "get",
		"/v1/apps/{app}/users": "get", "/v1/apps/{app}/users/exchange": "post", "/v1/apps/{app}/users/import": "post",
		"/v1/apps/{app}/users/{openid}": "get delete", "/v1/apps/{app}/users/{openid}/token": "get", "/v1/apps/{app}/users/{openid}/token/renew": "post",
		"/v1/apps/{app}/users/{openid}/profile": "get", "/v1/apps/{app}/users/{openid}/subscription": "get",
		"/v1/apps/{app}/sessions": "post", "/v1/apps/{app}/sessions/{openid}/verify": "post", "/v1/apps/{app}/sessions/{openid}/decrypt": "post",
		"/v1/apps/{app}/jssdk": "get", "/v1/apps/{app}/jssdk/agent": "get", "/v1/apps/{app}/jssdk/card": "get", "/v1/apps/{app}/jssdk/choose-card": "get",
		"/cgi-bin/token": "get", "/cgi-bin/stable_token": "post", "/cgi-bin/ticket/getticket": "get", "/oauth2/token": "post",
	} {
		for m := range strings.FieldsSeq(method) {
			if doc.Paths[path][m] == nil {
				t.Errorf("%s %s is not documented", m, path)
			}
		}
	}
	for name, v := range map[string]any{
		"Quota": api.Quota{}, "QuotaPath": api.QuotaPath{}, "QuotaThrottled": api.QuotaThrottled{},
		"Diagnosis": api.Diagnosis{}, "Finding": api.Finding{},
		"ExchangeRequest": api.ExchangeRequest{}, "User": api.User{}, "Grant": api.Grant{}, "Grants": api.Grants{}, "Forgotten": api.Forgotten{},
		"UserToken": api.UserToken{}, "UserRenewRequest": api.UserRenewRequest{}, "Profile": api.Profile{}, "Subscription": api.Subscription{},
		"ImportRequest": api.ImportRequest{}, "ImportedUser": api.ImportedUser{}, "ImportResult": api.ImportResult{}, "Imported": api.Imported{},
		"SessionRequest": api.SessionRequest{}, "Session": api.Session{}, "VerifyRequest": api.VerifyRequest{}, "Verified": api.Verified{},
		"DecryptRequest": api.DecryptRequest{}, "Decrypted": api.Decrypted{},
		"PageSignature": api.PageSignature{}, "AgentSignature": api.AgentSignature{}, "OAuth2": api.OAuth2{}, "CardSignature": api.CardSignature{}, "CardChoice": api.CardChoice{}, "Login": api.Login{},
	} {
		all, required := fields(reflect.TypeOf(v))
		s := doc.Components.Schemas[name]
		slices.Sort(s.Required)
		if d := cmp.Diff(all, slices.Sorted(maps.Keys(s.Properties))); d != "" {
			t.Errorf("%s: -sent +documented\n%s", name, d)
		}
		if d := cmp.Diff(required, s.Required); d != "" {
			t.Errorf("%s: what is always there: -sent +documented\n%s", name, d)
		}
	}
}

// fields lists a wire type's fields in JSON, and those that are always sent.
func fields(t reflect.Type) (all, required []string) {
	for f := range t.Fields() {
		if f.Anonymous {
			a, r := fields(f.Type)
			all, required = append(all, a...), append(required, r...)
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		all = append(all, name)
		if !strings.Contains(options, "omit") {
			required = append(required, name)
		}
	}
	slices.Sort(all)
	slices.Sort(required)
	return all, required
}
