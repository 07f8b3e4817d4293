package wecom

import "testing"

func TestNothingIsWrongWithTheDefinition(t *testing.T) {
	t.Parallel()
	def := definition()
	for _, f := range def.Faults() {
		t.Error(f)
	}
}
