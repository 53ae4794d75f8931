// Package backend holds the REST contract, for whoever validates by it.
package backend

import _ "embed"

// OpenAPI is the contract: openapi.yaml.
//
//go:embed openapi.yaml
var OpenAPI []byte
