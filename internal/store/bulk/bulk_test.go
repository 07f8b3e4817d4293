package bulk

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
)

func numbers(n int, err error) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := range n {
			if !yield(i, nil) {
				return
			}
		}
		if err != nil {
			yield(0, err)
		}
	}
}

func TestImportWritesInBatches(t *testing.T) {
	t.Parallel()
	broken, full := errors.New("broken"), errors.New("full")
	for _, c := range []struct {
		name           string
		there, coming  int
		readErr, write error // of the second batch
		want           [][]int
		n              int
		err            error
	}{
		{name: "nothing"},
		{name: "one batch", coming: 3, want: [][]int{{0, 1, 2}}, n: 3},
		{name: "a part of one", coming: 4, want: [][]int{{0, 1, 2}, {3}}, n: 4},
		{name: "beside something", there: 1, coming: 4, err: broker.ErrNotEmpty},
		{name: "the source breaks", coming: 5, readErr: broken, want: [][]int{{0, 1, 2}}, n: 3, err: broken},
		{name: "the target breaks", coming: 9, write: full, want: [][]int{{0, 1, 2}}, n: 3, err: full},
	} {
		var got [][]int
		table := Table(func(context.Context) iter.Seq2[int, error] { return numbers(c.there, nil) }, 3,
			func(_ context.Context, batch []int) error {
				if len(got) == 1 && c.write != nil {
					return c.write
				}
				got = append(got, batch)
				return nil
			})
		n, err := table.Import(t.Context(), numbers(c.coming, c.readErr))
		if n != c.n || !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
			t.Errorf("%s: %d, %v; want %d, %v", c.name, n, err, c.n, c.err)
		}
		if diff := cmp.Diff(c.want, slices.Clone(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}
