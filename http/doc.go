// Package http serves the REST surface of openapi.yaml.
//
// A request passes, in this order: request id, log, metrics and trace; the standby gate; authority, by group; the
// contract (parameters and body); and its handler, which decodes, asks an actor or reads a page from the store, and
// encodes. An error becomes a status in one place (errors.go). Handlers hold no state and start nothing that outlives
// them; what a request causes has the time that the request has left.
package http
