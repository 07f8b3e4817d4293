package feishu

import "testing"

func TestNothingIsWrongWithTheDefinition(t *testing.T) {
	t.Parallel()
	def := definition(Name, BaseURL, "https://accounts.feishu.cn")
	for _, f := range def.Faults() {
		t.Error(f)
	}
}
