package declared

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

func (d *Definition) checkSurfaces(fs *faults) {
	fs.must(slices.ContainsFunc(d.Surfaces, func(s Surface) bool { return s.Prefix == "" }), "surfaces", "have none with the prefix \"\", which is for all other paths")
	for i, s := range d.Surfaces {
		fs.within(fmt.Sprintf("surfaces[%d]", i), func() {
			fs.must(s.Prefix == "" || plain(s.Prefix) && !strings.ContainsAny(s.Prefix, "*{}"), "prefix", notPlain)
			fs.must(slices.IndexFunc(d.Surfaces, func(o Surface) bool { return strings.EqualFold(o.Prefix, s.Prefix) }) == i, "prefix", "is there twice")
			fs.baseURL(s.BaseURL)
			fs.within("attach", func() { s.Attach.check(fs) })
			fs.within("errors", func() { s.Errors.check(fs) })
			fs.within("words", func() { checkWords(fs, s.Words, s.Errors) })
			_, own := s.Words[""]
			_, shared := d.Words[""]
			fs.must(own || shared, "words", "are missing for \"\", which is for all errors that have none of their own")
		})
	}
	fs.within("words", func() {
		for _, s := range d.Surfaces {
			// Those that the surface has words of its own for are not said there.
			words := maps.Clone(d.Words)
			maps.DeleteFunc(words, func(name string, _ Word) bool { _, own := s.Words[name]; return own })
			checkWords(fs, words, s.Errors)
		}
	})
	fs.once()
}

func (p Place) check(fs *faults) {
	fs.must((p.Query == "") != (p.Header == ""), "", "has to have one of query and header: where the token stands")
	fs.must(p.Header == "" || isHeaderName(p.Header), "header", "is no name of a header")
	fs.must(!ownHeader(p.Header), "header", "is one that this server writes itself")
	fs.must(p.Scheme == "" || p.Header != "" && isHeaderName(p.Scheme), "scheme", "has to be a word before the token in a header")
}

func (e Errors) check(fs *faults) {
	if !fs.must(len(e.Code) > 0 && !slices.Contains(e.Code, ""), "code", "is missing: the fields in which a code stands") {
		return
	}
	if !fs.must(len(e.Message) > 0 && !slices.Contains(e.Message, ""), "message", "is missing: the fields in which the words stand") {
		return
	}
	fs.must(e.Wait == "" || isHeaderName(e.Wait), "wait", "is no name of a header")
	fs.must(!slices.Contains(e.Detail, ""), "detail", "has a field without a name")
	fs.must(!e.NeedCode || len(e.OK) > 0, "ok", "is missing: without it no answer that has a code is a success")
	fs.must(!e.ByStatus || !e.NeedCode, "need_code", "cannot be there beside by_status, which lets a success have none")
	fs.must(e.Status == 0 || e.Status >= http.StatusOK && e.Status < http.StatusInternalServerError && e.Status/100 != 3, "status", "has to be 200 to 299 or 400 to 499")
	fs.must(!e.ByStatus || e.Status >= http.StatusBadRequest, "status", "has to be 400 or more where refusals are told by it")
	for _, detail := range []bool{false, true} {
		if _, err := e.refusal(detail); err != nil {
			fs.add("", "do not make one JSON object: %v", err)
			return
		}
	}
}

func checkWords(fs *faults, words map[string]Word, e Errors) {
	for _, name := range slices.Sorted(maps.Keys(words)) {
		w := words[name]
		field := fmt.Sprintf("[%q]", name)
		if known := broker.Spoken(); name != "" && !slices.Contains(known, name) {
			fs.found = append(fs.found, Fault{Field: fs.name(field), Wrong: "is neither the code of an error of this server nor a class of them", Known: known})
			continue
		}
		fs.must(w.Code != "" && !slices.Contains(e.OK, w.Code), field, "has no code, or one of a success")
		fs.must(w.Status == 0 || w.Status >= http.StatusOK && w.Status < http.StatusInternalServerError && w.Status/100 != 3, field, "has a status that is not 200 to 299 or 400 to 499")
		if _, err := e.beside(w); err != nil && len(w.Extra) > 0 {
			fs.add(field, "does not make one JSON object together with the surface's errors: %v", err)
		}
		fs.must(w.Status == 0 || !e.ByStatus || w.Status >= http.StatusBadRequest, field, "has a status below 400, where refusals are told by it")
	}
}

func (d *Definition) checkCode(fs *faults, i int) {
	c := &d.Codes[i]
	fs.must(c.Code != "", "code", "is missing")
	fs.must(slices.IndexFunc(d.Codes, func(o Code) bool { return o.Code == c.Code && o.At == c.At }) == i, "code", "is there twice")
	fs.must(c.At == "" || c.At == AtIssue || c.At == AtCall, "at", "has to be %s or %s, or to be left out", AtIssue, AtCall)
	fs.must(isName(c.Name), "name", "has to be of a-z, 0-9 and _, and to begin with a letter")
	fs.must(slices.Contains([]broker.Class{
		broker.Transient, broker.Throttled, broker.BadCredential, broker.Misconfigured, broker.Denied, broker.NotFound, broker.Invalid,
	}, c.Class), "class", "has to be transient, throttled, bad_credential, misconfigured, denied, not_found or invalid")
	first := slices.IndexFunc(d.Codes, func(o Code) bool { return o.Name == c.Name })
	fs.must(d.Codes[first].Class == c.Class, "class", "differs from that of codes[%d], which has the same name", first)
	fs.must(c.Says != "", "says", "is missing: what the code says, in words")
	fs.must(c.Hint != "", "hint", "is missing: what the operator does next")
	fs.must(c.Reset == broker.ResetNone || c.Class == broker.Throttled, "reset", "is only for the class throttled")
	fs.must(c.Retry >= 0, "retry", "may not be negative")
	fs.must(!c.Rejects || !c.Lives, "lives", "cannot be there beside rejects")
	fs.must(!c.Rejects || c.At != AtIssue, "rejects", "is only for codes that are said at calls")
	fs.must(c.Beside == "" || slices.ContainsFunc(d.Surfaces, func(s Surface) bool { return len(s.Errors.Detail) > 0 }), "beside", "is only for codes that stand in a detail, and no surface has one")
	fs.must(len(d.Surfaces) == 0 || slices.ContainsFunc(d.Surfaces, func(s Surface) bool { return !slices.Contains(s.Errors.OK, c.Code) }), "code", "is one of a success on every surface")
}

func (d *Definition) checkCheck(fs *faults, c *Check) {
	fs.method(c.Method)
	fs.path(c.Path)
	fs.must(c.Method != http.MethodGet || len(c.JSON) == 0, "json", "is a body, which a GET does not have")
	slots := map[string]bool{}
	for field, m := range map[string]map[string]string{"query": c.Query, "json": c.JSON} {
		for name, s := range m {
			fs.template(field+"."+name, s, slots, d.Params)
		}
	}
	fs.must(!slots[slotSecret], "", "has the secret in it, though a token opens it")
}
