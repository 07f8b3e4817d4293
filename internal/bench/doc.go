// Package bench measures the server beside its yardsticks, in one run on one machine:
// only the ratios mean anything elsewhere. It has no code of its own; make bench runs
// its report, and docs/performance.md keeps the figures.
package bench
