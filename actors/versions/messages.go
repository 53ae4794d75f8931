package versions

import (
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// List asks for the whole registry, newest version first.
type List struct {
	kit.Returns[[]galaxy.EngineVersion]
}

// Add registers an engine version. A version that is there already is galaxy.Conflict, unless the idempotency
// key says that it is the same request again.
type Add struct {
	kit.Returns[galaxy.EngineVersion]
	Version   galaxy.EngineVersion
	By        galaxy.Principal
	RequestID string
}

// Edit changes the entry of a version. Number is that of the entry that the edit was meant for; 0 is any. An unknown version is
// galaxy.NotFound.
type Edit struct {
	kit.Returns[galaxy.EngineVersion]
	Version   string
	Number    int64
	Edit      galaxy.VersionEdit
	By        galaxy.Principal
	RequestID string
}
