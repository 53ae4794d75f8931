package galaxy

// Statuses of HTTP that engines answer with. The domain does no I/O, so it does not know the package that names them.
const (
	statusBadRequest            = 400
	statusNotFound              = 404
	statusMethodNotAllowed      = 405
	statusRequestTimeout        = 408
	statusGone                  = 410
	statusRequestEntityTooLarge = 413
	statusUnprocessableEntity   = 422
	statusTooEarly              = 425
	statusTooManyRequests       = 429
	statusInternalServerError   = 500
	statusNotImplemented        = 501
	statusServiceUnavailable    = 503
	statusGatewayTimeout        = 504
)
