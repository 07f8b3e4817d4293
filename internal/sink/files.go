package sink

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"unicode/utf8"

	"github.com/hufu-io/hufu/internal/broker"
)

// maxRaces is how often one update is tried against somebody who keeps writing
// the same file.
const maxRaces = 5

// Files opens sinks that are files. Sinks of one Files that lead to the same file,
// by whatever links, wait for each other and lose none of each other's updates.
type Files struct {
	mu    sync.Mutex
	paths map[string]*pathState

	fault func(step) error // nil outside tests
}

// pathState belongs to whoever has taken the value out of turn.
type pathState struct {
	turn chan struct{} // holds one value
	tidy bool          // leftovers of an earlier process are gone
	// unsynced is set while a rename may not be durable: the file then reads as
	// new, but the update is not complete.
	unsynced bool
}

// NewFiles returns a Files.
func NewFiles() *Files { return &Files{paths: make(map[string]*pathState)} }

// Open returns the target that a sink describes. It does no I/O.
func (f *Files) Open(s broker.Sink) (Target, error) {
	if err := Check(s); err != nil {
		return nil, err
	}
	return &file{files: f, sink: withDefaults(s)}, nil
}

// file is a sink that is a file.
type file struct {
	files *Files
	sink  broker.Sink
}

// Write implements [Target].
func (t *file) Write(ctx context.Context, tok broker.Token) error {
	value := tok.Secret.Reveal()
	if !utf8.ValidString(value) {
		return errors.New("the token is not valid UTF-8, which no file can show")
	}
	err := t.files.update(ctx, t.sink.Path, func(old []byte) ([]byte, error) {
		if t.sink.Type == JSON {
			return setDocument(old, tok)
		}
		return setProperty(old, t.sink.Key, value), nil
	})
	if err != nil {
		return fmt.Errorf("write %s file %q: %w", t.sink.Type, t.sink.Path, err)
	}
	return nil
}

// Tidy implements [Tidier].
func (t *file) Tidy(ctx context.Context) error {
	path, err := resolve(t.sink.Path)
	if err != nil {
		return fmt.Errorf("tidy beside %q: %w", t.sink.Path, err)
	}
	p := t.files.state(path)
	if err := p.take(ctx); err != nil {
		return err
	}
	defer p.give()
	if err := p.tidyUp(path); err != nil {
		return fmt.Errorf("tidy beside %q: %w", t.sink.Path, err)
	}
	return nil
}

// update reads a file, lets edit make the new content and replaces the file if
// that differs.
func (f *Files) update(ctx context.Context, path string, edit func(old []byte) ([]byte, error)) error {
	path, err := resolve(path)
	if err != nil {
		return err
	}
	p := f.state(path)
	if err := p.take(ctx); err != nil {
		return err
	}
	defer p.give()
	if err := p.tidyUp(path); err != nil {
		return err
	}
	for range maxRaces {
		if err = f.updateOnce(p, path, edit); !errors.Is(err, errChanged) {
			break
		}
	}
	return err
}

func (f *Files) updateOnce(p *pathState, path string, edit func(old []byte) ([]byte, error)) error {
	old, err := readContent(path)
	if err != nil {
		return err
	}
	data, err := edit(old.data)
	if err != nil {
		return err
	}
	if old.equal(data) {
		if !p.unsynced {
			return nil
		}
		if err := syncDir(filepath.Dir(path)); err != nil {
			return fmt.Errorf("%s: %w", stepSyncDir, err)
		}
		p.unsynced = false
		return nil
	}
	p.unsynced = true
	if err := (replacement{path: path, old: old, fault: f.fault}).run(data); err != nil {
		return err
	}
	p.unsynced = false
	return nil
}

// state returns what is known of a resolved path.
func (f *Files) state(path string) *pathState {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, ok := f.paths[path]
	if !ok {
		p = &pathState{turn: make(chan struct{}, 1)}
		p.turn <- struct{}{}
		f.paths[path] = p
	}
	return p
}

func (p *pathState) take(ctx context.Context) error {
	select {
	case <-p.turn:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for another update of the file: %w", ctx.Err())
	}
}

func (p *pathState) give() { p.turn <- struct{}{} }

// tidyUp removes leftovers once per process; whoever calls it has the turn, so no
// temporary file there is in use.
func (p *pathState) tidyUp(path string) error {
	if p.tidy {
		return nil
	}
	if err := removeLeftovers(path); err != nil {
		return fmt.Errorf("remove leftovers: %w", err)
	}
	p.tidy = true
	return nil
}
