package redisstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/redis/rueidis"

	"github.com/hufu-io/hufu/internal/broker"
)

// explain adds to an error what an operator can do about it, and takes out of it what
// must not be told.
func (s *Store) explain(err error) error {
	for _, ours := range []error{nil, rueidis.Nil, ErrClosed, broker.ErrLeaseHeld, context.Canceled} {
		if errors.Is(err, ours) {
			return err
		}
	}
	if errors.Is(err, rueidis.ErrClosing) && s.isClosed() {
		return ErrClosed
	}
	hint := hintOf(err)
	err = s.redact(err)
	if hint != "" {
		return fmt.Errorf("%s: %w", hint, err)
	}
	return err
}

// hintOf knows the faults by their codes. What a script ran into has its code in the
// middle, in older versions of Redis.
func hintOf(err error) string {
	if re, is := rueidis.IsRedisErr(err); is {
		said := re.Error()
		for _, known := range []struct{ code, hint string }{
			{"NOAUTH", "Redis wants a password, and the URL has none"},
			{"WRONGPASS", "the user or the password in the URL is wrong"},
			{"NOPERM", "the user in the URL may not do everything that is needed"},
			{"can't run this command", "the user in the URL may not do everything that is needed"},
			{"READONLY", "this Redis is a replica, which cannot be written: name the master, or Sentinels with master_set"},
			{"OOM", "Redis has no memory left: raise its maxmemory"},
			{"MISCONF", "Redis refuses writes because it cannot save to its disk"},
			{"NOREPLICAS", "Redis refuses writes because it has too few replicas"},
			{"CLUSTERDOWN", "the Redis Cluster is down"},
			{"LOADING", "Redis is still loading what it has saved"},
			{"MASTERDOWN", "this Redis is a replica that has lost its master"},
			{"TRYAGAIN", "the Redis Cluster is moving our keys to another node, and takes writes again when it has done so"},
			{"MOVED", "this Redis is a node of a Cluster, whose other nodes cannot be reached"},
			{"WRONGTYPE", "a key with our prefix is somebody else's: give the URL another prefix"},
			{"cluster support disabled", "several addresses are for a Cluster, or for Sentinels with master_set"},
			{"No such master", "the Sentinels watch no master of the name in master_set"},
		} {
			if strings.Contains(said, known.code) {
				return known.hint
			}
		}
		return ""
	}
	var timeout net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout():
		return "Redis does not answer"
	case errors.Is(err, rueidis.ErrNoSlot):
		return "no node of the Redis Cluster has our keys"
	default:
		return "Redis cannot be reached"
	}
}

// fault is an error whose text is not the one it wraps.
type fault struct {
	text string
	err  error
}

func (f *fault) Error() string { return f.text }

// Is finds what an error is, but never shows it.
func (f *fault) Is(target error) bool { return errors.Is(f.err, target) }

// redact takes secrets out of an error, and what a server repeats of a command that it
// does not know: that may be a part of a password.
func (s *Store) redact(err error) error {
	text, _, cut := strings.Cut(err.Error(), ", with args beginning with")
	if cut {
		text += ", …"
	}
	for _, secret := range s.secrets {
		text = strings.ReplaceAll(text, secret, "[secret]")
	}
	if text == err.Error() {
		return err
	}
	return &fault{text, err}
}
