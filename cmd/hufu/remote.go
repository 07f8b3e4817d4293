package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/hufu-io/hufu/client"
)

const (
	defaultAddr  = "http://127.0.0.1:8080"
	adminKeyPath = "data/admin.key" // where a server with the default configuration keeps it
	// maxSecret is far above the length of any app secret or key.
	maxSecret = 16 << 10
)

// dial returns a client for the server that the environment names.
func dial() (*client.Client, error) {
	addr := os.Getenv("HUFU_ADDR")
	if addr == "" {
		addr = defaultAddr
	}
	key := os.Getenv("HUFU_KEY")
	if key == "" {
		data, err := os.ReadFile(adminKeyPath)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, &usageError{err: errors.New("no client key: set HUFU_KEY, or run this where the server's " + adminKeyPath + " is")}
		case err != nil:
			return nil, fmt.Errorf("no client key: HUFU_KEY is not set, and the admin key cannot be read: %w", err)
		}
		key = string(bytes.TrimSpace(data))
	}
	c, err := client.New(client.Config{Addr: addr, Key: key})
	if err != nil {
		return nil, &usageError{err: fmt.Errorf("HUFU_ADDR: %w", err)}
	}
	return c, nil
}
