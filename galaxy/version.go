package galaxy

import (
	"net/url"
	"time"

	"github.com/Masterminds/semver/v3"
)

// EngineVersion is one entry of the registry of engines.
type EngineVersion struct {
	Version      string // strict semver
	Number       int64  // of the entry's edits, from 1
	ImageRef     string
	Enabled      bool
	ExpectedTurn bool // the engine is known to honour expectedTurn
	CreatedAt    time.Time
	Idempotency  Idempotency
}

// maxVersion bounds a version; the contract allows as much.
const maxVersion = 64

// Validate checks an entry before it is registered.
func (v EngineVersion) Validate() error {
	if _, err := semver.StrictNewVersion(v.Version); err != nil || len(v.Version) > maxVersion {
		return Errorf(InvalidRequest, "version must be a semantic version such as 1.4.2")
	}
	if v.ImageRef == "" || len(v.ImageRef) > 512 {
		return Errorf(InvalidRequest, "image_ref must have 1 to 512 characters")
	}
	if u, err := url.Parse(v.ImageRef); err == nil && u.Scheme == "file" && (u.Host != "" || u.Path == "") {
		return Errorf(InvalidRequest, "image_ref must be an image reference or a file:// URL of a binary")
	}
	return nil
}

func (v EngineVersion) pin() *Pin {
	return &Pin{EngineVersion: v.Version, ImageRef: v.ImageRef, ExpectedTurn: v.ExpectedTurn}
}

// VersionEdit is what is to be changed of a registered version; nil leaves a field as it is. Games that run keep what they were
// pinned to.
type VersionEdit struct {
	ImageRef     *string
	Enabled      *bool
	ExpectedTurn *bool
}

// Edit changes an entry that has the version number given; 0 is any.
func (v EngineVersion) Edit(e VersionEdit, number int64) (EngineVersion, error) {
	if number != 0 && number != v.Number {
		return v, ErrVersion
	}
	set(&v.ImageRef, e.ImageRef)
	set(&v.Enabled, e.Enabled)
	set(&v.ExpectedTurn, e.ExpectedTurn)
	return v, v.Validate()
}

// PickVersion gives the version a game is pinned to when it starts: the one named, or the newest enabled one
// without a pre-release mark when none is named.
func PickVersion(registry []EngineVersion, named string) (EngineVersion, error) {
	var best EngineVersion
	var bestParsed *semver.Version
	for _, v := range registry {
		parsed, err := semver.StrictNewVersion(v.Version)
		if err != nil || !v.Enabled {
			continue
		}
		if named == v.Version {
			return v, nil
		}
		if named == "" && parsed.Prerelease() == "" && (bestParsed == nil || parsed.GreaterThan(bestParsed)) {
			best, bestParsed = v, parsed
		}
	}
	switch {
	case named != "":
		return EngineVersion{}, Errorf(Conflict, "engine version %s is not registered or not enabled", named)
	case bestParsed == nil:
		return EngineVersion{}, Errorf(Conflict, "no engine version is enabled")
	}
	return best, nil
}
