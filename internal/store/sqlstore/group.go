package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"runtime"
)

// errLeft is the answer to a caller that has gone before its op was run.
var errLeft = errors.New("the caller has gone")

// maxGroup bounds the writes of one transaction, and with it how long the first of
// them waits for the others.
const maxGroup = 512

// group puts writes that arrive together into one transaction. What a write costs
// is the commit, which waits for the disk; while it waits, the next group gathers.
type group struct {
	c     *conn
	begin string
	queue chan *write
	ended chan struct{}
}

type write struct {
	op     op
	left   <-chan struct{} // closed when the caller has gone
	answer chan error      // takes one answer without a reader
}

// newGroup starts the goroutine that writes. It ends with close.
func newGroup(ctx context.Context, c *conn, begin string) *group {
	g := &group{c: c, begin: begin, queue: make(chan *write), ended: make(chan struct{})}
	go g.run(context.WithoutCancel(ctx))
	return g
}

// together is do: every group is a transaction.
func (g *group) together(ctx context.Context, o op) error { return g.do(ctx, o) }

// close ends the goroutine. No call of do may be under way or follow.
func (g *group) close() {
	close(g.queue)
	<-g.ended
}

// do runs an op and returns when it is committed. If ctx ends before, the op may
// have been committed or not.
func (g *group) do(ctx context.Context, o op) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w := &write{op: o, left: ctx.Done(), answer: make(chan error, 1)}
	select {
	case g.queue <- w:
	case <-ctx.Done():
		return ctx.Err()
	}
	var err error
	select {
	case err = <-w.answer:
	case <-ctx.Done():
		select {
		case err = <-w.answer: // both at once: then what is known is worth more
		default:
			err = errLeft
		}
	}
	if errors.Is(err, errLeft) {
		return ctx.Err()
	}
	return err
}

func (g *group) run(ctx context.Context) {
	defer close(g.ended)
	var batch []*write
	for first := range g.queue {
		batch = g.gather(append(batch[:0], first))
		g.write(ctx, batch)
		clear(batch)
	}
}

// gather takes what is waiting already. Those whose last write was just answered
// get their turn first, because they are likely to bring the next.
func (g *group) gather(batch []*write) []*write {
	runtime.Gosched()
	for len(batch) < maxGroup {
		select {
		case w, ok := <-g.queue:
			if !ok {
				return batch
			}
			batch = append(batch, w)
		default:
			return batch
		}
	}
	return batch
}

// write commits a batch and answers its callers. Where one op breaks, none is
// committed, and each is tried again in a transaction of its own.
func (g *group) write(ctx context.Context, batch []*write) {
	answers, broken, err := g.try(ctx, batch)
	if broken && len(batch) > 1 {
		for i := range batch {
			g.write(ctx, batch[i:i+1])
		}
		return
	}
	for i, w := range batch {
		if err != nil {
			w.answer <- err
		} else {
			w.answer <- answers[i]
		}
	}
}

// try commits a batch in one transaction, with an answer for each op. After an
// error nothing is committed; broken says that it was an op's.
func (g *group) try(ctx context.Context, batch []*write) (answers []error, broken bool, err error) {
	if _, err := g.c.exec(ctx, g.begin); err != nil {
		g.rollback(ctx) // in case an earlier one did not work
		return nil, false, fmt.Errorf("begin: %w", err)
	}
	answers = make([]error, len(batch))
	for i, w := range batch {
		select {
		case <-w.left:
			answers[i] = errLeft
			continue
		default:
		}
		err := w.op(ctx, g.c)
		var no refusal
		switch {
		case errors.As(err, &no):
			answers[i] = no.reason
		case err != nil:
			g.rollback(ctx)
			return nil, true, err
		}
	}
	if _, err := g.c.exec(ctx, "COMMIT"); err != nil {
		g.rollback(ctx)
		return nil, false, fmt.Errorf("commit: %w", err)
	}
	return answers, false, nil
}

// rollback gives up a transaction. That there is none any more is the only fault it
// can have that does not show again at the next begin.
func (g *group) rollback(ctx context.Context) {
	_, _ = g.c.exec(ctx, "ROLLBACK")
}
