package galaxy

import (
	"fmt"
	"strings"
)

// DriverUnknown records that the container daemon does not answer. Nothing is concluded from that.
func (g Game) DriverUnknown(by By) GameChange { return g.Obstructed("", by) }

// Obstructed is DriverUnknown for a cause of another kind: an answer that says nothing about the engine, or a
// shortage of our own. It is recorded once for each kind, which is what comes before the first colon: what comes
// after may be another word each time.
func (g Game) Obstructed(cause string, by By) GameChange {
	text := "neither the engine nor the container daemon answers: nothing is known of the engine until one of them does"
	if cause != "" {
		text = cause + "; nothing is known of the engine until that has passed"
	}
	if g.Runtime.Why == WhyDriverUnknown && kindOfCause(g.Runtime.WhyText) == kindOfCause(text) || g.Runtime.Held() || g.over() {
		return GameChange{}
	}
	c := GameChange{Next: g}
	c.Next.UpdatedAt = by.At
	if g.Status == Running && g.Runtime.Status == RuntimeRunning && g.Runtime.Why != WhyDriverUnknown {
		c.Next.Runtime.close(by) // the engine does not answer either
	}
	c.Next.Runtime.note(WhyDriverUnknown, text, by)
	return c
}

func kindOfCause(text string) string {
	kind, _, _ := strings.Cut(text, ":")
	return kind
}

const imageAwaited = "the engine waits for its image: "

// ImageAwaited records that the engine's image cannot be had for now, which says nothing about the game: it is tried
// again. What the game does stays what it is, and since when: a first start runs out of time, and everything else
// waits until the image comes. Operators are told once for each time that the engine is wanted.
func (g Game) ImageAwaited(cause string, by By) GameChange {
	r := g.Runtime
	ends := r.Op != nil && (r.Op.Kind == OpStop || r.Op.Kind == OpRemove)
	if strings.HasPrefix(r.WhyText, imageAwaited) || r.Held() || g.over() || ends {
		return GameChange{}
	}
	c := GameChange{Next: g}
	c.Next.UpdatedAt = by.At
	if r.Status == RuntimeRunning || r.Status == RuntimeGenerating {
		c = g.EngineDown(cause, "", by) // it has no engine that could be running
	}
	next := &c.Next.Runtime
	if r.Why == WhyDriverUnknown && g.Status == Running { // the daemon is back, and has asked the registry
		next.Why, next.WhySince = WhyRestarting, by.At
	}
	next.Failure = &Failure{At: by.At, Cause: cause}
	next.WhyText = imageAwaited + cause + "; it is asked for again until it comes"
	if g.Status != Starting {
		c.alert(ImagePullFailed, fmt.Sprintf("%s:awaited:%d", g.ID, by.At.Unix()), by, Payload{Reason: cause, ImageRef: r.ImageRef})
	}
	return c
}

// HeldUpBy is what has kept a start that is going on from its end; empty when nothing is known of.
func (g Game) HeldUpBy() string {
	if op, f := g.Runtime.Op, g.Runtime.Failure; op != nil && f != nil && !f.At.Before(op.Since) {
		return f.Cause
	}
	return ""
}
