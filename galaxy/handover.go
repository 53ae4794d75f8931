package galaxy

// Own notes that the game of a change becomes a player's, if a player with these rights may own it and run it. How
// many games the player owns by then is counted by the transaction that stores the change.
func (c *GameChange) Own(owner UserID, theirs Rights, by By) error {
	for _, act := range []Act{ActCreatePrivateGame, ActManagePrivateGame} {
		if theirs.Allows(act, by.At) != nil { // why is the player's own matter
			return Errorf(Forbidden, "this player may not run private games: the account is under sanction")
		}
	}
	most := theirs.Numbers(by.At).MaxOwnedPrivateGames
	if most == 0 {
		return Errorf(EligibilityDenied, "this player may own no private game: they are for paid accounts")
	}
	c.Owns = &Claim{owner, most}
	return nil
}
