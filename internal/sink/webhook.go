package sink

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// maxWebhookAnswer is how much of an answer is read, for the connection's sake; nobody
// looks at it.
const maxWebhookAnswer = 64 << 10

// webhooks opens sinks that are receivers of webhooks.
type webhooks struct {
	client *http.Client
	now    func() time.Time
}

func newWebhooks(c PlacesConfig) *webhooks {
	return &webhooks{now: c.Now, client: &http.Client{
		Transport: c.Transport,
		// Where a receiver sends the caller to was not checked, and the token may be in it.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// open returns the target of a sink that was checked.
func (w *webhooks) open(s broker.Sink) (Target, error) {
	key, err := broker.ParseWebhookSecret(s.Secret)
	if err != nil {
		return nil, fmt.Errorf("the sink's secret %w", err)
	}
	return &webhook{webhooks: w, sink: s, key: key}, nil
}

// webhook is a sink that is told of every new token, by the rules of Standard Webhooks.
type webhook struct {
	webhooks *webhooks
	sink     broker.Sink
	key      []byte
}

// notice is the body. Token is empty unless the sink includes it.
type notice struct {
	App      string         `json:"app"`
	Kind     broker.Kind    `json:"kind"`
	Version  broker.Version `json:"version"`
	Expiry   time.Time      `json:"expiry"` // the end of the promise, as in the API
	IssuedAt time.Time      `json:"issued_at"`
	Token    string         `json:"token,omitempty"`
}

// noticeID names the event. Every replica sends it and every attempt repeats it, so the
// name is the same for all of them. The time keeps apart what an app that was removed and
// added again counts once more. It has no dot, which the signature uses as a separator.
func noticeID(tok broker.Token) string {
	return fmt.Sprintf("%s/%s/%d/%d", tok.Key.App, tok.Key.Kind, tok.Version, tok.Issued.Unix())
}

// Write implements [Target].
func (t *webhook) Write(ctx context.Context, tok broker.Token) error {
	if err := t.send(ctx, tok); err != nil {
		return fmt.Errorf("send webhook to %s: %w", t.sink.Place(), conceal(err, tok.Secret, t.sink.URL))
	}
	return nil
}

func (t *webhook) send(ctx context.Context, tok broker.Token) error {
	doc := newDocument(tok)
	n := notice{App: doc.App, Kind: doc.Kind, Version: doc.Version, Expiry: doc.Expiry, IssuedAt: doc.IssuedAt}
	if t.sink.IncludeToken {
		n.Token = doc.Token
	}
	body, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.sink.URL.Reveal(), bytes.NewReader(body))
	if err != nil {
		return errors.New("make a request of it") // Its error quotes the URL.
	}
	id, stamp := noticeID(tok), strconv.FormatInt(t.webhooks.now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "hufu")
	req.Header.Set("Webhook-Id", id)
	req.Header.Set("Webhook-Timestamp", stamp)
	req.Header.Set("Webhook-Signature", "v1,"+t.sign(id, stamp, body))
	resp, err := t.webhooks.client.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // It quotes the URL.
		}
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // Nobody looks at the body.
	_, _ = io.CopyN(io.Discard, resp.Body, maxWebhookAnswer)
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("it answered with status %d", resp.StatusCode)
	}
	return nil
}

// sign returns the signature over what Standard Webhooks has signed.
func (t *webhook) sign(id, stamp string, body []byte) string {
	mac := hmac.New(sha256.New, t.key)
	mac.Write(fmt.Appendf(nil, "%s.%s.%s", id, stamp, body))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
