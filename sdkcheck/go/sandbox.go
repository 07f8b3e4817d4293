package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// sandbox is the simulated platforms' own side: they are told what to do, and asked for the
// truth.
type sandbox struct {
	url string
}

// kill ends the app's current token, as a platform does that is in the mood.
func (s sandbox) kill(platform, app string) error {
	return s.do(http.MethodPost, "/_sandbox/"+platform+"/apps/"+app+"/kill", "{}", nil)
}

// seen is what a platform saw of an app.
type seen struct {
	issues  int
	refused map[string]int // by code
	misuses []string       // what Hufu did wrong, besides calls with a token that was killed
}

func (s sandbox) truth(platform, app string) (seen, error) {
	var state struct {
		Platforms []struct {
			Name string `json:"name"`
			Apps []struct {
				ID     string `json:"app_id"`
				Counts struct {
					Issues int            `json:"issues"`
					ByCode map[string]int `json:"by_code"`
				} `json:"counts"`
			} `json:"apps"`
		} `json:"platforms"`
		Misuses []struct {
			App    string `json:"app"`
			What   string `json:"what"`
			Detail string `json:"detail"`
		} `json:"misuses"`
	}
	if err := s.do(http.MethodGet, "/_sandbox/state", "", &state); err != nil {
		return seen{}, err
	}
	var misuses []string
	for _, m := range state.Misuses {
		if m.App == app && m.What != "killed-token" {
			misuses = append(misuses, m.What+": "+m.Detail)
		}
	}
	for _, p := range state.Platforms {
		for _, a := range p.Apps {
			if p.Name == platform && a.ID == app {
				return seen{issues: a.Counts.Issues, refused: a.Counts.ByCode, misuses: misuses}, nil
			}
		}
	}
	return seen{}, errors.New("the sandbox does not know the app")
}

func (s sandbox) do(method, path, body string, answer any) error {
	req, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask the sandbox: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	client := http.Client{Timeout: patience}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("ask the sandbox: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("ask the sandbox: it answered with HTTP %d", res.StatusCode)
	}
	if answer == nil {
		return nil
	}
	if err := json.NewDecoder(res.Body).Decode(answer); err != nil {
		return fmt.Errorf("read what the sandbox says: %w", err)
	}
	return nil
}
