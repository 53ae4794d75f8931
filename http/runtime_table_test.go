package http_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
)

// line is an operation of a game that is played, and for whom it works in which statuses. Players' operations are for members of
// the game, which is private; the others are for operators.
type line struct {
	op    string // method and path, with GAME
	body  string
	works string            // statuses
	codes map[string]string // in other statuses; "" is any
}

var conflict = map[string]string{"": "conflict"}

// played is written down by hand from the rules, and tried as it stands.
var played = []line{
	{"GET /user/games/GAME", "", allStatuses, nil},
	{"GET /user/games/GAME/timeline", "", allStatuses, nil},
	{"PUT /user/games/GAME/ready", `{"turn":4,"ready":true}`, "running", conflict},
	{"POST /user/games/GAME/commands", `{"turn":4,"commands":[]}`, "", map[string]string{"": "conflict", "running": "service_unavailable"}},
	{"PUT /user/games/GAME/orders", `{"turn":4,"commands":[]}`, "", map[string]string{"": "conflict", "running": "service_unavailable"}},
	{"GET /user/games/GAME/orders", "", "running paused", conflict},
	{"GET /user/games/GAME/reports/3", "", "", map[string]string{"": "subject_not_found", "running": "service_unavailable", "paused": "service_unavailable"}},
	{"GET /admin/runtimes/GAME", "", allStatuses, nil},
	{"GET /admin/runtimes/GAME/logs", "", "", map[string]string{"": "service_unavailable"}},
	{"GET /admin/games/GAME/timeline", "", allStatuses, nil},
	{"POST /admin/runtimes/GAME/restart", "", "running paused", conflict},
	{"POST /admin/runtimes/GAME/patch", `{"version":"1.0.1"}`, "running paused", conflict},
	{"POST /admin/runtimes/GAME/force-next-turn", `{"turn":4}`, "running", conflict},
}

// want gives the code that the table has for a caller; "" is success.
func (l line) want(status, caller string) string {
	open := status == "enrollment_open"
	operators := strings.Contains(l.op, "/admin/")
	switch {
	case operators != (caller == anOperator), caller == aDeletedOne:
		return "unauthorized"
	case operators || caller == aMember:
		switch code, named := l.codes[status]; {
		case slices.Contains(strings.Fields(l.works), status):
			return ""
		case named:
			return code
		}
		return l.codes[""]
	case caller == anOwner, caller == anApplicant && open:
		return "forbidden"
	}
	return "subject_not_found"
}

// TestEveryOperationOfAGameThatIsPlayed tries the table, while the container daemon is away: allowed, or the exact code.
func TestEveryOperationOfAGameThatIsPlayed(t *testing.T) {
	c := &cast{world: beginAway(t), users: map[string]galaxy.Account{}}
	who := []string{anOperator, anOwner, anApplicant, aStranger, aBlockedOne, aDeletedOne, aMember}
	for _, name := range slices.Concat(who, []string{"second"}) {
		c.users[name] = c.signIn(strings.ReplaceAll(name, " ", "-") + "@example.com")
		c.want(http.StatusOK, root, "POST", "/admin/users/"+c.users[name].ID.String()+"/limits", `{"name":"max_active_memberships","value":100000}`)
	}
	c.want(http.StatusCreated, root, "POST", "/admin/users/"+c.users[aBlockedOne].ID.String()+"/sanctions", `{"kind":"game_join_block","reason_code":"test"}`)
	c.want(http.StatusAccepted, func(r *http.Request) { r.Header.Set("X-User-ID", c.users[aDeletedOne].ID.String()) }, "DELETE", "/user/account", "")
	for _, v := range []string{"1.0.0", "1.0.1"} {
		c.want(http.StatusCreated, root, "POST", "/admin/engine-versions", `{"version":"`+v+`","image_ref":"engine:`+v+`"}`)
	}
	tried := 0
	for _, status := range strings.Fields(allStatuses) {
		var g *galaxy.Game
		for _, l := range played {
			method, path, _ := strings.Cut(l.op, " ")
			for _, caller := range who {
				if g == nil {
					g = new(c.stage(galaxy.GameStatus(status), true, anOwner))
				}
				as := root
				if caller != anOperator {
					as = func(r *http.Request) { r.Header.Set("X-User-ID", c.users[caller].ID.String()) }
				}
				code, answer, _ := c.world.call(as, method, strings.Replace(path, "GAME", g.ID.String(), 1), l.body)
				got := ""
				if code >= 300 {
					got = answer["error"].(map[string]any)["code"].(string)
				}
				require.Equal(t, l.want(status, caller), got, "%s of a game that is %s by %s answered %d %v", l.op, status, caller, code, answer)
				tried++
				if got == "" && method != http.MethodGet { // it is no longer what it was
					c.dispose(*g)
					g = nil
				}
			}
		}
		if g != nil {
			c.dispose(*g)
		}
	}
	require.Equal(t, 9*len(who)*len(played), tried)
}

// TestTheTableHasEveryOperationOfAGameThatIsPlayed: a new one is written down in it.
func TestTheTableHasEveryOperationOfAGameThatIsPlayed(t *testing.T) {
	w := begin(t)
	listed := map[string]bool{}
	for _, l := range played {
		method, path, _ := strings.Cut(l.op, " ")
		op, ok := w.find(method, "/api/v1"+path)
		require.True(t, ok, l.op)
		listed[op.OperationID] = true
	}
	all := map[string]bool{}
	for _, op := range w.operations() {
		if strings.Contains(op.path, "/user/games/") || strings.Contains(op.path, "/admin/runtimes/{game_id}") || strings.HasSuffix(op.path, "/timeline") {
			all[op.OperationID] = true
		}
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(all)), slices.Collect(maps.Keys(listed)))
}
