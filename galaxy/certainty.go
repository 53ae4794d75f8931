package galaxy

import "slices"

// Certainty is what is known of the writes of orders for the turn being prepared. An engine's revision is a count:
// after the engine has lost writes it comes to the same number again with other contents. So it tells what the engine
// holds only of a race of which every write was either stored or never done. Once that is not so of a write, the race
// stays uncertain until the turn is made. Whoever has not seen every write of the turn, as after a start of the
// service, is certain of no race: that is the zero value.
type Certainty struct {
	complete bool
	doubted  map[string]bool // by race
}

// Certain is the certainty of whoever sees every write of a turn from its beginning.
func Certain() Certainty { return Certainty{complete: true} }

// Doubt notes a write of a race's that the engine may hold and the store may lack.
func (c *Certainty) Doubt(race string) {
	if c.doubted == nil {
		c.doubted = map[string]bool{}
	}
	c.doubted[race] = true
}

// Uncertain gives those of the races whose stored orders must be put again before the turn, whatever revision the
// engine shows.
func (c Certainty) Uncertain(races []string) []string {
	return slices.DeleteFunc(slices.Clone(races), func(race string) bool { return c.complete && !c.doubted[race] })
}
