package http

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/gin-gonic/gin"

	backend "galaxy/backend"
	"galaxy/backend/galaxy"
)

// contract is openapi.yaml, ready to validate requests by.
type contract struct {
	routes map[string]*operation // by method and gin path
}

// operation is one operation of the contract.
type operation struct {
	route  *routers.Route
	body   *openapi3.Schema // nil when the operation takes none
	opaque bool             // its commands are not looked into
	params map[string]bool  // of the query
	plain  bool             // it has nothing to validate but headers that limit checks
}

// opaqueOperations carry commands that only the engine understands.
var opaqueOperations = map[string]bool{"putOrders": true, "sendCommands": true}

var pathParameter = regexp.MustCompile(`\{([a-z_]+)\}`)

// readContract reads it once: that takes a tenth of a second.
var readContract = sync.OnceValues(loadContract)

// Prepare does what New would, ahead of time, for a backend that stands by.
func Prepare() error {
	_, err := readContract()
	return err
}

func loadContract() (*contract, error) {
	openapi3.DefineStringFormatValidator("uuid", openapi3.NewRegexpFormatValidator(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`))
	doc, err := openapi3.NewLoader().LoadFromData(backend.OpenAPI)
	if err != nil {
		return nil, fmt.Errorf("the contract cannot be read: %w", err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, fmt.Errorf("the contract is invalid: %w", err)
	}
	c := &contract{routes: map[string]*operation{}}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			o := &operation{route: &routers.Route{Spec: doc, Path: path, PathItem: item, Method: method, Operation: op}, params: map[string]bool{},
				opaque: opaqueOperations[op.OperationID], plain: true}
			for _, p := range op.Parameters {
				if p.Value.In == openapi3.ParameterInQuery {
					o.params[p.Value.Name] = true
				}
				o.plain = o.plain && p.Value.Name == timeoutHeader
			}
			if op.RequestBody != nil {
				o.body = op.RequestBody.Value.Content.Get("application/json").Schema.Value
				o.plain = false
			}
			c.routes[method+" "+pathParameter.ReplaceAllString(path, ":$1")] = o
		}
	}
	return c, nil
}

// conform refuses a request that the contract does not allow.
func (s *Server) conform(c *gin.Context) {
	op, ok := s.contract.routes[c.Request.Method+" "+c.FullPath()]
	if !ok {
		return // no operation: the next handler says so
	}
	if err := op.check(c); err != nil {
		s.fail(c, err)
	}
}

func (o *operation) check(c *gin.Context) error {
	raw := body(c)
	for _, p := range c.Params {
		if !storable(p.Value) {
			return galaxy.Errorf(galaxy.InvalidRequest, "%s in the path must be UTF-8 without NUL", p.Key)
		}
	}
	if c.Request.URL.RawQuery != "" {
		if err := o.checkQuery(c); err != nil {
			return err
		}
	}
	if o.body == nil && len(raw) > 0 {
		return galaxy.Errorf(galaxy.InvalidRequest, "this operation takes no body")
	}
	if o.body != nil {
		if err := o.checkBody(c.ContentType(), raw); err != nil {
			return err
		}
	}
	if o.plain {
		return nil
	}
	params := make(map[string]string, len(c.Params))
	for _, p := range c.Params {
		params[p.Key] = p.Value
	}
	err := openapi3filter.ValidateRequest(c.Request.Context(), &openapi3filter.RequestValidationInput{Request: c.Request, PathParams: params, Route: o.route,
		Options: &openapi3filter.Options{ExcludeRequestBody: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}})
	return refusal(err)
}

func (o *operation) checkQuery(c *gin.Context) error {
	for name, values := range c.Request.URL.Query() {
		if !o.params[name] {
			return galaxy.Errorf(galaxy.InvalidRequest, "there is no query parameter %q here", shortened(name))
		}
		for _, v := range values {
			if !storable(v) {
				return galaxy.Errorf(galaxy.InvalidRequest, "query parameter %s must be UTF-8 without NUL", name)
			}
		}
	}
	return nil
}

// storable reports whether Postgres takes a text: it refuses NUL, and what is not UTF-8.
func storable(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

func (o *operation) checkBody(contentType string, raw []byte) error {
	if len(raw) == 0 {
		return galaxy.Errorf(galaxy.InvalidRequest, "a JSON body is required")
	}
	if t, _, err := mime.ParseMediaType(contentType); err != nil || t != "application/json" {
		return galaxy.Errorf(galaxy.InvalidRequest, "the body must be application/json")
	}
	if o.opaque {
		reduced, err := withoutCommands(raw)
		if err != nil {
			return err
		}
		raw = reduced
	}
	value, err := strictJSON(raw)
	if err != nil {
		return err
	}
	return refusal(o.body.VisitJSON(value, openapi3.VisitAsRequest(), openapi3.EnableFormatValidation()))
}

// withoutCommands gives the envelope of an order body, with the list that only the engine understands left out.
func withoutCommands(raw []byte) ([]byte, error) {
	if err := uniqueKeys(raw); err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, errNotJSON
	}
	if commands, ok := fields["commands"]; ok {
		if _, err := galaxy.SplitCommands(commands); err != nil {
			return nil, err
		}
		fields["commands"] = json.RawMessage("[]")
	}
	return json.Marshal(fields)
}

// refusal turns what a validator says into words for the caller, without the value that was given.
func refusal(err error) error {
	if err == nil {
		return nil
	}
	where, why := "the request", "does not fit the contract"
	var request *openapi3filter.RequestError
	if errors.As(err, &request) && request.Parameter != nil {
		where = request.Parameter.Name
		if request.Reason != "" {
			why = request.Reason
		}
	}
	var schema *openapi3.SchemaError
	if errors.As(err, &schema) {
		if at := strings.Join(schema.JSONPointer(), "."); at != "" {
			where = shortened(at)
		}
		why = schemaReason(schema)
	}
	return galaxy.Errorf(galaxy.InvalidRequest, "%s: %s", where, why).Because(err)
}

func schemaReason(e *openapi3.SchemaError) string {
	switch e.SchemaField {
	case "pattern":
		return "has the wrong form"
	case "format":
		return "is not a valid " + e.Schema.Format
	case "properties":
		return "has a field that is not known"
	}
	return e.Reason
}

// shortened keeps a caller's own words in a message short and printable.
func shortened(s string) string {
	const longest = 64
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
	return s[:min(len(s), longest)]
}
