package http

import (
	"slices"

	"galaxy/backend/api"
	"galaxy/backend/galaxy"
)

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// optional leaves out what is empty.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func gapsOf(turns []int) *[]int {
	if len(turns) == 0 {
		return nil
	}
	return &turns
}

func turnOf(turn int) *int {
	if turn == galaxy.NoTurn {
		return nil
	}
	return &turn
}

func etag(g galaxy.Game) *string { return tag(g.Version) }

const defaultLimit = 50

func pageOf(limit *int, cursor *string) galaxy.Page {
	p := galaxy.Page{Limit: defaultLimit, Cursor: deref(cursor)}
	if limit != nil {
		p.Limit = *limit
	}
	return p
}

// statusesOf gives the statuses asked for, as far as the caller may see them. nil means all; an empty list means none.
func statusesOf(asked *[]api.GameStatus, visible []galaxy.GameStatus) []galaxy.GameStatus {
	if asked == nil {
		return visible
	}
	wanted := []galaxy.GameStatus{}
	for _, s := range *asked {
		if visible == nil || slices.Contains(visible, galaxy.GameStatus(s)) {
			wanted = append(wanted, galaxy.GameStatus(s))
		}
	}
	return wanted
}
