package http

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"galaxy/backend/actors/auth"
	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/api"
	"galaxy/backend/galaxy"
)

// handlers are the operations of the contract.
type handlers struct{ *Server }

// The generated code hands a handler the *gin.Context as its context.
func ginOf(ctx context.Context) *gin.Context {
	c, ok := ctx.(*gin.Context)
	if !ok {
		panic("a handler was called without a gin context")
	}
	return c
}

// living is the request's own context. gin takes its contexts back when a handler returns and uses them again, so none
// may reach anything that keeps it: a goroutine of database/sql, or the parent of another context.
func living(ctx context.Context) context.Context { return ginOf(ctx).Request.Context() }

func caller(ctx context.Context) galaxy.UserID {
	v, _ := ginOf(ctx).Get(userKey)
	id, ok := v.(galaxy.UserID)
	if !ok {
		panic("a player's operation was called without a player")
	}
	return id
}

func operator(ctx context.Context) game.By {
	c := ginOf(ctx)
	v, _ := c.Get(adminKey)
	p, ok := v.(galaxy.Principal)
	if !ok {
		panic("an operator's operation was called without an operator")
	}
	return game.By{Principal: p, RequestID: requestID(c)}
}

// source is the player's address: the first hop that the gateway names, else the peer. An IPv6 zone is dropped: it is a
// name of any length that says nothing beyond the machine it was written on.
func source(ctx context.Context) netip.Addr {
	c := ginOf(ctx)
	first, _, _ := strings.Cut(c.GetHeader("X-Forwarded-For"), ",")
	if addr, err := netip.ParseAddr(strings.TrimSpace(first)); err == nil {
		return addr.Unmap().WithZone("")
	}
	peer, _ := netip.ParseAddrPort(c.Request.RemoteAddr)
	return peer.Addr().Unmap().WithZone("")
}

// idempotency is the caller's key with the digest of what it stands for.
func idempotency(ctx context.Context, key *string) galaxy.Idempotency {
	if key == nil {
		return galaxy.Idempotency{}
	}
	c := ginOf(ctx)
	return galaxy.Idempotency{Key: *key, Digest: sha256.Sum256(slices.Concat([]byte(c.Request.Method+" "+c.Request.URL.Path+"\n"), body(c)))}
}

// keyedIdempotency is idempotency for a body that holds a secret, of which nothing that could be guessed by may be stored.
func (h *handlers) keyedIdempotency(ctx context.Context, key *string) galaxy.Idempotency {
	i := idempotency(ctx, key)
	if i.Key != "" {
		i.Digest = h.Known.Digest(i.Digest[:])
	}
	return i
}

func gameID(id uuid.UUID) galaxy.GameID { return galaxy.GameID{UUID: id} }

func (h *handlers) SendEmailCode(ctx context.Context, r api.SendEmailCodeRequestObject) (api.SendEmailCodeResponseObject, error) {
	email, err := galaxy.NormalEmail(r.Body.Email)
	if err != nil {
		return nil, err
	}
	if _, err := galaxy.NormalLanguage(deref(r.Body.Locale)); err != nil {
		return nil, err
	}
	id, err := kit.Ask(living(ctx), h.Auth.Ref(email), auth.SendCode{Source: source(ctx)})
	if err != nil {
		return nil, err
	}
	return api.SendEmailCode200JSONResponse{ChallengeID: id.UUID}, nil
}

func (h *handlers) ConfirmEmailCode(ctx context.Context, r api.ConfirmEmailCodeRequestObject) (api.ConfirmEmailCodeResponseObject, error) {
	key, err := galaxy.ParsePublicKey(r.Body.ClientPublicKey)
	if err != nil {
		return nil, err
	}
	ch, err := h.challenge(ctx, r.Body.ChallengeID)
	if err != nil {
		return nil, err
	}
	in, err := kit.Ask(living(ctx), h.Auth.Ref(ch.Email), auth.Confirm{Challenge: ch.ID, Code: r.Body.Code, Key: key, TimeZone: r.Body.TimeZone,
		Locale: deref(r.Body.Locale), DeviceName: deref(r.Body.DeviceName), Source: source(ctx), RequestID: requestID(ginOf(ctx))})
	if err != nil {
		return nil, err
	}
	return api.ConfirmEmailCode200JSONResponse{DeviceSessionID: in.Session.UUID, UserID: in.User.UUID}, nil
}

// challenge finds out which address a code was mailed to.
func (h *handlers) challenge(ctx context.Context, id uuid.UUID) (galaxy.Challenge, error) {
	ch, err := h.Store.Challenge(living(ctx), galaxy.ChallengeID{UUID: id})
	if galaxy.Is(err, galaxy.NotFound) {
		err = auth.ErrNotConfirmed
	}
	return ch, err
}

// Healthz answers 200 whatever fails: who restarts a process by this probe would only interrupt what works.
func (h *handlers) Healthz(ctx context.Context, _ api.HealthzRequestObject) (api.HealthzResponseObject, error) {
	return api.Healthz200JSONResponse(health(living(ctx), h.Health)), nil
}

func health(ctx context.Context, checks []Check) api.Health {
	failing := map[string]string{}
	for _, check := range checks {
		if err := check.OK(ctx); err != nil {
			failing[check.Name] = "failed: " + err.Error()
		}
	}
	if len(failing) == 0 {
		return api.Health{Status: api.HealthStatusOk}
	}
	return api.Health{Status: api.HealthStatusDegraded, Checks: &failing}
}

// Readyz says check by check whether the service serves.
func (h *handlers) Readyz(ctx context.Context, _ api.ReadyzRequestObject) (api.ReadyzResponseObject, error) {
	if h.stopping.Load() { // a load balancer is not to wait for a database that is away
		return api.Readyz503JSONResponse{Status: api.ReadinessStatusNotReady,
			Checks: map[string]string{"stopping": "the service is stopping"}}, nil
	}
	status, checks := api.ReadinessStatusReady, map[string]string{"lease": "ok"}
	for _, check := range h.Checks {
		checks[check.Name] = "ok"
		if err := check.OK(living(ctx)); err != nil && check.Warns {
			checks[check.Name] = "warning: " + short(err)
		} else if err != nil {
			checks[check.Name] = "failed: " + short(err)
			status = api.ReadinessStatusNotReady
		}
	}
	if !h.Serving() {
		checks["lease"] = "not held: another backend serves this database, or it is away"
		if status == api.ReadinessStatusReady {
			status = api.ReadinessStatusStandby
		}
	}
	if status != api.ReadinessStatusReady {
		return api.Readyz503JSONResponse{Status: status, Checks: checks}, nil
	}
	return api.Readyz200JSONResponse{Status: status, Checks: checks}, nil
}

// short keeps addresses and passwords of a connection error out of what a probe shows.
func short(err error) string {
	if e := (*galaxy.Error)(nil); errors.As(err, &e) {
		return e.Message
	}
	return "see the log"
}

// verbatim is an answer whose JSON must stay as it is: generated code would compact and escape it.
type verbatim []byte

func (v verbatim) write(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(v)))
	w.WriteHeader(http.StatusOK)
	_, err := w.Write(v)
	return err
}

// VisitGetAccountResponse answers with an account that is encoded already.
func (b accountBody) VisitGetAccountResponse(w http.ResponseWriter) error {
	w.Header().Set("Etag", b.etag)
	return b.write(w)
}

// VisitGetReportResponse answers with the engine's own words.
func (v verbatim) VisitGetReportResponse(w http.ResponseWriter) error { return v.write(w) }

// VisitGetOrdersResponse answers with the commands as the player wrote them.
func (v verbatim) VisitGetOrdersResponse(w http.ResponseWriter) error { return v.write(w) }

// commandsMark stands for a list of commands until it is put there, by its number. No text can hold one, for its quotes are
// escaped.
var commandsMark = regexp.MustCompile(`"commands":[0-9]+`)

// ordersJSON writes an api.Orders with its commands, and those of its batches, byte for byte.
func ordersJSON(o galaxy.StoredOrders) (verbatim, error) {
	var lists [][]byte
	mark := func(commands []byte) json.RawMessage {
		lists = append(lists, commands)
		return strconv.AppendInt(nil, int64(len(lists)-1), 10)
	}
	out := api.Orders{Turn: o.Turn, Revision: o.Revision, Commands: mark(o.Commands), Batches: mapped(o.Batches, func(b galaxy.StoredBatch) api.StoredBatch {
		one := api.StoredBatch{BatchID: b.ID, Commands: mark(b.Commands), StoredAt: b.StoredAt}
		if b.Result.Lost {
			one.Lost = &b.Result.Lost
		}
		return one
	})}
	if o.Revision > 0 {
		out.StoredAt = &o.StoredAt
	}
	b, err := json.Marshal(out)
	if err != nil {
		return nil, err
	}
	return commandsMark.ReplaceAllFunc(b, func(m []byte) []byte {
		n, err := strconv.Atoi(string(m[len(`"commands":`):]))
		if err != nil {
			panic("a list of commands has lost its number")
		}
		return slices.Concat([]byte(`"commands":`), lists[n])
	}), nil
}
