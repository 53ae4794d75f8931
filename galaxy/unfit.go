package galaxy

// EngineUnfit fails a start at once: the engine does not take this game, and would not if it were asked again. Cause
// is what it answered, for operators.
func (g Game) EngineUnfit(cause string, by By) GameChange {
	return g.StartFailed("its engine does not take this game", cause, by)
}
