package http

import (
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"galaxy/backend/actors/admin"
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// group is a part of the surface with an authority of its own.
type group string

const (
	groupPublic   group = "public"
	groupInternal group = "internal"
	groupUser     group = "user"
	groupAdmin    group = "admin"
	groupProbes   group = "probes"
	groupNone     group = "none"
)

const root = "/api/v1/"

func groupOf(path string) group {
	if path == "/healthz" || path == "/readyz" {
		return groupProbes
	}
	rest, ok := strings.CutPrefix(path, root)
	first, _, _ := strings.Cut(rest, "/")
	switch g := group(first); {
	case !ok:
	case g == groupPublic, g == groupInternal, g == groupUser, g == groupAdmin:
		return g
	}
	return groupNone
}

const (
	userHeader    = "X-User-Id"
	sessionHeader = "X-Device-Session-Id"
	userKey       = "user"
	adminKey      = "admin"
)

// authorize finds out who calls, before anything else of the request is looked at.
func (s *Server) authorize(c *gin.Context) {
	var err error
	switch groupOf(c.Request.URL.Path) {
	case groupPublic, groupInternal:
		err = s.gateway(c)
	case groupUser:
		if err = s.gateway(c); err == nil {
			err = s.player(c)
		}
	case groupAdmin:
		err = s.operator(c)
	}
	if err != nil {
		s.fail(c, err)
	}
}

// gateway lets in who bears a token, when there is one.
func (s *Server) gateway(c *gin.Context) error {
	tokens := s.Config.Tokens()
	if len(tokens) == 0 || galaxy.Bears(c.GetHeader("Authorization"), tokens) {
		return nil
	}
	return galaxy.Errorf(galaxy.Unauthorized, "a gateway must bear its token")
}

func (s *Server) player(c *gin.Context) error {
	if _, _, basic := c.Request.BasicAuth(); basic {
		return galaxy.Errorf(galaxy.Unauthorized, "players are not admitted by Basic Auth")
	}
	id, err := uuid.Parse(c.GetHeader(userHeader))
	if err != nil || len(c.Request.Header.Values(userHeader)) != 1 {
		return galaxy.Errorf(galaxy.Unauthorized, "%s must name the player", userHeader)
	}
	user := galaxy.UserID{UUID: id}
	rights, ok := s.Rights.Of(user)
	if !ok {
		return errNoPlayer
	}
	if err := rights.Allows(galaxy.ActSignIn, s.Now()); err != nil {
		return err
	}
	if h := c.GetHeader(sessionHeader); h != "" {
		if err := s.device(user, h); err != nil {
			return err
		}
	}
	c.Set(userKey, user)
	s.Request(user, source(c))
	return nil
}

var errNoPlayer = galaxy.Errorf(galaxy.Unauthorized, "%s names no player who has an account", userHeader)

// device notes that a session is in use, which must be one of the player's.
func (s *Server) device(user galaxy.UserID, header string) error {
	id, err := uuid.Parse(header)
	session := galaxy.SessionID{UUID: id}
	if err == nil {
		if owner, _, ok := s.Table.Find(session); ok && owner == user {
			s.Used(session)
			return nil
		}
	}
	return galaxy.Errorf(galaxy.Unauthorized, "%s is no session of this player", sessionHeader)
}

func (s *Server) operator(c *gin.Context) error {
	if c.GetHeader(userHeader) != "" {
		return errOperators
	}
	username, err := s.Operators(c.Request, sourceKey(source(c)).String())
	if err == nil {
		c.Set(adminKey, galaxy.Admin(username))
	}
	return err
}

var errOperators = galaxy.Errorf(galaxy.Unauthorized, "operators are admitted by Basic Auth alone")

// basicAuth admits operators by their accounts.
func (s *Server) basicAuth(r *http.Request, source string) (string, error) {
	username, password, ok := r.BasicAuth()
	if !ok {
		return "", errOperators
	}
	if s.Known.Has(username, password) {
		return username, nil
	}
	_, err := kit.Ask(r.Context(), s.Admin, admin.Verify{Username: username, Password: password, Source: source})
	if galaxy.Is(err, galaxy.TooManyRequests) {
		// Whoever does not wait by himself is made to, so that a flood costs players little.
		select {
		case <-time.After(tarpit):
		case <-r.Context().Done():
		}
	}
	return username, err
}

// tarpit is how long an operator who has to wait is kept from asking again.
const tarpit = 250 * time.Millisecond
