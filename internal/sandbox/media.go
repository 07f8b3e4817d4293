package sandbox

import (
	"container/list"
	"errors"
	"io"
	"slices"
	"sync"
	"time"
)

// mediaLifetime is how long content lives that was not uploaded for good.
const mediaLifetime = 3 * 24 * time.Hour

// mediaKind is what an upload says that it is.
type mediaKind string

const (
	mediaImage mediaKind = "image"
	mediaVoice mediaKind = "voice"
	mediaVideo mediaKind = "video"
	mediaThumb mediaKind = "thumb"
)

func (k mediaKind) known() bool {
	return slices.Contains([]mediaKind{mediaImage, mediaVoice, mediaVideo, mediaThumb}, k)
}

// media is one piece of uploaded content. It does not change.
type media struct {
	id          string
	app         string
	kind        mediaKind
	name        string
	contentType string
	description description
	created     time.Time
	permanent   bool
	content     blob
}

// expired reports whether the platform has thrown it away.
func (m *media) expired(at time.Time) bool {
	return !m.permanent && at.Sub(m.created) >= mediaLifetime
}

var (
	errMediaTooLarge = errors.New("media larger than all the room there is")
	errMediaNoRoom   = errors.New("no room for media beside other uploads")
)

// mediaOverhead is about what an upload takes beside its content.
const mediaOverhead = 1 << 10

// mediaStore keeps uploaded content within a bound, which holds for uploads
// under way as well; content dropped while it is being sent lives on until it
// is sent. Its lock is a leaf, and is never held while anything is read.
type mediaStore struct {
	limit int64

	mu   sync.Mutex
	held int64
	list *list.List // of *media, the oldest first
	byID map[string]*list.Element
}

func newMediaStore(limit int64) *mediaStore {
	return &mediaStore{limit: limit, list: list.New(), byID: make(map[string]*list.Element)}
}

// hold takes room for n bytes and drops the oldest content for it. It reports
// false when uploads under way have all the room.
func (s *mediaStore) hold(n int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held += n
	for s.held > s.limit && s.list.Len() > 0 {
		s.drop(s.list.Front())
	}
	if s.held > s.limit {
		s.held -= n
		return false
	}
	return true
}

// free gives room back.
func (s *mediaStore) free(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held -= n
}

// drop forgets content. The lock is held.
func (s *mediaStore) drop(e *list.Element) {
	m := s.list.Remove(e).(*media)
	delete(s.byID, m.id)
	s.held -= m.content.held
}

// add keeps content, whose room is held already.
func (s *mediaStore) add(m *media) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byID[m.id] = s.list.PushBack(m)
}

// find returns an app's content, or nil.
func (s *mediaStore) find(app, id string, at time.Time) *media {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m, e := s.lookup(app, id); e != nil && !m.expired(at) {
		return m
	}
	return nil
}

// remove forgets an app's permanent content, and reports whether there was any.
func (s *mediaStore) remove(app, id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, e := s.lookup(app, id)
	if e == nil || !m.permanent {
		return false
	}
	s.drop(e)
	return true
}

func (s *mediaStore) lookup(app, id string) (*media, *list.Element) {
	e, ok := s.byID[id]
	if !ok {
		return nil, nil
	}
	m, ok := e.Value.(*media)
	if !ok || m.app != app {
		return nil, nil
	}
	return m, e
}

// permanent returns what an app has uploaded for good, the newest first.
func (s *mediaStore) permanent(app string) []*media {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*media
	for e := s.list.Back(); e != nil; e = e.Prev() {
		if m, ok := e.Value.(*media); ok && m.app == app && m.permanent {
			out = append(out, m)
		}
	}
	return out
}

// read takes content in. Unless it fails, the room it takes stays held.
func (s *mediaStore) read(r io.Reader) (blob, error) {
	if !s.hold(mediaOverhead) {
		return blob{}, errMediaNoRoom
	}
	b := blob{held: mediaOverhead}
	for size := int64(firstPiece); ; size = min(2*size, largePiece) {
		more, err := s.readPiece(&b, r, min(size, s.limit-b.held))
		if err != nil {
			s.free(b.held)
			return blob{}, err
		}
		if !more {
			return b, nil
		}
	}
}

// readPiece reads one more piece of at most size bytes, and reports whether
// there may be another.
func (s *mediaStore) readPiece(b *blob, r io.Reader, size int64) (more bool, err error) {
	if size <= 0 {
		// The content may end exactly where the room does.
		switch _, err := fill(r, make([]byte, 1)); {
		case errors.Is(err, io.EOF):
			return false, nil
		case err != nil:
			return false, err
		default:
			return false, errMediaTooLarge
		}
	}
	if !s.hold(size) {
		return false, errMediaNoRoom
	}
	piece := make([]byte, size)
	n, err := fill(r, piece)
	if n < len(piece) {
		piece = slices.Clone(piece[:n]) // lets go of the rest
		s.free(size - int64(n))
	}
	b.held += int64(n)
	b.size += int64(n)
	b.pieces = append(b.pieces, piece)
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	return true, err
}
