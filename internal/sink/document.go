package sink

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// document is the content of a JSON file, and of a key in that format: the native API's answer with absolute
// times only. It has no expires_in, because that counts from an answer and a file
// is read at any time; a reader that shares its decoder with the API finds none
// and so relies on none.
type document struct {
	App      string         `json:"app"`
	Kind     broker.Kind    `json:"kind"`
	Token    string         `json:"token"`
	Version  broker.Version `json:"version"`
	Expiry   time.Time      `json:"expiry"` // the end of the promise, as in the API
	IssuedAt time.Time      `json:"issued_at"`
}

func newDocument(tok broker.Token) document {
	return document{
		App: tok.Key.App, Kind: tok.Key.Kind, Token: tok.Secret.Reveal(), Version: tok.Version,
		Expiry: tok.Until.UTC().Truncate(time.Second), IssuedAt: tok.Issued.UTC().Truncate(time.Second),
	}
}

// encode returns the document as one line.
func (d document) encode() ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(d); err != nil {
		return nil, fmt.Errorf("encode token: %w", err)
	}
	return out.Bytes(), nil
}

// setDocument returns the JSON file with the token in it, or old itself if the
// file is not to change.
func setDocument(old []byte, tok broker.Token) ([]byte, error) {
	doc := newDocument(tok)
	if len(bytes.TrimSpace(old)) > 0 {
		var was document
		// The decoder's own error would quote from the file.
		if json.Unmarshal(old, &was) != nil || was.App == "" {
			return nil, errForeignContent
		}
		if was.App != doc.App || was.Kind != doc.Kind {
			return nil, fmt.Errorf("%w: it is for %s of app %q; give each sink its own file, or remove this one",
				errForeignContent, was.Kind, was.App)
		}
		if was == doc || newer(was, doc) {
			return old, nil
		}
	}
	return doc.encode()
}

// newer reports whether the file is ahead of the token. A higher version alone
// does not say so: an app that was removed and added again starts over.
func newer(file, doc document) bool {
	return file.Version > doc.Version && !file.IssuedAt.Before(doc.IssuedAt)
}
