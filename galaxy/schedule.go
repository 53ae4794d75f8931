package galaxy

import (
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule says when turns are due: a 5-field cron expression in an IANA time zone (UTC when empty). A tick that
// daylight saving skips or repeats follows the zone, so nine in the evening stays nine.
type Schedule struct {
	Cron string
	Zone string
}

var cronParser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

// parse gives the schedule's ticks and zone.
func (s Schedule) parse() (cron.Schedule, *time.Location, error) {
	zone, err := time.LoadLocation(s.Zone)
	if err != nil || s.Zone == "Local" {
		return nil, nil, Errorf(InvalidRequest, "schedule_time_zone is not a known IANA time zone")
	}
	ticks, err := cronParser.Parse(s.Cron)
	// The parser would take a zone of its own before the fields.
	if err != nil || strings.Contains(s.Cron, "=") {
		return nil, nil, Errorf(InvalidRequest, "turn_schedule is not a five-field cron expression").Because(err)
	}
	return ticks, zone, nil
}

// Next gives the first tick after t, in UTC.
func (s Schedule) Next(t time.Time) (time.Time, error) {
	ticks, zone, err := s.parse()
	if err != nil {
		return time.Time{}, err
	}
	next := ticks.Next(t.In(zone))
	if next.IsZero() {
		return time.Time{}, Errorf(InvalidRequest, "turn_schedule never comes due")
	}
	return next.UTC(), nil
}

// Validate refuses schedules that do not parse, never come due, or come due more often than every shortest. It looks at
// the ticks of the year after from: enough for every day of every month.
func (s Schedule) Validate(from time.Time, shortest time.Duration) error {
	at, err := s.Next(from)
	if err != nil {
		return err
	}
	ticks, zone, err := s.parse()
	if err != nil {
		return err
	}
	for end := at.AddDate(1, 0, 0); at.Before(end); {
		next := ticks.Next(at.In(zone))
		if next.IsZero() {
			return nil
		}
		if next.Sub(at) < shortest {
			return Errorf(InvalidRequest, "turn_schedule comes due more often than every %s", shortest)
		}
		at = next
	}
	return nil
}
