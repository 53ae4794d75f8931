package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
	surface "galaxy/backend/http"
	"galaxy/backend/internal/enginetest"
	"galaxy/backend/store"
)

// codes is the store, but for mails: no worker gets any, and whoever signs in reads the code here. It tells of what is stored,
// too.
type codes struct {
	*store.Store
	sent    sync.Map // code by challenge id
	watched atomic.Pointer[watch]
}

func (c *codes) AddChallenge(ctx context.Context, n galaxy.NewChallenge) (bool, error) {
	var payload struct{ Code string }
	if err := json.Unmarshal(n.Delivery.Payload, &payload); err != nil {
		return false, err
	}
	c.sent.Store(n.ID.String(), payload.Code)
	return c.Store.AddChallenge(ctx, n)
}

func (c *codes) ClaimDeliveries(context.Context, time.Time, int, time.Duration) ([]galaxy.Delivery, error) {
	return nil, nil
}

const (
	publicKey = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
	operator1 = "bench-secret"
)

// benchSignIn: a new player asks for a code and confirms it, and the same statements by hand in two transactions.
func benchSignIn(t *testing.T) {
	w := newWorld(t, enginetest.New(t), "BACKEND_LIMIT_SOURCE_CONCURRENCY=0")
	h := signInByHand(w)
	ours := newSignIns(w, "http://"+w.rest, "/api/v1/public/auth/send-email-code", "/api/v1/public/auth/confirm-email-code", func(id string) string {
		code, _ := w.codes.sent.LoadAndDelete(id)
		return code.(string)
	})
	limit := newSignIns(w, "http://"+bare(t, h), "/send", "/confirm", func(string) string { return "123456" })
	comparison{name: "auth/signin", unit: "sign-ins/s", ours: ours.perSecond, limit: limit.perSecond}.run(t)
}

// signIns has players sign in, one after the other on each connection.
type signIns struct {
	*world
	client        *http.Client
	base          string
	send, confirm string
	code          func(challenge string) string
}

func newSignIns(w *world, base, send, confirm string, code func(string) string) *signIns {
	return &signIns{w, &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}, base, send, confirm, code}
}

func (s *signIns) perSecond() float64 {
	var mu sync.Mutex
	n := 0
	var wg sync.WaitGroup
	began := time.Now()
	for range connections {
		wg.Go(func() {
			for time.Since(began) < sample() {
				if err := s.one(); err != nil {
					s.Error(err)
					return
				}
				mu.Lock()
				n++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return float64(n) / time.Since(began).Seconds()
}

func (s *signIns) one() error {
	var sent struct {
		ChallengeID string `json:"challenge_id"`
	}
	if err := s.post(s.send, fmt.Sprintf(`{"email":"%s@example.com"}`, uuid.NewString()), &sent); err != nil {
		return err
	}
	var in struct {
		UserID string `json:"user_id"`
	}
	return s.post(s.confirm, fmt.Sprintf(`{"challenge_id":"%s","code":"%s","client_public_key":"%s","time_zone":"UTC"}`, sent.ChallengeID, s.code(sent.ChallengeID), publicKey), &in)
}

func (s *signIns) post(path, body string, into any) error {
	res, err := s.client.Post(s.base+path, "application/json", strings.NewReader(body))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = &refused{res.Status, string(raw)}
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

// signInByHand signs in with the statements that the service sends, in a transaction for each of the two requests.
func signInByHand(w *world) http.Handler {
	pool := handPool(w.T, w.dsn)
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.POST("/send", func(c *gin.Context) {
		var in struct{ Email string }
		id := uuid.Must(uuid.NewV7())
		err := c.ShouldBindJSON(&in)
		if err == nil {
			err = pgx.BeginFunc(c.Request.Context(), pool, func(tx pgx.Tx) error { return handSend(c.Request.Context(), tx, id, in.Email) })
		}
		handAnswer(c, gin.H{"challenge_id": id}, err)
	})
	e.POST("/confirm", func(c *gin.Context) {
		var in struct {
			ChallengeID uuid.UUID `json:"challenge_id"`
		}
		user := uuid.Must(uuid.NewV7())
		err := c.ShouldBindJSON(&in)
		if err == nil {
			err = pgx.BeginFunc(c.Request.Context(), pool, func(tx pgx.Tx) error { return handConfirm(c.Request.Context(), tx, in.ChallengeID, user) })
		}
		handAnswer(c, gin.H{"user_id": user}, err)
	})
	return e
}

func handAnswer(c *gin.Context, body any, err error) {
	if err != nil {
		c.String(http.StatusInternalServerError, err.Error())
		return
	}
	c.JSON(http.StatusOK, body)
}

func handSend(ctx context.Context, tx pgx.Tx, id uuid.UUID, email string) error {
	now, delivery := time.Now(), uuid.Must(uuid.NewV7())
	var recent int
	if err := tx.QueryRow(ctx, "SELECT count(*) FROM auth_challenges WHERE email = $1 AND created_at > $2", email, now.Add(-24*time.Hour)).Scan(&recent); err != nil {
		return err
	}
	b := &pgx.Batch{}
	b.Queue("INSERT INTO auth_challenges (challenge_id, email, code_hash, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)", id, email, make([]byte, 32), now, now.Add(10*time.Minute))
	b.Queue("INSERT INTO mail_deliveries (delivery_id, template_id, idempotency_key, status, priority, next_attempt_at, created_at) VALUES ($1, 'auth.login_code', $2, 'pending', 100, $3, $3)", delivery, delivery.String(), now)
	b.Queue("INSERT INTO mail_recipients (delivery_id, address) VALUES ($1, $2)", delivery, email)
	b.Queue("INSERT INTO mail_payloads (delivery_id, payload) VALUES ($1, $2)", delivery, []byte(`{"code":"123456","ttl":"10 minutes"}`))
	return tx.SendBatch(ctx, b).Close()
}

func handConfirm(ctx context.Context, tx pgx.Tx, challenge, user uuid.UUID) error {
	now, session := time.Now(), uuid.Must(uuid.NewV7())
	var email string
	if err := tx.QueryRow(ctx, "SELECT email FROM auth_challenges WHERE challenge_id = $1 AND consumed_at IS NULL", challenge).Scan(&email); err != nil {
		return err
	}
	b := &pgx.Batch{}
	b.Queue("UPDATE auth_challenges SET consumed_at = $2 WHERE challenge_id = $1", challenge, now)
	b.Queue("INSERT INTO accounts (user_id, email, user_name, preferred_language, time_zone, created_at, updated_at) VALUES ($1, $2, $3, 'en', 'UTC', $4, $4)", user, email, user.String(), now)
	b.Queue("INSERT INTO entitlement_snapshots VALUES ($1, 'free', 'registration', $2, NULL, 1, 0, 3)", user, now)
	b.Queue("INSERT INTO device_sessions (device_session_id, user_id, client_public_key, created_at, last_seen_at) VALUES ($1, $2, $3, $4, $4)", session, user, make([]byte, 32), now)
	b.Queue("INSERT INTO audit (audit_id, at, actor_kind, actor_id, action, subject) VALUES ($1, $2, 'system', 'auth', 'session.create', $3)", uuid.Must(uuid.NewV7()), now, session.String())
	b.Queue("SELECT * FROM accounts WHERE user_id = $1", user)
	return tx.SendBatch(ctx, b).Close()
}

// benchAdmin: an operator's request whose credentials were right lately, and the same operation that admits everybody.
func benchAdmin(t *testing.T) {
	w := newWorld(t, enginetest.New(t))
	open := w.deps
	open.Operators = func(*http.Request, string) (string, error) { return "root", nil }
	request := func(address string) func(int) *http.Request {
		return func(int) *http.Request {
			r := get(t, "http://"+address+"/api/v1/admin/admin-accounts")
			r.SetBasicAuth("root", operator1)
			return r
		}
	}
	w.rememberOperator()
	free := w.serve(open)
	comparison{name: "rest/admin", unit: "req/s", ours: newLoad(t, w.rest, request(w.rest)).perSecond, limit: newLoad(t, free, request(free)).perSecond}.run(t)
}

// rememberOperator has the operator's password checked once.
func (w *world) rememberOperator() {
	r := get(w.T, "http://"+w.rest+"/api/v1/admin/admin-accounts")
	r.SetBasicAuth("root", operator1)
	res, err := http.DefaultClient.Do(r)
	require.NoError(w, err)
	_ = res.Body.Close()
	require.Equal(w, http.StatusOK, res.StatusCode)
}

// players gives requests of one player for each connection.
func (w *world) accountRequests() func(int) *http.Request {
	requests := make([]*http.Request, connections)
	for i := range requests {
		account, _ := w.signIn("player" + strconv.Itoa(i) + "@example.com")
		requests[i] = get(w.T, "http://"+w.rest+"/api/v1/user/account")
		requests[i].Header.Set("X-User-ID", account.ID.String())
	}
	return func(i int) *http.Request { return requests[i] }
}

// benchLimits: what the limits cost a player who stays within them.
func benchLimits(t *testing.T) {
	w := newWorld(t, enginetest.New(t))
	free := w.deps
	free.Limits = surface.LimitConfig{}
	requests := w.accountRequests()
	comparison{name: "rest/limits", unit: "req/s", ours: newLoad(t, w.rest, requests).perSecond, limit: newLoad(t, w.serve(free), requests).perSecond}.run(t)
}

// benchFlood: players' requests while others try operators' passwords over as many connections, each from an address of
// its own and with ever new names; and without them.
func benchFlood(t *testing.T) {
	w := newWorld(t, enginetest.New(t))
	players := newLoad(t, w.rest, w.accountRequests())
	comparison{name: "flood/admin", unit: "req/s", limit: players.perSecond, ours: func() float64 {
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range connections {
			wg.Go(func() { w.guess(ctx, i) })
		}
		rate := players.perSecond()
		cancel()
		wg.Wait()
		return rate
	}}.run(t)
}

func (w *world) guess(ctx context.Context, from int) {
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
	defer c.CloseIdleConnections()
	for n := 0; ctx.Err() == nil; n++ {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.rest+"/api/v1/admin/admin-accounts", http.NoBody)
		if err != nil {
			w.Error(err)
			return
		}
		r.SetBasicAuth("name"+strconv.Itoa(n), "guess")
		r.Header.Set("X-Forwarded-For", fmt.Sprintf("10.%d.%d.%d", from, n>>8&255, n&255))
		res, err := c.Do(r)
		if err != nil {
			continue // told to stop
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized && res.StatusCode != http.StatusTooManyRequests {
			w.Errorf("a guess was answered %s", res.Status)
		}
	}
}

// benchStorm: gateways with cold caches ask for thousands of sessions each, at once.
func benchStorm(t *testing.T) {
	gateways, sessions := 20, 5000
	if !*full {
		sessions = 20
	}
	w := newWorld(t, enginetest.New(t))
	var answers sync.Map
	paths := make([]string, sessions)
	account, first := w.signIn("ann@example.com")
	for i := range paths {
		s := first
		s.ID, s.User = galaxy.SessionID{UUID: galaxy.NewID()}, account.ID
		w.system.Table.Add(s)
		paths[i] = "/api/v1/internal/sessions/" + s.ID.String()
		answers.Store(paths[i], fetch(w, paths[i]))
	}
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.GET("/api/v1/internal/sessions/:id", func(c *gin.Context) {
		if v, ok := answers.Load(c.Request.URL.Path); ok {
			c.Data(http.StatusOK, "application/json; charset=utf-8", v.([]byte))
		}
	})
	comparison{name: "storm/reconnect", unit: "req/s", ours: storm(t, w.rest, gateways, paths), limit: storm(t, bare(t, e), gateways, paths)}.run(t)
}

func fetch(w *world, path string) []byte {
	res, err := http.DefaultClient.Do(get(w.T, "http://"+w.rest+path))
	require.NoError(w, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(w, err)
	require.Equal(w, http.StatusOK, res.StatusCode)
	return body
}

// storm connects gateways, each of which asks for everything once per call; it gives the requests answered per second.
func storm(t *testing.T, address string, gateways int, paths []string) func() float64 {
	requests := make([][]byte, len(paths))
	for i, path := range paths {
		var b bytes.Buffer
		require.NoError(t, get(t, "http://"+address+path).Write(&b))
		requests[i] = b.Bytes()
	}
	connected := newLoadOf(t, address, gateways, func(int) *http.Request { return get(t, "http://"+address+paths[0]) })
	return func() float64 {
		var wg sync.WaitGroup
		began := time.Now()
		for _, a := range connected.all {
			wg.Go(func() {
				for _, r := range requests {
					a.request = r
					if err := a.ask(); err != nil {
						t.Errorf("a look-up failed: %v", err)
						return
					}
				}
			})
		}
		wg.Wait()
		return float64(gateways*len(requests)) / time.Since(began).Seconds()
	}
}
