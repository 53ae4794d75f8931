package galaxy

import (
	"fmt"
	"time"
)

// SkewLimit is how far the database's clock may be from the host's before operators are notified. No deadline depends
// on it: but one of the two clocks is wrong, and players go by the right time.
const SkewLimit = time.Second

// skewOver is how near the clocks must have come again before a difference is over.
const skewOver = SkewLimit / 2

// SkewEpisode is a time in which the clocks of the database and the host differ; the zero episode is none. It begins
// beyond SkewLimit and ends within half of it, so that a difference about the limit is one episode.
type SkewEpisode struct {
	Key      string // names it; empty while there is none
	Notified bool   // operators were
}

// See gives the episode after the database's clock was seen ahead of the host's at a time.
func (e SkewEpisode) See(ahead time.Duration, at time.Time) SkewEpisode {
	switch {
	case e.Key == "" && ahead.Abs() > SkewLimit:
		// An hour names it: clocks that drift apart and are set again and again send no mail each time.
		return SkewEpisode{Key: "clock_skew:" + at.UTC().Format("2006-01-02T15")}
	case e.Key != "" && ahead.Abs() < skewOver:
		return SkewEpisode{}
	}
	return e
}

// Notice is what operators read about the episode.
func (e SkewEpisode) Notice(ahead time.Duration) Notice {
	return Notice{Kind: ClockSkew, Key: e.Key, Payload: Payload{Reason: DescribeSkew(ahead)}}
}

// DescribeSkew says how the clocks differ.
func DescribeSkew(ahead time.Duration) string {
	how := "ahead of"
	if ahead < 0 {
		how = "behind"
	}
	return fmt.Sprintf("the database's clock is %s %s this host's", ahead.Abs().Round(10*time.Millisecond), how)
}
