package http_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
	"galaxy/backend/store/storetest"
)

// The callers of the table: who they are to the game.
const (
	anOwner      = "owner"
	aMember      = "member"
	anApplicant  = "applicant" // of a public game; the invited player of a private one
	aStranger    = "stranger"
	aSanctioned  = "sanctioned owner"
	aBlockedOne  = "stranger who must not join"
	aDeletedOne  = "deleted"
	anOperator   = "operator"
	allStatuses  = "draft enrollment_open ready_to_start starting start_failed running paused finished cancelled"
	notOver      = "draft enrollment_open ready_to_start starting start_failed running paused"
	beforeStart  = "draft enrollment_open ready_to_start start_failed"
	endsMembers  = "draft enrollment_open ready_to_start start_failed running paused"
	afterOpening = "enrollment_open ready_to_start starting start_failed running paused finished cancelled"
)

var callers = []string{anOwner, aMember, anApplicant, aStranger, aSanctioned, aBlockedOne, aDeletedOne, anOperator}

// rule is a line of the table: for whom an operation works in which statuses. Whoever may not call it is refused before
// the status is looked at; whoever may gets a conflict in every other status.
type rule struct {
	op      string // method and path below the game
	body    string
	works   string // statuses
	private bool   // of private games; else of public ones
	// may are the callers to whom the statuses apply. Others get what the code says.
	may    []string
	others map[string]string
	admin  string // the operators' path below the game, if they have the operation; "-" if they have not
}

// managed is what somebody is told who does not run a private game.
var managed = map[string]string{aMember: "forbidden", anApplicant: "forbidden", aStranger: "subject_not_found", aSanctioned: "forbidden",
	aBlockedOne: "subject_not_found", aDeletedOne: "unauthorized"}

// table is written down by hand from the rules, and tried as it stands.
var table = []rule{
	{"POST /open-enrollment", `{"enrollment_ends_at":"2099-01-01T00:00:00Z"}`, "draft ready_to_start", true, []string{anOwner}, managed, ""},
	{"POST /ready-to-start", "", "enrollment_open start_failed", true, []string{anOwner}, managed, ""},
	{"POST /start", "", "ready_to_start", true, []string{anOwner}, managed, ""},
	{"POST /retry-start", "", "start_failed", true, []string{anOwner}, managed, ""},
	{"POST /pause", "", "running", true, []string{anOwner}, managed, ""},
	{"POST /resume", "", "paused", true, []string{anOwner}, managed, ""},
	{"POST /cancel", `{}`, beforeStart, true, []string{anOwner}, managed, "-"},
	{"POST /transfer", `{"user_id":"MEMBER"}`, notOver, true, []string{anOwner}, managed, ""},
	{"PATCH ", `{"description":"new"}`, notOver, true, []string{anOwner}, managed, ""},
	{"PATCH ", `{"name":"new"}`, "draft", true, []string{anOwner}, managed, ""},
	{"PATCH ", `{"max_players":8}`, "draft enrollment_open", true, []string{anOwner}, managed, ""},
	{"PATCH ", `{"turn_schedule":"0 9 * * *"}`, strings.Replace(notOver, "enrollment_open ", "", 1), true, []string{anOwner}, managed, ""},
	{"PATCH ", `{"early_turn":true,"show_ready":true,"catch_up":"skip"}`, strings.Replace(notOver, "enrollment_open ", "", 1), true, []string{anOwner}, managed, ""},
	{"PATCH ", `{"target_engine_version":"1.0.0"}`, "draft", true, []string{anOwner}, managed, ""},
	{"POST /deadline", `{"turn":4,"deadline":"SOON"}`, "running", true, []string{anOwner}, managed, ""},
	{"POST /invites", `{"user_id":"FRESH"}`, "enrollment_open", true, []string{anOwner}, managed, "-"},
	{"POST /invites/INVITE/revoke", "", "enrollment_open", true, []string{anOwner}, managed, "-"},
	{"POST /invites/INVITE/redeem", `{"race_name":"Guests"}`, "enrollment_open", true, []string{anApplicant},
		map[string]string{anOwner: "subject_not_found", aMember: "subject_not_found", aStranger: "subject_not_found", aSanctioned: "subject_not_found",
			aBlockedOne: "subject_not_found", aDeletedOne: "unauthorized"}, "-"},
	{"POST /invites/INVITE/decline", "", "enrollment_open", true, []string{anApplicant},
		map[string]string{anOwner: "subject_not_found", aMember: "subject_not_found", aStranger: "subject_not_found", aSanctioned: "subject_not_found",
			aBlockedOne: "subject_not_found", aDeletedOne: "unauthorized"}, "-"},
	{"POST /memberships/MEMBERSHIP/remove", `{}`, endsMembers, true, []string{anOwner}, managed, "-"},
	{"POST /memberships/MEMBERSHIP/block", `{}`, endsMembers, true, []string{anOwner}, managed, "-"},
	{"POST /leave", "", endsMembers, true, []string{aMember},
		map[string]string{anOwner: "forbidden", anApplicant: "forbidden", aStranger: "subject_not_found", aSanctioned: "forbidden", aBlockedOne: "subject_not_found", aDeletedOne: "unauthorized"}, "-"},
	{"GET ", "", allStatuses, true, []string{anOwner, aMember, anApplicant, aSanctioned},
		map[string]string{aStranger: "subject_not_found", aBlockedOne: "subject_not_found", aDeletedOne: "unauthorized"}, ""},
	{"GET /memberships", "", allStatuses, true, []string{anOwner, aMember, anApplicant, aSanctioned},
		map[string]string{aStranger: "subject_not_found", aBlockedOne: "subject_not_found", aDeletedOne: "unauthorized"}, "-"},
	{"POST /applications", `{"race_name":"Fresh"}`, "", true, nil,
		map[string]string{anOwner: "forbidden", aMember: "forbidden", anApplicant: "forbidden", aStranger: "subject_not_found", aSanctioned: "forbidden",
			aBlockedOne: "subject_not_found", aDeletedOne: "unauthorized"}, "-"},

	{"POST /applications", `{"race_name":"Fresh"}`, "enrollment_open", false, []string{aStranger},
		map[string]string{aDeletedOne: "unauthorized"}, "-"},
	{"POST /applications/APPLICATION/approve", "", "enrollment_open", false, nil, map[string]string{aMember: "forbidden", anApplicant: "forbidden", aStranger: "forbidden",
		aBlockedOne: "forbidden", aDeletedOne: "unauthorized"}, ""},
	{"POST /applications/APPLICATION/reject", "", "enrollment_open", false, nil, map[string]string{aMember: "forbidden", anApplicant: "forbidden", aStranger: "forbidden",
		aBlockedOne: "forbidden", aDeletedOne: "unauthorized"}, ""},
	{"POST /applications/APPLICATION/withdraw", "", "enrollment_open", false, []string{anApplicant}, map[string]string{aMember: "subject_not_found",
		aStranger: "subject_not_found", aBlockedOne: "subject_not_found", aDeletedOne: "unauthorized"}, "-"},
	{"GET ", "", afterOpening, false, []string{aMember, anApplicant, aStranger, aBlockedOne}, map[string]string{aDeletedOne: "unauthorized"}, ""},
	{"POST /start", "", "ready_to_start", false, nil, map[string]string{aMember: "forbidden", anApplicant: "forbidden", aStranger: "forbidden",
		aBlockedOne: "forbidden", aDeletedOne: "unauthorized"}, ""},
	{"POST /transfer", `{"user_id":"MEMBER"}`, "", false, nil, map[string]string{aMember: "forbidden", anApplicant: "forbidden", aStranger: "forbidden",
		aBlockedOne: "forbidden", aDeletedOne: "unauthorized"}, ""},
	{"ADMIN /cancel", `{}`, notOver, true, nil, nil, "/cancel"},
	{"ADMIN /ban-member", `{"user_id":"MEMBER"}`, endsMembers, true, nil, nil, "/ban-member"},
	{"ADMIN /force-start", "", "enrollment_open ready_to_start start_failed", true, nil, nil, "/force-start"},
	{"ADMIN /force-stop", "", "starting running paused", true, nil, nil, "/force-stop"},
}

// cast is everybody of the table, by who they are to the game.
type cast struct {
	*world
	users map[string]galaxy.Account
	fresh galaxy.Account
	n     int
}

// stage makes a game in a status, with a member, somebody who waits for an answer, and an owner if it is private.
func (c *cast) stage(status galaxy.GameStatus, private bool, owner string) galaxy.Game {
	c.Helper()
	c.n++
	by := galaxy.By{Principal: galaxy.Admin("root"), At: storetest.Now()}
	visibility := galaxy.Public
	if private {
		visibility = galaxy.Private
	}
	change, err := galaxy.NewGame(galaxy.GameID{UUID: galaxy.NewID()}, visibility, galaxy.GameSpec{Name: "Stage", MinPlayers: 2, MaxPlayers: 10, EarlyTurn: true,
		Schedule: galaxy.Schedule{Cron: "0 21 * * *"}}, galaxy.Idempotency{}, by, time.Minute)
	require.NoError(c, err)
	g := change.Next
	at := by.At
	for i, who := range []galaxy.Account{c.users[aMember], c.fresh} {
		m := galaxy.Membership{ID: galaxy.MembershipID{UUID: galaxy.NewID()}, User: who.ID, Race: fmt.Sprintf("R%d-%d", i, c.n), Status: galaxy.MemberActive, JoinedAt: at, HoldsName: true}
		m.RaceKey, err = galaxy.RaceKey(m.Race)
		require.NoError(c, err)
		if i == 1 { // the seat that makes two players is nobody's of the table
			m.User = c.users["second"].ID
		}
		g.Members = append(g.Members, m)
		change.Names = append(change.Names, galaxy.NameChange{Move: galaxy.NameReserve, Key: m.RaceKey, Name: m.Race, User: m.User})
	}
	change.Memberships = g.Members
	if private {
		g.Owner = new(c.users[owner].ID)
	}
	switch { // somebody waits for an answer only while the enrolment is open
	case status != galaxy.EnrollmentOpen:
	case private:
		g.Invites = []galaxy.Invite{{ID: galaxy.InviteID{UUID: galaxy.NewID()}, Game: g.ID, User: c.users[anApplicant].ID, Inviter: by.Principal, Status: galaxy.InvitePending, CreatedAt: at, ExpiresAt: at.Add(time.Hour)}}
	default:
		g.Applications = []galaxy.Application{{ID: galaxy.ApplicationID{UUID: galaxy.NewID()}, Game: g.ID, User: c.users[anApplicant].ID, Race: "Applicants", RaceKey: "appllcants", Status: galaxy.ApplicationPending, CreatedAt: at}}
	}
	change.Invites, change.Applications = g.Invites, g.Applications
	g.Status, g.EnrollmentEndsAt = status, new(at.Add(time.Hour))
	switch status {
	case galaxy.Starting: // nothing is done for it while the daemon is away
		g.Runtime.Status, g.Runtime.OpNumber, g.Runtime.EngineVersion, g.Runtime.ImageRef = galaxy.RuntimeStarting, 1, "1.0.0", "engine:1.0.0"
		g.Runtime.Op = &galaxy.Operation{Kind: galaxy.OpStart, Number: 1, Attempt: 1, Since: at}
	case galaxy.Running, galaxy.Paused:
		g.Runtime.Status, g.Runtime.Turn, g.Runtime.Deadline = galaxy.RuntimeRunning, 3, new(at.Add(time.Hour))
		g.Runtime.EngineVersion, g.Runtime.ImageRef = "1.0.0", "engine:1.0.0"
		if status == galaxy.Paused {
			g.Runtime.Deadline, g.Runtime.Status = nil, galaxy.RuntimeUnreachable
		}
	}
	change.Next = g
	stored := storetest.Commit(c.T, c.st, change)
	c.system.Names.Committed(change.Names)
	return stored
}

func (c *cast) call(r rule, g galaxy.Game, caller string) (int, string) {
	method, path, _ := strings.Cut(r.op, " ")
	who, prefix := func(req *http.Request) { req.Header.Set("X-User-ID", c.users[caller].ID.String()) }, "/user/lobby/games/"
	if caller == anOperator {
		who, prefix = root, "/admin/games/"
	}
	if method == "ADMIN" {
		method = "POST"
	}
	replace := []string{"MEMBERSHIP", g.Members[0].ID.String(), "MEMBER", c.users[aMember].ID.String(), "FRESH", c.fresh.ID.String(),
		"SOON", storetest.Now().Add(time.Hour).Format(time.RFC3339)}
	for _, i := range g.Invites {
		replace = append(replace, "INVITE", i.ID.String())
	}
	for _, a := range g.Applications {
		replace = append(replace, "APPLICATION", a.ID.String())
	}
	replace = append(replace, "INVITE", uuid.NewString(), "APPLICATION", uuid.NewString())
	names := strings.NewReplacer(replace...)
	status, answer, _ := c.world.call(who, method, prefix+g.ID.String()+names.Replace(path), names.Replace(r.body))
	if status < 300 {
		return status, ""
	}
	return status, answer["error"].(map[string]any)["code"].(string)
}

// TestEveryOperationInEveryStatusByEveryCaller tries the table: allowed, or the exact code.
func TestEveryOperationInEveryStatusByEveryCaller(t *testing.T) {
	c := &cast{world: beginAway(t), users: map[string]galaxy.Account{}}
	for _, who := range slices.Concat(callers, []string{"second"}) {
		c.users[who] = c.signIn(strings.ReplaceAll(who, " ", "-") + "@example.com")
		c.want(http.StatusOK, root, "POST", "/admin/users/"+c.users[who].ID.String()+"/entitlement", `{"tier":"permanent"}`)
		c.want(http.StatusOK, root, "POST", "/admin/users/"+c.users[who].ID.String()+"/limits", `{"name":"max_active_memberships","value":100000}`)
	}
	for who, kind := range map[string]string{aSanctioned: "private_game_manage_block", aBlockedOne: "game_join_block"} {
		c.want(http.StatusCreated, root, "POST", "/admin/users/"+c.users[who].ID.String()+"/sanctions", `{"kind":"`+kind+`","reason_code":"test"}`)
	}
	c.want(http.StatusAccepted, func(r *http.Request) { r.Header.Set("X-User-ID", c.users[aDeletedOne].ID.String()) }, "DELETE", "/user/account", "")
	c.want(http.StatusCreated, root, "POST", "/admin/engine-versions", `{"version":"1.0.0","image_ref":"engine:1.0.0"}`)
	c.fresh = c.signIn("fresh@example.com")
	tried := 0
	for _, status := range strings.Fields(allStatuses) {
		for _, private := range []bool{true, false} {
			for _, owner := range []string{anOwner, aSanctioned} {
				tried += c.try(galaxy.GameStatus(status), private, owner)
			}
		}
	}
	t.Logf("%d combinations", tried)
	require.Greater(t, tried, 1500)
}

// try tries everything in the table for one kind of game, and tells how much that was. What is refused changes nothing, so the
// next call finds the same game; after one that is not, another game is staged.
func (c *cast) try(status galaxy.GameStatus, private bool, owner string) (tried int) {
	var g *galaxy.Game
	for _, r := range table {
		for _, caller := range callers {
			want, listed := c.expected(r, string(status), caller)
			if !listed || r.private != private || (caller == aSanctioned) != (owner == aSanctioned) {
				continue
			}
			if g == nil {
				g = new(c.stage(status, private, owner))
			}
			code, got := c.call(r, *g, caller)
			what := fmt.Sprintf("%s %s of a game that is %s (private: %v) by %s", r.op, r.body, status, private, caller)
			require.Equal(c, want, got, "%s answered %d", what, code)
			tried++
			if want != "" {
				now, err := c.st.Game(c.Context(), g.ID)
				require.NoError(c, err)
				require.Equal(c, lobbyOf(*g), lobbyOf(now), "%s was refused, and changed something", what)
			} else if !strings.HasPrefix(r.op, "GET ") {
				c.dispose(*g)
				g = nil
			}
		}
	}
	if g != nil {
		c.dispose(*g)
	}
	return tried
}

// lobbyOf is a game without what happens to it by itself: its start is tried all the time.
func lobbyOf(g galaxy.Game) galaxy.Game {
	g.Runtime, g.Version, g.UpdatedAt = galaxy.Runtime{}, 0, time.Time{}
	return g
}

// expected gives the code that the table has for a caller; "" is success.
func (c *cast) expected(r rule, status, caller string) (code string, listed bool) {
	works := slices.Contains(strings.Fields(r.works), status)
	open := status == "enrollment_open"
	decided := !open && (strings.Contains(r.op, "INVITE") || strings.Contains(r.op, "APPLICATION")) // there is no such thing
	switch {
	case caller == anOperator && (r.admin == "-" || strings.HasPrefix(r.op, "GET /")):
		return "", false
	case caller == anOperator && strings.HasPrefix(r.op, "GET "):
		return "", true
	case caller == anOperator && works, slices.Contains(r.may, caller) && works && (!r.private || caller != anApplicant || open):
		return "", true
	case caller == anOperator && decided:
		return "subject_not_found", true
	case caller == anOperator:
		return "conflict", true
	case !r.private && (caller == anOwner || caller == aSanctioned):
		return "", false // a public game has none
	case caller == aDeletedOne && r.others != nil:
		return "unauthorized", true
	case !r.private && status == "draft" && r.others != nil:
		return "subject_not_found", true // of a draft nobody knows
	case r.private && caller == anApplicant && !open:
		return "subject_not_found", true // the invite is over, and the game hidden again
	case slices.Contains(r.may, caller) && decided:
		return "subject_not_found", true
	case slices.Contains(r.may, caller):
		return "conflict", true
	case r.op == "POST /applications" && !r.private && r.others[caller] == "":
		return c.applies(status, caller), true
	}
	code, listed = r.others[caller]
	return code, listed
}

// applies: who is in, or waits, or must not.
func (c *cast) applies(status, caller string) string {
	if caller == aBlockedOne && status == "enrollment_open" {
		return "forbidden"
	}
	return "conflict"
}

// dispose lets go of a game, so that the next one finds the names free.
func (c *cast) dispose(g galaxy.Game) {
	c.exec(`WITH s AS (UPDATE memberships SET status = 'left', holds_name = false WHERE game_id = $1), r AS (DELETE FROM race_name_reservations WHERE game_id = $1)
		UPDATE games SET status = 'cancelled', version = version + 1000, wake_at = NULL WHERE game_id = $1`, g.ID.UUID)
	c.exec(`DELETE FROM race_names WHERE status = 'reserved' AND NOT EXISTS (SELECT FROM race_name_reservations r WHERE r.race_key = race_names.race_key)`)
	for key := range maps.Keys(map[string]bool{"fresh": true, "guests": true, "appllcants": true}) {
		k, err := galaxy.RaceKey(key)
		require.NoError(c, err)
		require.NoError(c, c.system.Names.Refresh(c.Context(), k))
	}
}
