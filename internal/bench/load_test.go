package bench_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// load sends prepared requests over and over on a number of keep-alive connections, each
// of which begins at another one of them. It reads no more of an answer than it must, so that the server is what
// is measured.
type load struct {
	addr     string
	requests [][]byte
	conns    int
}

type result struct {
	perSecond float64
	p50, p99  time.Duration
	bytes     int // of one answer
}

func (l load) run(d time.Duration) (result, error) {
	var n atomic.Int64
	var size atomic.Int64
	var mu sync.Mutex
	var all []time.Duration
	var firstErr error
	var wg sync.WaitGroup
	begun := time.Now()
	end := begun.Add(d)
	for i := range l.conns {
		wg.Go(func() {
			took, bytes, err := l.connection(i*len(l.requests)/l.conns, end)
			n.Add(int64(len(took)))
			size.Store(int64(bytes))
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
			if err != nil && firstErr == nil {
				firstErr = err
			}
		})
	}
	wg.Wait()
	if firstErr != nil || len(all) == 0 {
		return result{}, fmt.Errorf("load on %s: %w", l.addr, firstErr)
	}
	slices.Sort(all)
	return result{
		perSecond: float64(n.Load()) / time.Since(begun).Seconds(),
		p50:       all[len(all)/2], p99: all[len(all)*99/100], bytes: int(size.Load()),
	}, nil
}

func (l load) connection(next int, end time.Time) (took []time.Duration, size int, err error) {
	c, err := net.Dial("tcp", l.addr)
	if err != nil {
		return nil, 0, err
	}
	defer c.Close()
	r := bufio.NewReaderSize(c, 4<<10)
	for {
		begun := time.Now()
		if begun.After(end) {
			return took, size, nil
		}
		next++
		if _, err := c.Write(l.requests[next%len(l.requests)]); err != nil {
			return took, size, err
		}
		if size, err = readAnswer(r); err != nil {
			return took, size, err
		}
		took = append(took, time.Since(begun))
	}
}

var contentLength = []byte("Content-Length: ")

// readAnswer reads one answer that is a 200 with a length.
func readAnswer(r *bufio.Reader) (size int, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
		return 0, fmt.Errorf("answer %q", line)
	}
	size, length := len(line), -1
	for {
		if line, err = r.ReadSlice('\n'); err != nil {
			return 0, err
		}
		size += len(line)
		if len(line) <= 2 {
			break
		}
		if v, ok := bytes.CutPrefix(line, contentLength); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(v))); err != nil {
				return 0, err
			}
		}
	}
	if length < 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := r.Discard(length)
	return size + n, err
}
