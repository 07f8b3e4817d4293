package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/rueidis"
)

// The first version that has everything that is used here.
const (
	minMajor = 6
	minMinor = 2
)

// schema is what this binary writes, and needs is what a binary has to know to work with
// that. Servers of different versions work side by side; needs only grows when a change
// is made that would mislead those that do not know of it.
const (
	schema = 1
	needs  = 1
)

// server is what is known of the node that has our keys.
type server struct {
	info map[string]string // nil where it may not be asked for
	// save and appendfsync are as configured, and unknown says that they may not be asked for.
	save, appendfsync string
	unknown           bool
}

// examine finds out whether the Redis does for a store, and says what it does not do.
func (s *Store) examine(ctx context.Context) error {
	v, err := call(ctx, s, s.ask)
	if err != nil {
		return err
	}
	if v.info == nil {
		s.log.WarnContext(ctx, "it could not be found out how durable Redis is, because the user may not call INFO")
		return nil
	}
	version := v.info["redis_version"]
	if !recent(version) {
		return fmt.Errorf("this Redis is version %s: %d.%d or later is needed", version, minMajor, minMinor)
	}
	if role := v.info["role"]; role != "" && role != "master" {
		return errors.New("this Redis is a replica, which cannot be written: name the master, or Sentinels with master_set")
	}
	s.durable = v.info["aof_enabled"] == "1"
	s.warn(ctx, v)
	return nil
}

// ask asks the node that has our keys, over one connection.
func (s *Store) ask(ctx context.Context) (server, error) {
	c, release := s.client.Dedicate()
	defer release()
	var v server
	// In a Cluster the first key decides which node is asked.
	if err := c.Do(ctx, c.B().Hget().Key(s.names.schema).Field("written").Build()).Error(); err != nil && !rueidis.IsRedisNil(err) {
		return v, err
	}
	info, err := c.Do(ctx, c.B().Info().Build()).ToString()
	if forbidden(err) {
		return v, nil
	}
	if err != nil {
		return v, err
	}
	v.info = map[string]string{}
	for line := range strings.Lines(info) {
		if name, value, found := strings.Cut(strings.TrimSpace(line), ":"); found {
			v.info[name] = value
		}
	}
	for name, value := range map[string]*string{"save": &v.save, "appendfsync": &v.appendfsync} {
		found, err := c.Do(ctx, c.B().ConfigGet().Parameter(name).Build()).AsStrMap()
		if forbidden(err) {
			v.unknown = true
			return v, nil
		}
		if err != nil {
			return v, err
		}
		*value = found[name]
	}
	return v, nil
}

// forbidden reports whether a server answered that it does not do this, whatever its
// reason: a user without the right, a command that was renamed, a service without it.
func forbidden(err error) bool {
	_, is := rueidis.IsRedisErr(err)
	return is
}

func recent(version string) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	major, errMajor := strconv.Atoi(parts[0])
	minor, errMinor := strconv.Atoi(parts[1])
	return errMajor == nil && errMinor == nil && (major > minMajor || major == minMajor && minor >= minMinor)
}

// warn says what an operator should do about it.
func (s *Store) warn(ctx context.Context, v server) {
	if policy := v.info["maxmemory_policy"]; policy != "" && policy != "noeviction" {
		s.log.WarnContext(ctx, "Redis may throw away what is stored when its memory is full; set its maxmemory-policy to noeviction", "maxmemory_policy", policy)
	}
	switch {
	case s.durable && v.unknown:
		s.log.InfoContext(ctx, "Redis writes its append-only file; how often it is brought to the disk could not be found out, because CONFIG is forbidden")
	case s.durable && v.appendfsync == "no":
		s.log.WarnContext(ctx, "Redis writes its append-only file, but leaves it to the system when that is on the disk; set its appendfsync to everysec or always")
	case s.durable:
		s.log.InfoContext(ctx, "Redis writes its append-only file", "appendfsync", v.appendfsync)
	case v.unknown:
		s.log.WarnContext(ctx, "Redis writes no append-only file, and loses what was written when it ends; set its appendonly to yes. "+
			"Whether it saves snapshots could not be found out, because CONFIG is forbidden")
	case v.save != "":
		s.log.WarnContext(ctx, "Redis saves snapshots only, and loses what was written since the last one when it crashes; set its appendonly to yes", "save", v.save)
	default:
		s.log.WarnContext(ctx, "Redis keeps nothing on its disk, and loses everything when it ends; set its appendonly to yes")
	}
}

// enroll notes what this binary writes, unless what is there is too new for it.
func (s *Store) enroll(ctx context.Context) error {
	needed, err := runInt(ctx, s, s.scripts.enroll, []string{s.names.schema}, text(schema), text(needs))
	if err != nil {
		return err
	}
	if needed > 0 {
		return fmt.Errorf("the store has schema %d, this version of hufu knows schemas up to %d: "+
			"use the version of hufu that wrote it, or a newer one", needed, schema)
	}
	return nil
}
