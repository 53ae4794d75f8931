package docker

import (
	"net/http"
	"regexp"
	"strings"
)

// asked is what the daemon was asked to do, as far as its refusals mean different things.
type asked int

const (
	askLook    asked = iota // inspect a container, list them, read logs, ping
	askImage                // inspect an image
	askPull                 // pull an image
	askNetwork              // inspect, make or remove a network
	askCreate               // make a container
	askStart                // start a container
	askEnd                  // stop or remove a container
)

// answer is one answer of the daemon, or of whatever stands in its place.
type answer struct {
	status  int // of HTTP, or the code in a stream; 0 when a stream gives none
	json    bool
	message string
}

// verdict is what an answer that is no success means.
type verdict int

const (
	// nothing is said about what was asked for: it is tried again.
	nothing verdict = iota
	// outdated: the version of the API is refused; one is agreed on anew.
	outdated
	// lacking: the daemon, or its machine, lacks something. It is tried again.
	lacking
	// absent: the container, image or network that was asked for does not exist.
	absent
	// taken: what is asked for clashes with what exists, or with what is going on.
	taken
	// refused: what was asked for is not valid, and would be refused again.
	refused
	// failed: the daemon has tried, and the engine itself did not start.
	failed
	// noImage: the registry, or the daemon, is sure that there is no such image.
	noImage
	// noRegistry: the registry does not answer, or does not let us in.
	noRegistry
)

// What daemons of several makes and ages say.
var (
	saysVersion = regexp.MustCompile(`(?i)client (api )?version .* is too (old|new)|(minimum|maximum) supported (api )?version`)
	saysShort   = regexp.MustCompile(`(?i)no space left on device|disk quota exceeded|too many open files|cannot allocate memory` +
		`|resource temporarily unavailable|no buffer space`)
	saysBroken = regexp.MustCompile(`(?i)read-only file system|input/output error|stale (nfs )?file handle`)
	// The daemon does not see the state directory that is there: its disk is not mounted where the daemon runs.
	saysNoMount     = regexp.MustCompile(`(?i)bind source path does not exist`)
	saysInterrupted = regexp.MustCompile(`(?i)context canceled|context deadline exceeded|containerd\.sock|transport is closing` +
		`|client connection is closing|connection reset|broken pipe|` + closing)
	saysClosing     = regexp.MustCompile(`(?i)` + closing)
	saysNoContainer = regexp.MustCompile(`(?i)no such container|no container with name or id`)
	saysNoNetwork   = regexp.MustCompile(`(?i)network .*not found|no such network`)
	saysNoSuchImage = regexp.MustCompile(`(?i)no such image|image not known`)
	saysHalfGone    = regexp.MustCompile(`(?i)remov|dead`)
	// A container whose program could not be run.
	saysRuntime = regexp.MustCompile(`(?i)oci runtime|runc|crun|failed to create (shim )?task|exec format error` +
		`|starting container process`)
	// Credentials that are missing, wrong or over are no news of the image.
	saysLockedOut = regexp.MustCompile(`(?i)unauthorized|authentication required|expired|no basic auth|incorrect username` +
		`|bad credentials` +
		`|toomanyrequests|too many requests|rate limit|no such host|timeout|timed out`)
	saysNoImage = regexp.MustCompile(`(?i)manifest unknown|manifest for .* not found|name unknown|name not known` +
		`|repository .* not found` +
		`|does not exist|no such image|no matching manifest|no match for platform` +
		`|requested access to the resource is denied|: not found$|` + malformed)
	saysMalformed = regexp.MustCompile(`(?i)` + malformed)
)

const (
	closing   = `shutting down`
	malformed = `invalid reference format`
)

// judge tells what an answer that is no success means. Only a few answers say something about what was asked for;
// whatever else comes, from the daemon or from what stands before it, concerns how it is spoken to.
func judge(what asked, a answer) verdict {
	switch {
	case saysVersion.MatchString(a.message):
		return outdated
	case what == askPull:
		return judgePull(a)
	case !a.json:
		return nothing // a daemon answers in JSON: this is a proxy, or a web server
	case saysShort.MatchString(a.message), saysNoMount.MatchString(a.message):
		return lacking
	}
	switch a.status {
	case http.StatusNotFound:
		return judgeNotFound(what, a.message)
	case http.StatusConflict:
		if what == askCreate || what == askNetwork || what == askEnd || what == askStart && saysHalfGone.MatchString(a.message) {
			return taken
		}
	case http.StatusBadRequest:
		return judgeBadRequest(what, a.message)
	case http.StatusInternalServerError:
		return judgeInternal(what, a.message)
	}
	return nothing
}

// judgeInternal takes a daemon's own failure for the engine's only when its program was about to run.
func judgeInternal(what asked, message string) verdict {
	switch {
	case saysInterrupted.MatchString(message):
		return nothing
	case what == askStart && saysRuntime.MatchString(message):
		return failed
	case saysBroken.MatchString(message):
		return lacking
	}
	return nothing
}

// judgeNotFound believes only who names what is missing: a path of the API that the daemon does not have is "not
// found" too.
func judgeNotFound(what asked, message string) verdict {
	missing := map[asked][]*regexp.Regexp{
		askLook: {saysNoContainer}, askEnd: {saysNoContainer},
		askImage: {saysNoSuchImage}, askCreate: {saysNoSuchImage}, askNetwork: {saysNoNetwork},
		askStart: {saysNoContainer, saysNoNetwork}, // a network may have been removed since the container was made
	}
	for _, says := range missing[what] {
		if says.MatchString(message) {
			return absent
		}
	}
	return nothing
}

// judgeBadRequest believes that a request is not valid where we have asked for something of our own choosing.
func judgeBadRequest(what asked, message string) verdict {
	switch {
	case strings.TrimSpace(message) == "", saysInterrupted.MatchString(message):
		return nothing
	case what == askCreate, what == askStart, what == askNetwork:
		return refused
	case what == askImage && saysMalformed.MatchString(message):
		return noImage
	}
	return nothing
}

// judgePull tells an image that does not exist from a registry that does not answer. The daemon passes on what it has
// heard from the registry, in a status or in a stream, and so the words decide.
func judgePull(a answer) verdict {
	switch {
	case !a.json, saysClosing.MatchString(a.message):
		return nothing
	case saysShort.MatchString(a.message), saysBroken.MatchString(a.message):
		return lacking
	case a.status > http.StatusInternalServerError:
		return nothing
	case saysLockedOut.MatchString(a.message):
		return noRegistry
	case !passedOn(a):
		return nothing
	case saysNoImage.MatchString(a.message):
		return noImage
	}
	return noRegistry
}

// passedOn reports whether an answer can be what the daemon has heard from a registry. That comes as 400, 404 or 500,
// or in a stream without a status; what else comes is an authorization plugin's or a proxy's.
func passedOn(a answer) bool {
	switch a.status {
	case 0, http.StatusBadRequest, http.StatusInternalServerError:
		return true
	case http.StatusNotFound:
		return !strings.EqualFold(strings.TrimSpace(a.message), "page not found")
	}
	return false
}
