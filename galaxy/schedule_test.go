package galaxy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestTheNextTick(t *testing.T) {
	for name, c := range map[string]struct {
		cron, zone, after, want string
	}{
		"later today":                           {"0 21 * * *", "UTC", "2026-01-01T20:00:00Z", "2026-01-01T21:00:00Z"},
		"a tick is not after itself":            {"0 21 * * *", "UTC", "2026-01-01T21:00:00Z", "2026-01-02T21:00:00Z"},
		"no zone is UTC":                        {"0 21 * * *", "", "2026-01-01T20:00:00Z", "2026-01-01T21:00:00Z"},
		"nine in Berlin in winter":              {"0 21 * * *", "Europe/Berlin", "2026-01-01T12:00:00Z", "2026-01-01T20:00:00Z"},
		"nine in Berlin in summer":              {"0 21 * * *", "Europe/Berlin", "2026-07-01T12:00:00Z", "2026-07-01T19:00:00Z"},
		"nine on the day the clocks go on":      {"0 21 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T19:00:00Z"},
		"nine on the day the clocks go back":    {"0 21 * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T20:00:00Z"},
		"skipped: when the clocks go on":        {"30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"},
		"and the next day as ever":              {"30 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"},
		"a midnight that there is not":          {"0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00:00Z", "2018-11-04T03:00:00Z"},
		"repeated: the first time":              {"30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"},
		"and not the second":                    {"30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"},
		"nor when it is just before that":       {"30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", "2026-10-26T01:30:00Z"},
		"every hour that passes":                {"0 * * * *", "Europe/Berlin", "2026-10-25T00:10:00Z", "2026-10-25T01:00:00Z"},
		"every other hour, once each in autumn": {"0 */2 * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T03:00:00Z"},
		"every other hour, none lost in spring": {"0 */2 * * *", "Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29T01:00:00Z"},
		"every six hours over the jump":         {"0 */6 * * *", "Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29T04:00:00Z"},
		"and after a century without":           {"0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"},
		"hours of a day that begins at one": {"0 * 4 11 *", "America/Sao_Paulo", "2018-11-03T12:00:00Z",
			"2018-11-04T03:00:00Z"},
		"hours of a day that begins twice": {"0 * 1 11 *", "America/Havana", "2026-10-31T12:00:00Z",
			"2026-11-01T04:00:00Z"},
		"a day that the zone has left out": {"0 * 30-31 12 *", "Pacific/Apia", "2011-12-29T12:00:00Z",
			"2011-12-30T10:00:00Z"},
		"the last of February": {"0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Schedule{c.cron, c.zone}.Next(at(c.after))
			require.NoError(t, err)
			require.Equal(t, at(c.want), got)
		})
	}
}

func TestSchedulesThatAreRefused(t *testing.T) {
	for name, s := range map[string]Schedule{
		"four fields":               {"0 21 * *", "UTC"},
		"six fields":                {"0 0 21 * * *", "UTC"},
		"words":                     {"at nine", "UTC"},
		"a descriptor":              {"@daily", "UTC"},
		"a zone before the fields":  {"TZ=UTC 0 21 * * *", "UTC"},
		"a zone that is not ended":  {"CRON_TZ=UTC", "UTC"},
		"a short one":               {"TZ=", "UTC"},
		"an interval":               {"@every 1h", "UTC"},
		"a step of nothing":         {"*/0 21 * * *", "UTC"},
		"a huge step":               {"*/9223372036854775807 21 * * *", "UTC"},
		"a huge number":             {"99999999999999999999 21 * * *", "UTC"},
		"a range that ends early":   {"30-10 21 * * *", "UTC"},
		"a range of a star":         {"*-5 21 * * *", "UTC"},
		"an empty list":             {", 21 * * *", "UTC"},
		"a sign":                    {"+0 21 * * *", "UTC"},
		"a minute that is none":     {"60 21 * * *", "UTC"},
		"a hard space":              {"0\u00a021 * * *", "UTC"},
		"a NUL":                     {"0 21 * * *\x00", "UTC"},
		"two lines":                 {"0 21 * * *\n", "UTC"},
		"nothing":                   {"", "UTC"},
		"the thirtieth of February": {"0 0 30 2 *", "UTC"},
		"a directory of zones":      {"0 21 * * *", "Europe"},
		"over midnight":             {"0,58 0,23 * * *", "UTC"},
		"a zone nobody knows":       {"0 21 * * *", "Mars/Olympus"},
		"the machine's own zone":    {"0 21 * * *", "Local"},
		"a day that never comes":    {"0 0 31 2 *", "UTC"},
		"every minute":              {"* * * * *", "UTC"},
		"two ticks close together":  {"0,3 21 * * *", "UTC"},
		"close together at the end": {"59,0 23,0 31,1 12,1 *", "UTC"},
	} {
		t.Run(name, func(t *testing.T) {
			err := s.Validate(at("2026-01-01T00:00:00Z"), 5*time.Minute)
			require.Equal(t, InvalidRequest, CodeOf(err), "%v", err)
		})
	}
	for _, cron := range []string{"0 21 * * mon-fri", "0 21 ? * MON,WED", "0 */6 * * *", "00 09 01,15 jan-dec/2 *",
		"0 0 29 2 *", "0\t21  * * *"} {
		require.NoError(t, Schedule{cron, "UTC"}.Validate(at("2026-01-01T00:00:00Z"), 5*time.Minute), cron)
	}
	require.NoError(t, Schedule{"*/5 * * * *", "UTC"}.Validate(at("2026-01-01T00:00:00Z"), 5*time.Minute))
}
