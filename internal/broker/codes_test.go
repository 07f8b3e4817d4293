package broker_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
)

// unspoken are codes of the packages below that no caller of a platform's path meets.
var unspoken = []string{
	"agent_id_missing", "page_not_allowed", "conflict", "audit_failed", // the native API's
	"no_grant", "authorization_ended", "scope_lacking", "grant_sealed", "user_token_rejected", "wrong_user", "no_login", // users', likewise
	"clock_skew", "token_ended_early", "foreign_rotation", // the doctor's
	"refresh_token_ended", "refresh_token_sealed", "refresh_token_missing", // of oauth2, whose words are not data
	"unknown_platform", "unknown_mode", "bad_token_url", // of apps that are not taken
}

// A code that callers may meet and that is not listed is one for which a description could
// have no words: it would be taken for one that is mistyped.
func TestAllCodesThatCallersMayMeetAreSpoken(t *testing.T) {
	t.Parallel()
	spoken := broker.Spoken()
	seen := map[string]bool{}
	for _, dir := range []string{".", "../access", "../dropin", "../gateway", "../renew", "../platform", "../platform/declared"} {
		files, err := filepath.Glob(dir + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %d files", dir, err, len(files))
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for code := range codesIn(f) {
				seen[code] = true
				if slices.Contains(spoken, code) == slices.Contains(unspoken, code) {
					t.Errorf("%s: the code %s has to be in one of the lists", name, code)
				}
			}
		}
	}
	for _, code := range append(spoken[7:], unspoken...) { // The classes come first.
		if !seen[code] {
			t.Errorf("no error has the code %s any more", code)
		}
	}
}

// codesIn finds the codes of the errors that a file makes, and those in its constants.
func codesIn(f *ast.File) map[string]bool {
	codes := map[string]bool{}
	note := func(x ast.Expr) {
		if lit, ok := x.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, err := strconv.Unquote(lit.Value); err == nil && s != "" {
				codes[s] = true
			}
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CompositeLit:
			of := n.Type
			if sel, ok := of.(*ast.SelectorExpr); ok {
				of = sel.Sel
			}
			if name, ok := of.(*ast.Ident); !ok || name.Name != "Error" {
				return true
			}
			for _, e := range n.Elts {
				if kv, ok := e.(*ast.KeyValueExpr); ok && kv.Key.(*ast.Ident).Name == "Code" {
					note(kv.Value)
				}
			}
		case *ast.ValueSpec:
			for i, name := range n.Names {
				if strings.HasPrefix(strings.ToLower(name.Name), "code") && i < len(n.Values) {
					note(n.Values[i])
				}
			}
		}
		return true
	})
	return codes
}
