package main

import (
	"bytes"
	"net"
	"testing"
	"time"
)

// A server that is frozen takes connections and says nothing.
func TestHealthWaitsThreeSecondsAndNoLonger(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var stdout, stderr bytes.Buffer
	began := time.Now()
	code := run(t.Context(), &leftovers{}, []string{"health", "http://" + l.Addr().String()}, nil, &stdout, &stderr)
	if code != exitFailure || !bytes.Contains(stderr.Bytes(), []byte("no answer within 3s")) || stdout.Len() > 0 {
		t.Errorf("exit code %d: %s%s", code, &stdout, &stderr)
	}
	if took := time.Since(began); took > 2*healthTimeout {
		t.Errorf("it took %v", took)
	}
}
