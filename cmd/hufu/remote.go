package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"

	"github.com/hufu-io/hufu/client"
	"github.com/hufu-io/hufu/internal/broker"
)

const (
	defaultAddr  = "http://127.0.0.1:8080"
	adminKeyPath = "data/admin.key" // where a server with the default configuration keeps it
	// maxSecret is far above the length of any app secret or key.
	maxSecret = 16 << 10
)

// dial returns a client for the server that the environment names. A key goes where an
// app secret may go: over https, or next door, there through no proxy.
func dial() (*client.Client, error) {
	addr, host, err := broker.ParseBaseURL(cmp.Or(os.Getenv("HUFU_ADDR"), defaultAddr))
	if err != nil {
		return nil, &usageError{err: fmt.Errorf("HUFU_ADDR %w", err)}
	}
	key := os.Getenv("HUFU_KEY")
	if key == "" {
		if key, err = localKey(host); err != nil {
			return nil, err
		}
	}
	if err := checkKey(key); err != nil {
		return nil, err
	}
	c, err := client.New(client.Config{Addr: addr, Key: key, HTTPClient: &http.Client{Transport: explaining{keyTransport()}}})
	if err != nil {
		return nil, &usageError{err: fmt.Errorf("HUFU_ADDR: %w", err)}
	}
	return c, nil
}

// localKey returns the admin key of a server on this machine. No other one gets it:
// whoever sets HUFU_ADDR only is not asked whether it should.
func localKey(host string) (string, error) {
	if !broker.LoopbackHost(host) {
		return "", &usageError{err: errors.New("no client key: set HUFU_KEY; HUFU_ADDR names another machine, to which the admin key in " + adminKeyPath + " is not sent by itself")}
	}
	data, err := os.ReadFile(adminKeyPath)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", &usageError{err: errors.New("no client key: set HUFU_KEY, or run this where the server's " + adminKeyPath + " is")}
	case err != nil:
		return "", fmt.Errorf("no client key: HUFU_KEY is not set, and the admin key cannot be read: %w", err)
	}
	return string(bytes.TrimSpace(data)), nil
}
