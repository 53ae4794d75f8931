package galaxy

import (
	"slices"
	"strconv"
	"strings"
)

const patchLabel = "patch-"

// StateCopy is what stands beside a game's state directory under a label: a copy, what it has replaced, or what is
// left of either.
type StateCopy struct {
	Game  GameID
	Label string
}

// CopyRecord is what is recorded of the copies of one game's state.
type CopyRecord struct {
	Newest int64   // number of the newest operation
	Open   int64   // number of the open patch; 0 when there is none
	Kept   []int64 // patches whose copies operators may have need of
}

// Leaves reports whether a copy by that label was left behind: it is of a patch of this game's that is over, and
// nobody has need of it. A number that no operation has had yet is of another history of the game, as after a
// database was put back.
func (r CopyRecord) Leaves(label string) bool {
	digits, ok := strings.CutPrefix(label, patchLabel)
	if !ok {
		return false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	ours := err == nil && n > 0 && n <= r.Newest && strconv.FormatInt(n, 10) == digits
	return ours && n != r.Open && !slices.Contains(r.Kept, n)
}

// keepCopy notes that the copy of the open patch, if there is one, is not to be cleared: the patch ends, and what the
// engine has made of the state is not known.
func (r *Runtime) keepCopy() {
	if r.Op != nil && r.Op.Kind == OpPatch {
		r.KeptCopies = append(slices.Clip(r.KeptCopies), r.Op.Number)
	}
}

// PatchStuck is PatchFailed for a patch that could not be rolled back, and PatchStays when the newer engine has
// written the state. Its copy is not cleared; kept tells that there is one.
func (g Game) PatchStuck(number int64, cause string, kept, written bool, by By) GameChange {
	to, end := g.Runtime.Patch, g.PatchFailed
	if written {
		end = g.PatchStays
	}
	c := end(number, cause, by)
	if c.Nothing() {
		return c
	}
	reason := "the patch to " + to.EngineVersion + " has failed: " + cause
	if written {
		reason = c.Next.Runtime.Failure.Cause
	}
	if kept {
		reason += "; it is kept as " + g.ID.String() + "." + patchLabel + strconv.FormatInt(number, 10)
	}
	r := &c.Next.Runtime
	r.KeptCopies = append(slices.Clip(r.KeptCopies), number)
	r.Failure = &Failure{At: by.At, Cause: reason}
	r.note(WhyRestarting, reason, by)
	for i := range c.Notices {
		c.Notices[i].Payload.Reason = reason
	}
	return c
}

// KeptLabels gives the labels of KeptCopies.
func (r Runtime) KeptLabels() (labels []string) {
	for _, n := range r.KeptCopies {
		labels = append(labels, Operation{Number: n}.CopyLabel())
	}
	return labels
}
