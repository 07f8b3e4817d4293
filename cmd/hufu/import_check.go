package main

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/hufu-io/hufu/api"
)

// errUnchecked is the answer of a server that cannot be asked what it has against an app.
var errUnchecked = errors.New("the server is older and does not check apps before they are imported: what it has against one shows when it is its turn")

// check asks the server for what is wrong with apps that are to be put, before any of them is.
// What depends on the others, or on what the client may, shows when it is their turn.
func (i *appImporter) check(ctx context.Context, apps []importApp) (faults []importFault, err error) {
	if i.tokensOnly {
		return nil, nil
	}
	for _, a := range apps {
		if !i.puts(ctx, a) {
			continue
		}
		p, isProblem := errors.AsType[*api.Problem](i.server.CheckApp(ctx, a.app))
		switch {
		case isProblem && (p.Status == http.StatusNotFound || p.Status == http.StatusMethodNotAllowed):
			return faults, errUnchecked
		case isProblem && p.Status == http.StatusBadRequest:
			faults = append(faults, importFault{a.line, complaint(p)})
		}
	}
	return faults, nil
}

// puts reports whether the app would be added or changed. Where the server does not say, it is
// told of when it is the app's turn.
func (i *appImporter) puts(ctx context.Context, a importApp) bool {
	now, err := i.server.App(ctx, a.app.ID)
	if p, ok := errors.AsType[*api.Problem](err); ok {
		return p.Code == api.CodeUnknownApp
	}
	return err == nil && i.replace && len(differences(a.fields, now)) > 0
}

// complaint is what the server has against an app, without the name that the line stands for.
func complaint(p *api.Problem) string {
	_, what, named := strings.Cut(p.Detail, ": ")
	if !named {
		what = p.Detail
	}
	if p.Hint != "" {
		what += "; " + p.Hint
	}
	return what
}
