package broker

import (
	"cmp"
	"time"
)

// importDoubt is how much of what is said to be left of an imported token's lifetime is
// not relied on: it was read elsewhere, a while ago, and by another clock.
const importDoubt = 10 * time.Second

// ImportedLifetime is how long an imported token lives for certain, where it is said to
// live for that much longer. As of issued ones no more is believed than [MaxPeriod].
func ImportedLifetime(said time.Duration, rot Rotation) time.Duration {
	said = min(said, cmp.Or(rot.Lifetime, MaxPeriod))
	return said - min(importDoubt, said/20)
}

// PlanImported returns the record after a token was taken over that was issued elsewhere,
// to be stored at version r.Version+1. It is planned as one that was issued now and lives
// for what is left of it, so that the next planned renewal and the promises hold that
// follow from it. Nothing was issued here, so that neither the budget is spent nor any
// secret known to work.
//
// On a platform that never says how old a token is, nothing says either that this one is
// younger than the one it replaces, or the newest that there is: nothing can be promised of
// it, as of a first one, nor of the next that is seen.
func PlanImported(r Record, s Success, rot Rotation, p Policy) Record {
	s.Same, s.Fingerprint = false, r.Secret
	next := PlanIssued(r, s, rot, p)
	if rot.AgeUnknown {
		next.Due, next.Current.Until = planUnknownAge(SealedToken{}, s)
		next.Current.Issued = s.Started.Add(-MaxPeriod) // from when it was not seen
	}
	return next
}
