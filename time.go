package strongroom

import "time"

// Clock tells the time; time.Now in production, a fake in tests.
type Clock func() time.Time

// Now returns the clock's time in UTC, cut to the microseconds that the stores keep.
func (c Clock) Now() time.Time { return Timestamp(c()) }

// Timestamp returns t in UTC, cut to microseconds.
func Timestamp(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
