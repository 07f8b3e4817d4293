package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// command is what a control call carries. Each call looks at the fields it
// needs.
type command struct {
	Path        string    `json:"path"`
	App         string    `json:"app"`
	Kind        FaultKind `json:"kind"`
	Delay       duration  `json:"delay"`
	Status      int       `json:"status"`
	Errcode     int       `json:"errcode"`
	Code        string    `json:"code"`
	Times       int       `json:"times"`
	Probability float64   `json:"probability"`

	Mode      Mode     `json:"mode"`
	Token     string   `json:"token"`
	Secret    string   `json:"secret"`
	Whitelist []string `json:"whitelist"`
	OpenID    string   `json:"openid"`
	User      string   `json:"user"`
	Scope     string   `json:"scope"`
	RawData   string   `json:"raw_data"`
	Data      fields   `json:"data"`
	Refresh   string   `json:"refresh_token"`

	Lang string `json:"-"`
}

func (c command) mode() Mode {
	if c.Mode == Stable {
		return Stable
	}
	return Classic
}

func (c command) fault() Fault {
	return Fault{
		Path: c.Path, App: c.App, Kind: c.Kind, Delay: time.Duration(c.Delay), Status: c.Status,
		Errcode: c.Errcode, Code: c.Code, Times: c.Times, Probability: c.Probability,
	}
}

// formCommand reads the page's forms, in which every field is text and an
// empty one means none.
func formCommand(form url.Values) (command, error) {
	var errs []error
	number := func(name string) int {
		v := strings.TrimSpace(form.Get(name))
		if v == "" {
			return 0
		}
		n, err := strconv.Atoi(v)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %q is no number", name, v))
		}
		return n
	}
	cmd := command{
		Path:    strings.TrimSpace(form.Get("path")),
		App:     strings.TrimSpace(form.Get("app")),
		Kind:    FaultKind(form.Get("kind")),
		Status:  number("status"),
		Errcode: number("errcode"),
		Code:    strings.TrimSpace(form.Get("code")),
		Times:   number("times"),
		Mode:    Mode(form.Get("mode")),
		Token:   form.Get("token"),
		Secret:  form.Get("secret"),
		OpenID:  strings.TrimSpace(form.Get("openid")),
		User:    form.Get("user"),
		Scope:   form.Get("scope"),
		RawData: form.Get("raw_data"),
		Refresh: form.Get("refresh_token"),
	}
	if err := cmd.Data.set(form.Get("data")); err != nil {
		errs = append(errs, err)
	}
	if err := cmd.Delay.set(form.Get("delay")); err != nil {
		errs = append(errs, err)
	}
	if v := strings.TrimSpace(form.Get("probability")); v != "" {
		p, err := strconv.ParseFloat(v, 64)
		if err != nil {
			errs = append(errs, fmt.Errorf("probability: %q is no number", v))
		}
		cmd.Probability = p
	}
	cmd.Whitelist = strings.FieldsFunc(form.Get("whitelist"), func(r rune) bool {
		return strings.ContainsRune(", ;，；、\t\r\n", r)
	})
	return cmd, errors.Join(errs...)
}

// duration is written like 1m30s.
type duration time.Duration

func (d *duration) set(s string) error {
	s = strings.TrimSpace(s)
	if s == "" {
		*d = 0
		return nil
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("delay: %q is no duration such as 1m30s", s)
	}
	*d = duration(v)
	return nil
}

// UnmarshalJSON reads a string such as "1m30s".
func (d *duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("delay is no text such as \"1m30s\": %w", err)
	}
	return d.set(s)
}
