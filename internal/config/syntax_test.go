package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/config"
)

// What stands around the slip must not change the line that is reported.
func TestASyntaxErrorIsOneFaultWithTheLineOfTheSlip(t *testing.T) {
	t.Parallel()
	const tail = "log:\n  level: info\n# the end\n\nmetrics: true\n"
	for _, c := range []faultCase{
		{
			"a line that is indented too little", "listen: :80\napps:\n  - id: shop\n   platform: wechat\n",
			"4: not valid YAML: did not find expected '-' indicator; check the indentation and the quotes here and above",
		},
		{
			"a forgotten colon", "apps:\n  - id: shop\n    secret 5ec0e7a1\n    platform: wechat\n",
			"3: not valid YAML: could not find expected ':'; write a colon and a space after the field's name",
		},
		{
			"a forgotten space", "apps:\n  - platform: wechat\n    secret:5ec0e7a1\n    app_id: wx1\n",
			"3: not valid YAML: could not find expected ':'; write a colon and a space after the field's name",
		},
		{
			"an open bracket", "listen: :80\napps: [a, b\n",
			"2: not valid YAML: did not find expected ',' or ']'; close the quote or bracket that is opened here",
		},
		{
			"an open quote", "metrics: true\nlisten: \":80\n",
			"2: not valid YAML: found unexpected end of stream; close the quote or bracket that is opened here",
		},
		{
			"text after a quote", "listen: :80\ndata_dir: 'it's'\n",
			"2: not valid YAML: did not find expected key; check the indentation and the quotes here and above",
		},
		{
			"a bracket too many", "listen: :80\n}\n",
			"2: not valid YAML: did not find expected key; check the indentation and the quotes here and above",
		},
		{
			"a tab", "log:\n\tlevel: info\n",
			"2: not valid YAML: found character that cannot start any token; indent with spaces, and put a value that starts with @, % or ` in quotes",
		},
		{
			"a value that starts with @", "listen: @all\n",
			"1: not valid YAML: found character that cannot start any token; indent with spaces, and put a value that starts with @, % or ` in quotes",
		},
		{
			"a value that starts with *", "listen: :80\ndata_dir: *5ec0e7a1\n",
			"2: not valid YAML: an alias without an anchor; put a value that starts with * in quotes",
		},
		{
			"a value that starts with !", "listen: !5ec0!e7a1\n",
			"1: not valid YAML: found undefined tag handle; put a value that starts with ! in quotes",
		},
		{
			"a colon in a value", "listen: :80\ndata_dir: a: b\n",
			"2: not valid YAML: mapping values are not allowed in this context; put a value with a colon and a space in quotes, and check the indentation",
		},
		{"bytes that are no text", "listen: :80\ndata_dir: \xff\n", "2: not valid YAML: invalid leading UTF-8 octet; save the file as UTF-8"},
		{"GBK", "listen: :80\n# \xb5\xea\xc6\xcc\n", "2: not valid YAML: invalid leading UTF-8 octet; save the file as UTF-8"},
		{
			"a full-width colon", "apps：\n  - id: shop\n    platform: wechat\n",
			"1: not valid YAML: a full-width colon (：) stands here; write : and a space after a field's name",
		},
		{
			"full-width colons in an item", "apps:\n  - id：shop\n    # 店铺\n    platform：wechat\n    app_id: wx1\n",
			"2: not valid YAML: a full-width colon (：) stands here; write : and a space after a field's name",
		},
		{
			"a full-width colon in braces", "apps:\n  - {id: shop, platform： wechat, app_id: \"a\" b}\n",
			"2: not valid YAML: a full-width colon (：) stands here; write : and a space after a field's name",
		},
		{
			"full-width quotes", "listen: :80\ndata_dir: “a: b”\n",
			"2: not valid YAML: a full-width quote (“ or ”) stands here; write \"",
		},
		{
			"a full-width comma", "log: {level: info， format: json}\n",
			"1: not valid YAML: a full-width comma (，) stands here; write , and a space between the items",
		},
		{
			"full-width signs in texts before a slip", "# 说明：\ndata_dir: 数据：一，“二”\nlisten: a: b\n",
			"3: not valid YAML: mapping values are not allowed in this context; put a value with a colon and a space in quotes, and check the indentation",
		},
		{
			"a text like a slip well before one", "data_dir: |\n  note：a\nlisten: :80\nmetrics: a: b\n",
			"4: not valid YAML: mapping values are not allowed in this context; put a value with a colon and a space in quotes, and check the indentation",
		},
		{"control characters", "listen: :80\ndata_dir: \x00\n", "2: not valid YAML: control characters are not allowed"},
		{
			"a slip in a second document", "listen: :80\n---\na: b\n- c\n",
			"4: not valid YAML: did not find expected key; check the indentation and the quotes here and above",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, text := range []string{c.text, strings.TrimSuffix(c.text, "\n"), c.text + tail} {
				_, err := load(t, text, config.Options{})
				if err == nil {
					t.Fatalf("no fault in:\n%s", text)
				}
				if diff := cmp.Diff(c.want, faultLines(t, err)); diff != "" {
					t.Errorf("%s(-want +got):\n%s", text, diff)
				}
			}
		})
	}
}

func TestHostileFilesAreRefusedWithinReason(t *testing.T) {
	t.Parallel()
	many := func(s string) string { return strings.Repeat(s, (1<<20)/len(s)) }
	for name, text := range map[string]string{
		"too long":            many("#") + "#",
		"deep lists":          many("["),
		"deep block lists":    many("- "),
		"deep keys":           many("? "),
		"deep mappings":       strings.Repeat("{a: ", 9999) + strings.Repeat("}", 9999),
		"many duplicate keys": many("a: b\n"),
		"many unknown fields": "log:\n" + many("  ab: 1\n")[:1<<19],
		"many documents":      many("---\n"),
		"many anchors":        "apps:\n" + many("- &a b\n"),
		"many aliases":        "apps:\n- &a b\n" + strings.Repeat("- *a\n", 200_000),
		"many empty apps":     "apps:\n" + strings.Repeat("-\n", 100_000),
		"a slip at the end":   many("- a\n")[:1<<19] + "}\n",
		"one long value":      "listen: " + strings.Repeat("a", 1<<19),
		"one long key":        strings.Repeat("a", 1<<10) + ": b",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := load(t, text, config.Options{}); err == nil {
				t.Error("no fault")
			}
		})
	}
}
