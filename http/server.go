package http

import (
	"net/http"
	"net/netip"
	"sync/atomic"

	"github.com/gin-gonic/gin"
	"github.com/gin-gonic/gin/binding"
	lru "github.com/hashicorp/golang-lru/v2"

	"galaxy/backend/api"
	"galaxy/backend/galaxy"
)

// Server is the surface.
type Server struct {
	Deps
	engine   *gin.Engine
	contract *contract
	stopping atomic.Bool
	accounts *lru.Cache[galaxy.UserID, rendered]
	users    *throttle[galaxy.UserID]
	sources  *throttle[netip.Addr]
}

// New makes the surface; Front.Serve serves it.
func New(d Deps) (*Server, error) {
	gin.SetMode(gin.ReleaseMode)
	// The contract validates; gin's own validator would look at every struct once more.
	binding.Validator = nil
	contract, err := readContract()
	if err != nil {
		return nil, err
	}
	accounts, err := lru.New[galaxy.UserID, rendered](keptRendered)
	if err != nil {
		return nil, err
	}
	s := &Server{Deps: d, contract: contract, accounts: accounts}
	if s.Operators == nil {
		s.Operators = s.basicAuth
	}
	if s.users, err = newThrottle[galaxy.UserID](d.Limits.UserRate, d.Limits.UserBurst, d.Limits.UserConcurrency); err != nil {
		return nil, err
	}
	if s.sources, err = newThrottle[netip.Addr](d.Limits.SourceRate, d.Limits.SourceBurst, d.Limits.SourceConcurrency); err != nil {
		return nil, err
	}
	observe, err := s.observe()
	if err != nil {
		return nil, err
	}
	e := gin.New()
	e.ContextWithFallback = true
	e.HandleMethodNotAllowed = true
	e.RedirectTrailingSlash, e.RedirectFixedPath = false, false
	if err := e.SetTrustedProxies(nil); err != nil {
		return nil, err
	}
	e.Use(observe, s.recoverPanic, s.gate, s.authorize, s.pace, s.limit, s.conform)
	e.NoRoute(func(c *gin.Context) { s.fail(c, galaxy.Errorf(galaxy.NotFound, "there is nothing at this path")) })
	e.NoMethod(func(c *gin.Context) {
		s.fail(c, galaxy.Errorf(galaxy.MethodNotAllowed, "this path does not take the method"))
	})
	strict := api.NewStrictHandlerWithOptions(&handlers{s}, []api.StrictMiddlewareFunc{s.fresh}, api.StrictGinServerOptions{
		RequestErrorHandlerFunc: func(c *gin.Context, err error) { s.fail(c, malformed(err)) },
		HandlerErrorFunc:        s.fail, ResponseErrorHandlerFunc: s.fail,
	})
	api.RegisterHandlersWithOptions(e, strict, api.GinServerOptions{
		ErrorHandler: func(c *gin.Context, err error, _ int) { s.fail(c, malformed(err)) },
	})
	s.engine = e
	return s, nil
}

// Handler is the surface without its address.
func (s *Server) Handler() http.Handler { return s.engine }
