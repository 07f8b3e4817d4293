package sink

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hufu-io/hufu/internal/broker"
)

// The types of sinks.
const (
	Properties = broker.SinkProperties
	JSON       = broker.SinkJSON
	Redis      = broker.SinkRedis
	Webhook    = broker.SinkWebhook
)

const types = "properties, json, redis or webhook"

// Check reports what is wrong with a sink's description, without any I/O.
func Check(s broker.Sink) error {
	switch s.Type {
	case Properties, JSON:
		return checkFile(s)
	case Redis:
		return checkRedis(s)
	case Webhook:
		return checkWebhook(s)
	case "":
		return errors.New("the sink has no type; it is " + types)
	default:
		return fmt.Errorf("unknown type of sink %q; it is %s", s.Type, types)
	}
}

func checkFile(s broker.Sink) error {
	switch {
	case s.Type == Properties && !utf8.ValidString(s.Key):
		return errors.New("the sink's key is not valid UTF-8")
	case s.Type == JSON && s.Key != "":
		return errors.New("a json sink has no key")
	case s.Confidential():
		return fmt.Errorf("a %s sink has neither a url nor a secret", s.Type)
	case s.Path == "":
		return errors.New("the sink has no path")
	case strings.ContainsRune(s.Path, 0):
		return errors.New("the sink's path has a zero byte in it")
	case strings.HasSuffix(s.Path, string(filepath.Separator)):
		return fmt.Errorf("the sink's path %q is a folder", s.Path)
	}
	return nil
}

func checkRedis(s broker.Sink) error {
	if _, err := broker.ParseRedisURL(s.URL.Reveal()); err != nil {
		return fmt.Errorf("the sink's url %w", err)
	}
	if _, ok := broker.FindSinkFormat(s.Format); !ok {
		return fmt.Errorf("unknown format %q", s.Format)
	}
	if err := broker.CheckRedisKey(s.Key); err != nil {
		return fmt.Errorf("the sink's key %w", err)
	}
	if s.Path != "" || !s.Secret.IsZero() {
		return errors.New("a redis sink has neither a path nor a secret")
	}
	return nil
}

func checkWebhook(s broker.Sink) error {
	if _, err := broker.ParseWebhookURL(s.URL.Reveal(), s.IncludeToken); err != nil {
		return fmt.Errorf("the sink's url %w", err)
	}
	if _, err := broker.ParseWebhookSecret(s.Secret); err != nil {
		return fmt.Errorf("the sink's secret %w", err)
	}
	if s.Path != "" || s.Key != "" {
		return errors.New("a webhook sink has neither a path nor a key")
	}
	return nil
}

// withDefaults fills in what a sink's description leaves out.
func withDefaults(s broker.Sink) broker.Sink {
	if s.Kind == "" {
		s.Kind = broker.AccessToken
	}
	switch {
	case s.Key == "" && s.Type == Properties:
		s.Key = string(s.Kind)
	case s.Format == "" && s.Type == Redis:
		s.Format = broker.DefaultSinkFormat
	}
	return s
}

// traits are what the runner has to know of a type of sink.
type traits struct {
	// network is set where a target is another server. It has workers of its own, so that
	// servers that are away do not keep files from theirs.
	network bool
	timeout time.Duration // of one attempt
	// repeat is how often a token is written again that is there already; zero: never. A
	// cache may lose it, and the promise on it may change.
	repeat time.Duration
	// states is set where the end of the promise is written beside the token, to be read at
	// any time: one that has grown is written once.
	states bool
}

func traitsOf(typ string) traits {
	const fileTimeout, networkTimeout = 30 * time.Second, 5 * time.Second
	switch typ {
	case Redis:
		return traits{network: true, timeout: networkTimeout, repeat: time.Minute}
	case Webhook:
		return traits{network: true, timeout: networkTimeout}
	case JSON:
		return traits{timeout: fileTimeout, states: true}
	default:
		return traits{timeout: fileTimeout}
	}
}
