package http

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"
	"go.uber.org/zap"

	"galaxy/backend/galaxy"
)

// statuses of the codes.
var statuses = map[galaxy.Code]int{
	galaxy.InvalidRequest:     http.StatusBadRequest,
	galaxy.Unauthorized:       http.StatusUnauthorized,
	galaxy.Forbidden:          http.StatusForbidden,
	galaxy.NotFound:           http.StatusNotFound,
	galaxy.MethodNotAllowed:   http.StatusMethodNotAllowed,
	galaxy.Conflict:           http.StatusConflict,
	galaxy.TurnAlreadyClosed:  http.StatusConflict,
	galaxy.PatchOnly:          http.StatusConflict,
	galaxy.PayloadTooLarge:    http.StatusRequestEntityTooLarge,
	galaxy.EligibilityDenied:  http.StatusUnprocessableEntity,
	galaxy.NameTaken:          http.StatusUnprocessableEntity,
	galaxy.NameWindowExpired:  http.StatusUnprocessableEntity,
	galaxy.NameQuotaExceeded:  http.StatusUnprocessableEntity,
	galaxy.TooManyRequests:    http.StatusTooManyRequests,
	galaxy.Internal:           http.StatusInternalServerError,
	galaxy.ServiceUnavailable: http.StatusServiceUnavailable,
	galaxy.Timeout:            http.StatusGatewayTimeout,
}

// errorBody is what a caller sees of an error.
type errorBody struct {
	Error struct {
		Code    galaxy.Code    `json:"code"`
		Message string         `json:"message"`
		Details map[string]any `json:"details,omitempty"`
	} `json:"error"`
}

// fail answers a request with an error. It is the one place where an error becomes a status.
func (s *Server) fail(c *gin.Context, err error) {
	e := s.known(c, err)
	if e.RetryAfter > 0 {
		c.Header("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	if e.Code == galaxy.Unauthorized && groupOf(c.Request.URL.Path) == groupAdmin {
		c.Header("WWW-Authenticate", `Basic realm="galaxy-admin"`)
	}
	var body errorBody
	body.Error.Code, body.Error.Message, body.Error.Details = e.Code, e.Message, e.Details
	c.Set(causeKey, err)
	c.AbortWithStatusJSON(statusOf(e), body)
}

// statusOf gives the status of an error. An edit of an older version is a conflict that has one of its own (RFC 9110, 15.5.13).
func statusOf(e *galaxy.Error) int {
	if errors.Is(e, galaxy.ErrVersion) {
		return http.StatusPreconditionFailed
	}
	return statuses[e.Code]
}

// known gives the error that the caller is told. What nobody named is an internal error, and is logged.
func (s *Server) known(c *gin.Context, err error) *galaxy.Error {
	var e *galaxy.Error
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return galaxy.Errorf(galaxy.PayloadTooLarge, "the body has more than %d bytes", large.Limit)
	case errors.As(err, &e) && statuses[e.Code] != 0:
		return e
	case galaxy.MemoryStale(err):
		return galaxy.Errorf(galaxy.ServiceUnavailable, "what this was decided on has changed meanwhile; try again").Because(err)
	case errors.Is(err, context.DeadlineExceeded):
		return galaxy.Errorf(galaxy.Timeout, "the answer did not come in time; the request may still be carried out")
	case errors.Is(err, context.Canceled) && s.stopping.Load():
		return errCutOff
	case errors.Is(err, context.Canceled):
		return galaxy.Errorf(galaxy.ServiceUnavailable, "the request was given up")
	}
	s.Log.Error("a request failed in a way that nobody foresaw", zap.String("request_id", requestID(c)), zap.Error(err))
	return galaxy.Errorf(galaxy.Internal, "internal error; the request id helps to find out")
}

// malformed is a request that does not fit its types.
func malformed(err error) error {
	return galaxy.Errorf(galaxy.InvalidRequest, "the request does not fit the contract").Because(err)
}
