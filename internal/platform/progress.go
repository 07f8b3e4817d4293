package platform

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http/httptrace"
	"sync/atomic"
)

// stage is how far a connection came that was not made.
type stage int32

const (
	stageConnect stage = iota // where nothing is known, too
	stageName
	stageTLS
)

// progress is how far a request is known to have come.
type progress struct {
	asked atomic.Bool // the transport has asked for a connection
	got   atomic.Bool // and has got one
	at    atomic.Int32
}

func (p *progress) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn:           func(string) { p.asked.Store(true) },
		DNSStart:          func(httptrace.DNSStartInfo) { p.at.Store(int32(stageName)) },
		ConnectStart:      func(_, _ string) { p.at.Store(int32(stageConnect)) },
		TLSHandshakeStart: func() { p.at.Store(int32(stageTLS)) },
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			if err == nil { // that with a proxy; the platform is still to come
				p.at.Store(int32(stageConnect))
			}
		},
		GotConn: func(httptrace.GotConnInfo) { p.got.Store(true) },
	}
}

// never reports whether a request that failed with err provably never left: it got no
// connection. Only a transport that was seen to trace proves that by its silence; of
// others a failure to dial is believed. Name resolution, proxies and TLS handshakes
// come before the connection is got.
//
// Once there is a connection, the request counts as sent. The later hooks do not help:
// they are called by the goroutine that writes, which may still be at it after the
// round trip has ended with the context.
func (p *progress) never(err error) bool {
	switch {
	case p.got.Load():
		return false
	case p.asked.Load():
		return true
	}
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &op) && op.Op == "dial" || errors.As(err, &dns)
}

// stage says where a request ended that got no connection.
func (p *progress) stage(err error) stage {
	if dns := (*net.DNSError)(nil); errors.As(err, &dns) {
		return stageName
	}
	return stage(p.at.Load())
}
