package statedir

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/google/uuid"

	"galaxy/backend/galaxy"
)

// unfinished are what stands before the label of a directory that belongs to a copy and is none.
var unfinished = []string{"copying-", "replaced-", "dropping-"}

// StateCopies gives what stands beside the games' states under a label, each game and label once: copies, what they
// have replaced, and what is left of either. DropState removes all that belongs to one.
func (r Root) StateCopies(ctx context.Context) (out []galaxy.StateCopy, err error) {
	entries, err := os.ReadDir(r.path)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if found, ok := copyNamed(entry.Name()); ok && entry.IsDir() && !slices.Contains(out, found) {
			out = append(out, found)
		}
	}
	return out, nil
}

// copyNamed reads <game>.<label>, and what is made of it while a copy is made, put back or dropped. Names that only
// look like one, such as a game id in capitals, are somebody else's.
func copyNamed(name string) (c galaxy.StateCopy, ok bool) {
	game, label, dotted := strings.Cut(name, ".")
	id, err := uuid.Parse(game)
	if !dotted || err != nil || id.String() != game {
		return c, false
	}
	for _, prefix := range unfinished {
		if rest, cut := strings.CutPrefix(label, prefix); cut {
			label = rest
			break
		}
	}
	return galaxy.StateCopy{Game: galaxy.GameID{UUID: id}, Label: label}, labels.MatchString(label) && !reserved.MatchString(label)
}

// Copied reports whether there is a whole copy of the game's state by that label.
func (r Root) Copied(_ context.Context, game galaxy.GameID, label string) (bool, error) {
	n, err := r.names(game, label)
	if err != nil {
		return false, err
	}
	return exists(n.copy)
}
