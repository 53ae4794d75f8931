package galaxy

import "slices"

// OperatorKinds are the notices that go to operators.
func OperatorKinds() (kinds []Kind) {
	for kind, channels := range Channels {
		if slices.Contains(channels, ChannelOperators) {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}

// alert tells operators what has happened to the game, once per kind and key. The game's id and name are filled in.
func (c *GameChange) alert(kind Kind, key string, by By, p Payload) {
	p.Game, p.GameName = &c.Next.ID, c.Next.Name
	c.Notices = append(c.Notices, Notice{Kind: kind, Key: key, Payload: p, RequestID: by.RequestID})
}
