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

func TestQuotaAndDiagnosisAreDocumentedAsTheyAreSent(t *testing.T) {
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
	for _, path := range []string{"/v1/apps/{app}/quota", "/v1/apps/{app}/doctor"} {
		if doc.Paths[path]["get"] == nil {
			t.Errorf("GET %s is not documented", path)
		}
	}
	for name, v := range map[string]any{
		"Quota": api.Quota{}, "QuotaPath": api.QuotaPath{}, "QuotaThrottled": api.QuotaThrottled{},
		"Diagnosis": api.Diagnosis{}, "Finding": api.Finding{},
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
