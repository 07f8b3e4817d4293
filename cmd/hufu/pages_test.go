package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestThePagesInBothLanguagesNameTheSame holds each page to the one in the other language:
// the names of fields, codes and metrics in their prose, and all that a row of a table is
// about. A field that is described in one language only fails it.
func TestThePagesInBothLanguagesNameTheSame(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	pages := map[string]string{"README.md": "README.zh-CN.md", "deploy/README.md": "deploy/README.zh-CN.md"}
	chinese, err := filepath.Glob(filepath.Join(root, "docs", "zh-CN", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range chinese {
		name := filepath.Base(path)
		pages["docs/"+name] = "docs/zh-CN/" + name
	}
	// The Chinese page for operators is a shorter one, which leaves the metrics and the
	// fields of the log to the English page.
	delete(pages, "docs/operations.md")
	// What is said in passing, where the other page has other words for it.
	passing := []string{"invalid_token", "foreign_rotation", "jsapi_ticket", "wx_card_ticket"}

	for here, there := range pages {
		a, b := pageWords(t, filepath.Join(root, here)), pageWords(t, filepath.Join(root, there))
		for _, missing := range []struct {
			page, other string
			words       []string
		}{{there, here, a.without(b)}, {here, there, b.without(a)}} {
			for _, word := range missing.words {
				if !slices.Contains(passing, word) {
					t.Errorf("%s does not name `%s`, as %s does", missing.page, word, missing.other)
				}
			}
		}
	}
}

// words are what stands in backticks on a page: all of it, and what has to be on the
// page in the other language too.
type words struct{ all, names map[string]bool }

func (w words) without(other words) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(w.names)), func(s string) bool { return other.all[s] })
}

var (
	codeBlock = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	inCode    = regexp.MustCompile("`([^`\n]+)`")
	plainName = regexp.MustCompile(`^\.?[a-z][a-z0-9_]*(\[\])?(\.[a-z][a-z0-9_]*(\[\])?)*$`)
	fileName  = regexp.MustCompile(`\.(conf|json|key|lock|md|sh|txt|ya?ml)$`)
)

func pageWords(t *testing.T, path string) words {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	w := words{map[string]bool{}, map[string]bool{}}
	for line := range strings.Lines(codeBlock.ReplaceAllString(string(text), "")) {
		about := 0 // How much of the line says what a row of a table is about.
		if rest, row := strings.CutPrefix(line, "| "); row {
			cell, _, _ := strings.Cut(rest, " |")
			about = len(line) - len(rest) + len(cell)
		}
		for _, at := range inCode.FindAllStringSubmatchIndex(line, -1) {
			word := line[at[2]:at[3]]
			w.all[word] = true
			if plainName.MatchString(word) && !fileName.MatchString(word) && (at[3] <= about || strings.ContainsAny(word, "_.[")) {
				w.names[word] = true
			}
		}
	}
	return w
}
