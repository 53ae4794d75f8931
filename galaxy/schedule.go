package galaxy

import (
	"errors"
	"fmt"
	"regexp"
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

// maxCron bounds the text of a schedule; the contract allows as much.
const maxCron = 128

var cronParser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

// cronText is what a new schedule must look like: five fields of *, ?, numbers, names, ranges, steps and lists. The
// parser takes more than that, and panics on some of it.
var cronText = func() *regexp.Regexp {
	const value = `(?:[0-9]{1,2}|[A-Za-z]{3})`
	const part = `(?:[*?]|` + value + `(?:-` + value + `)?)(?:/[0-9]{1,2})?`
	const field = part + `(?:,` + part + `)*`
	return regexp.MustCompile(`^[ \t]*` + field + `(?:[ \t]+` + field + `){4}[ \t]*$`)
}()

// clock is a schedule that was compiled.
type clock struct {
	on   *cron.SpecSchedule
	zone *time.Location
	wall bool // ticks are those of a clock on the wall
}

// compile makes a clock of a schedule that may have been accepted by an older release, on another machine.
func (s Schedule) compile() (clock, error) {
	zone, err := loadZone("schedule_time_zone", s.Zone)
	if err != nil {
		return clock{}, err
	}
	on, err := parseCron(s.Cron)
	if err != nil {
		return clock{}, Errorf(InvalidRequest, "turn_schedule is not a five-field cron expression").Because(err)
	}
	hours := strings.Fields(s.Cron)[1]
	return clock{on, zone, hours != "*" && hours != "*/1"}, nil
}

// parseCron reads five fields. What is known to make the parser panic is refused before, and what is not known yet is
// an error too: no text may end the actor that asks.
func parseCron(text string) (on *cron.SpecSchedule, err error) {
	// "TZ=" and "@" begin what is no field: a zone, of which the parser takes for granted that a space follows, and a
	// name.
	if len(text) > maxCron || strings.ContainsAny(text, "=@") {
		return nil, fmt.Errorf("it is longer than %d characters, or has = or @", maxCron)
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the parser has panicked: %v", r)
		}
	}()
	parsed, err := cronParser.Parse(text)
	on, ok := parsed.(*cron.SpecSchedule)
	switch {
	case err != nil:
	case !ok:
		err = fmt.Errorf("it is a %T", parsed)
	case on.Minute&^starred == 0 || on.Hour&^starred == 0: // of "," the parser makes no minute at all
		err = errors.New("it names no minute or no hour")
	}
	return on, err
}

// furthest is how far ahead a tick is looked for: a 29th of February is at most eight years away.
const furthest = 9

// tick gives the first tick after t on the clock that t is of; zero when there is none. It takes a few thousand steps
// at most.
func (c clock) tick(t time.Time) time.Time {
	at := t.Truncate(time.Minute).Add(time.Minute)
	for end := t.AddDate(furthest, 0, 0); at.Before(end); {
		switch {
		case !c.onDay(at):
			at = nextDay(at)
		case c.on.Hour>>at.Hour()&1 == 0:
			at = at.Add(time.Duration(60-at.Minute()) * time.Minute)
		case c.on.Minute>>at.Minute()&1 == 0:
			at = at.Add(time.Minute)
		default:
			return at
		}
	}
	return time.Time{}
}

// starred marks a field of the parser's that holds a star.
const starred = 1 << 63

// onDay reports whether a day has ticks. Days of the month and of the week add up when both are named.
func (c clock) onDay(t time.Time) bool {
	dom, dow := c.on.Dom>>t.Day()&1 == 1, c.on.Dow>>t.Weekday()&1 == 1
	if c.on.Month>>t.Month()&1 == 0 {
		return false
	}
	if c.on.Dom&starred != 0 || c.on.Dow&starred != 0 {
		return dom && dow
	}
	return dom || dow
}

// nextDay gives the first moment of the day after that of t. Midnight may be skipped, and it may come twice.
func nextDay(t time.Time) time.Time {
	year, month, day := t.Date()
	next := time.Date(year, month, day+1, 0, 0, 0, 0, t.Location())
	if next.Day() == day {
		_, next = next.ZoneBounds()
	} else if hour := next.Add(-time.Hour); hour.Day() == next.Day() && hour.After(t) {
		next = hour
	}
	if !next.After(t) {
		return t.Add(time.Hour)
	}
	return next
}

// next gives the first tick after t; zero when there is none.
func (c clock) next(t time.Time) time.Time {
	local := t.In(c.zone)
	if !c.wall {
		return c.tick(local).UTC()
	}
	shown := time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), local.Second(), local.Nanosecond(), time.UTC)
	for {
		shown = c.tick(shown)
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

// Next gives the first tick after t, in UTC. A refusal with ServiceUnavailable passes: see loadZone.
func (s Schedule) Next(t time.Time) (time.Time, error) {
	c, err := s.compile()
	if err != nil {
		return time.Time{}, err
	}
	return c.first(t)
}

func (c clock) first(t time.Time) (time.Time, error) {
	next := c.next(t)
	if next.IsZero() {
		return time.Time{}, Errorf(InvalidRequest, "turn_schedule never comes due")
	}
	return next, nil
}

// Validate refuses schedules that do not parse, never come due, or come due more often than every shortest. It looks at
// the days of the year after from: enough for every day of every month. Two ticks that daylight saving alone brings
// together are let pass. Its cost does not grow with the number of ticks.
func (s Schedule) Validate(from time.Time, shortest time.Duration) error {
	if !cronText.MatchString(s.Cron) {
		return Errorf(InvalidRequest, "turn_schedule must be five cron fields, such as 0 21 * * * or 0 21 * * mon-fri")
	}
	c, err := s.compile()
	if err != nil {
		return err
	}
	at, err := c.first(from)
	if err != nil {
		return err
	}
	if c.densest(at.In(c.zone)) < shortest {
		return Errorf(InvalidRequest, "turn_schedule comes due more often than every %s", shortest)
	}
	return nil
}

// densest gives the shortest time between two ticks of the year after from, as a clock on the wall shows them.
func (c clock) densest(from time.Time) time.Duration {
	const day = 24 * time.Hour
	first, last, least := time.Duration(-1), time.Duration(-1), 366*day
	for minute := range 24 * 60 {
		if c.on.Hour>>(minute/60)&1 == 0 || c.on.Minute>>(minute%60)&1 == 0 {
			continue
		}
		at := time.Duration(minute) * time.Minute
		if first < 0 {
			first = at
		} else {
			least = min(least, at-last)
		}
		last = at
	}
	date := time.Date(from.Year(), from.Month(), from.Day(), 0, 0, 0, 0, time.UTC)
	var before time.Time
	for end := date.AddDate(1, 0, 1); date.Before(end); date = date.AddDate(0, 0, 1) {
		if !c.onDay(date) {
			continue
		}
		if !before.IsZero() {
			least = min(least, date.Sub(before)+first-last)
		}
		before = date
	}
	return least
}
