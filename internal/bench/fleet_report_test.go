package bench_test

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// fleetReport is what has been measured so far, which is printed whatever comes after.
type fleetReport struct {
	idle    []idleRow
	even    []evenRow
	bursts  []burstRow
	joins   []joinRow
	missing []string
}

// idleRow is what one replica asks of its store while nothing is due, in a second.
type idleRow struct {
	b          *backend
	replicas   int
	calls      float64 // without those of its watch
	statements float64 // or unknown
}

// evenRow is renewals at the rate of production.
type evenRow struct {
	b              *backend
	size, replicas int
	renewals       float64 // a second
	calls          float64 // for each
	statements     float64 // a second, or unknown
	each           float64 // of them for a renewal: what is more than a fleet that is idle asks
	lags           []time.Duration
}

// burstRow is renewals that are all due at once, in rounds.
type burstRow struct {
	b                   *backend
	size, replicas, due int
	rates               []float64 // a second
	calls               []float64 // for each
	lags                [][]time.Duration
	raw, ratios         [][]float64 // by yardstick
}

func (r *fleetReport) print() {
	if len(r.missing) > 0 {
		fmt.Printf("Left out, because its server is not installed: %s\n\n", strings.Join(r.missing, ", "))
	}
	fmt.Printf("A replica in which nothing is due, a second\n\n| store | calls | statements |\n|---|---|---|\n")
	for _, x := range r.idle {
		fmt.Printf("| %s | %.1f | %s |\n", x.b.name, x.calls, figure("%.1f", x.statements))
	}
	fmt.Printf("\nRenewals at an even rate\n\n| store | tokens | replicas | renewals/s | calls for each | statements for each | statements/s | adopted p50 | p99 | max |\n" +
		"|---|---|---|---|---|---|---|---|---|---|\n")
	for _, x := range r.even {
		each := "unknown"
		if x.statements != unknown {
			each = fmt.Sprintf("%.1f", x.each)
		}
		fmt.Printf("| %s | %d | %d | %.0f | %.2f | %s | %s | %s |\n", x.b.name, x.size, x.replicas, x.renewals, x.calls, each,
			figure("%.0f", x.statements), quantiles(x.lags))
	}
	fmt.Printf("\nRenewals that are all due at once, medians of %d rounds that alternate with the store's yardsticks\n\n", *fleetRounds)
	fmt.Printf("| store | tokens | replicas | due | renewals/s | calls for each | adopted p50 | p99 | max | yardsticks, and the ratio to them |\n" +
		"|---|---|---|---|---|---|---|---|---|---|\n")
	for _, x := range r.bursts {
		fmt.Printf("| %s | %d | %d | %d | %.0f | %.2f | %s | %s |\n", x.b.name, x.size, x.replicas, x.due, middle(x.rates), middle(x.calls),
			quantiles(median(x.lags, func(a, b []time.Duration) int { return cmp.Compare(quantile(a, 1), quantile(b, 1)) })), x.beside())
	}
	fmt.Printf("\nOne more replica\n\n| store | apps | start | CPU of it | heap per app | peak memory of the start |\n|---|---|---|---|---|---|\n")
	for _, x := range r.joins {
		fmt.Printf("| %s | %d | %v | %v | %d B | %d MiB |\n", x.b.name, x.Apps, x.Start.Round(time.Millisecond), x.CPU.Round(time.Millisecond),
			x.heapPerApp(), x.Peak>>20)
	}
	fmt.Println()
}

// beside is the store's own speed by each yardstick, and the ratio to it.
func (x *burstRow) beside() string {
	var parts []string
	for i, y := range x.b.raw {
		parts = append(parts, fmt.Sprintf("%s %.0f/s: %.2f", y.name, middle(x.raw[i]), middle(x.ratios[i])))
	}
	if parts == nil {
		return "not installed"
	}
	return strings.Join(parts, ", ")
}

func middle(xs []float64) float64 { return median(xs, cmp.Compare[float64]) }

func figure(format string, x float64) string {
	if x == unknown {
		return "unknown"
	}
	return fmt.Sprintf(format, x)
}

func quantiles(lags []time.Duration) string {
	if len(lags) == 0 {
		return "– | – | –"
	}
	short := func(q float64) time.Duration { return quantile(lags, q).Round(100 * time.Microsecond) }
	return fmt.Sprintf("%v | %v | %v", short(0.5), short(0.99), short(1))
}
