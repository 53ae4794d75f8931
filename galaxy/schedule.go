package galaxy

import (
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule says when turns are due: a 5-field cron expression in an IANA time zone (UTC when empty). Nine in the evening stays
// nine. When the hours are named, a tick that daylight saving skips comes at the moment the clocks go on, and one that it
// repeats comes the first time only; "every hour" means every hour that passes.
type Schedule struct {
	Cron string
	Zone string
}

var cronParser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

// clock is a schedule that was parsed.
type clock struct {
	ticks cron.Schedule
	zone  *time.Location
	wall  bool // ticks are those of a clock on the wall
}

func (s Schedule) parse() (clock, error) {
	zone, err := time.LoadLocation(s.Zone)
	if err != nil || s.Zone == "Local" {
		return clock{}, Errorf(InvalidRequest, "schedule_time_zone is not a known IANA time zone")
	}
	ticks, err := cronParser.Parse(s.Cron)
	// The parser would take a zone of its own before the fields.
	if err != nil || strings.Contains(s.Cron, "=") {
		return clock{}, Errorf(InvalidRequest, "turn_schedule is not a five-field cron expression").Because(err)
	}
	hours := strings.Fields(s.Cron)[1]
	return clock{ticks, zone, hours != "*" && hours != "*/1"}, nil
}

// next gives the first tick after t; zero when there is none.
func (c clock) next(t time.Time) time.Time {
	local := t.In(c.zone)
	if !c.wall {
		return c.ticks.Next(local).UTC()
	}
	shown := time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), local.Second(), local.Nanosecond(), time.UTC)
	for {
		shown = c.ticks.Next(shown)
		if shown.IsZero() {
			return time.Time{}
		}
		if at := instant(shown, c.zone); at.After(t) {
			return at.UTC()
		}
	}
}

// instant gives when the clocks of a zone first show what shown does, or, when they never do, when they jump over it.
func instant(shown time.Time, zone *time.Location) time.Time {
	offset := func(at time.Time) time.Duration {
		_, seconds := at.In(zone).Zone()
		return time.Duration(seconds) * time.Second
	}
	before, after := shown.Add(-offset(shown.AddDate(0, 0, -1))), shown.Add(-offset(shown.AddDate(0, 0, 1)))
	shows := func(at time.Time) bool { return at.Add(offset(at)).Equal(shown) }
	switch {
	case shows(before) && (!shows(after) || before.Before(after)):
		return before
	case shows(after):
		return after
	}
	jump, _ := before.In(zone).ZoneBounds()
	return jump
}

// Next gives the first tick after t, in UTC.
func (s Schedule) Next(t time.Time) (time.Time, error) {
	c, err := s.parse()
	if err != nil {
		return time.Time{}, err
	}
	next := c.next(t)
	if next.IsZero() {
		return time.Time{}, Errorf(InvalidRequest, "turn_schedule never comes due")
	}
	return next, nil
}

// Validate refuses schedules that do not parse, never come due, or come due more often than every shortest. It looks at
// the ticks of the year after from: enough for every day of every month. Two that daylight saving alone brings together are let pass.
func (s Schedule) Validate(from time.Time, shortest time.Duration) error {
	at, err := s.Next(from)
	if err != nil {
		return err
	}
	c, err := s.parse()
	if err != nil {
		return err
	}
	for end := at.AddDate(1, 0, 0); at.Before(end); {
		next := c.next(at)
		if next.IsZero() {
			return nil
		}
		if next.Sub(at) < shortest && !c.turnsBetween(at, next) {
			return Errorf(InvalidRequest, "turn_schedule comes due more often than every %s", shortest)
		}
		at = next
	}
	return nil
}

// turnsBetween reports whether the clocks are changed from one time to another, with an hour on either side.
func (c clock) turnsBetween(a, b time.Time) bool {
	_, before := a.Add(-time.Hour).In(c.zone).Zone()
	_, after := b.Add(time.Hour).In(c.zone).Zone()
	return before != after
}
