package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/client"

	"galaxy/backend/galaxy"
)

// What ask gives for answers that mean something to who has asked.
var (
	errAbsent = errors.New("it does not exist")
	errTaken  = errors.New("it clashes with what exists")
)

// heard is what came back for one call: what the client makes of it keeps neither the status nor who has answered.
type heard struct {
	status int // of the newest answer; 0 before any
	json   bool
}

type heardKey struct{}

// listen gives a context whose call is heard.
func listen(ctx context.Context) (context.Context, *heard) {
	h := &heard{}
	return context.WithValue(ctx, heardKey{}, h), h
}

// hear notes an answer for whoever listens.
func hear(res *http.Response) {
	if h, ok := res.Request.Context().Value(heardKey{}).(*heard); ok {
		h.status, h.json = res.StatusCode, strings.HasPrefix(res.Header.Get("Content-Type"), "application/json")
	}
}

// answer is the daemon's part in err; ok is false when it has none.
func (h *heard) answer(err error) (a answer, ok bool) {
	var told *jsonstream.Error
	switch {
	case errors.As(err, &told): // in the middle of a stream
		return answer{told.Code, true, told.Message}, true
	case h.status >= http.StatusBadRequest:
		return answer{h.status, h.json, said(err)}, true
	}
	return answer{}, false
}

// said gives the daemon's words in an error of the client's, which has words of its own for an answer without any.
func said(err error) string {
	words := strings.TrimPrefix(err.Error(), "Error response from daemon: ")
	if strings.HasPrefix(words, "API returned a ") && strings.Contains(words, "but provided no error-message") {
		return ""
	}
	return words
}

// unusable marks a failure that says nothing about what was asked for.
func (h *heard) unusable(err error) error {
	var lost net.Error
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.As(err, &lost):
		return unknown(err)
	case h.status != 0 && !errors.Is(err, galaxy.ErrDriverUnknown):
		return fmt.Errorf("%w: %w", galaxy.ErrDriverUnusable, err)
	}
	return unknown(err)
}

// saysKept tells a daemon that keeps us out from one that is away.
var saysKept = regexp.MustCompile(`(?i)permission denied|x509|tls:|tlsverify|TLS-enabled|HTTPS`)

func unknown(err error) error {
	switch {
	case errors.Is(err, galaxy.ErrDriverUnknown):
		return err
	case galaxy.Exhausted(err):
		return fmt.Errorf("%w: %w", galaxy.ErrShortage, err)
	case saysKept.MatchString(err.Error()):
		return fmt.Errorf("%w: %w", galaxy.ErrDriverUnusable, err)
	}
	return fmt.Errorf("%w: %w", galaxy.ErrDriverUnknown, err)
}

// ask calls the daemon, and gives what its answer means: errAbsent, errTaken, or one of the galaxy's errors. Whatever
// is no answer to what was asked is galaxy.ErrDriverUnknown. The call may take BACKEND_DOCKER_CALL_TIMEOUT and
// longer.
func (d *Driver) ask(ctx context.Context, what asked, longer time.Duration, do func(context.Context, *client.Client) error) error {
	ctx, cancel, err := d.call(ctx, longer)
	if err != nil {
		return err
	}
	defer cancel()
	return d.within(ctx, what, do)
}

// within is ask for a call whose time is up to who asks. An answer that the version of the API is not spoken any more
// has one agreed on anew, and the call is done again, once: it was refused before anything was done.
func (d *Driver) within(ctx context.Context, what asked, do func(context.Context, *client.Client) error) error {
	for again := false; ; again = true {
		api := d.daemon()
		listening, h := listen(ctx)
		err := do(listening, api)
		if err == nil {
			return nil
		}
		v := d.verdict(ctx, what, api, h, err)
		if v != outdated {
			return h.meaning(v, err)
		}
		if renew := d.forget(api); renew != nil {
			return unknown(errors.Join(err, renew))
		}
		if again {
			return h.unusable(err)
		}
		if err := d.meet(ctx); err != nil {
			return err
		}
	}
}

// verdict judges a failure. A daemon is not believed that our request is not valid when it is another than the one
// that we have agreed with.
func (d *Driver) verdict(ctx context.Context, what asked, api *client.Client, h *heard, err error) verdict {
	a, answered := h.answer(err)
	if !answered {
		return nothing
	}
	v := judge(what, a)
	if v != refused && v != noImage {
		return v
	}
	ctx, cancel := context.WithTimeout(ctx, d.conf.CallTimeout)
	defer cancel()
	switch changed, away := d.changed(ctx, api); {
	case away != nil:
		return nothing
	case changed:
		return outdated
	}
	return v
}

// meaning gives a verdict as an error.
func (h *heard) meaning(v verdict, err error) error {
	switch v {
	case absent:
		return fmt.Errorf("%w: %w", errAbsent, err)
	case taken:
		return fmt.Errorf("%w: %w", errTaken, err)
	case refused:
		return fmt.Errorf("%w: %w", galaxy.ErrStartConfig, err)
	case failed:
		return err
	case noImage:
		return fmt.Errorf("%w: %w", galaxy.ErrImagePull, err)
	case noRegistry:
		return fmt.Errorf("%w: %w", galaxy.ErrRegistry, err)
	case lacking:
		return fmt.Errorf("%w: %w", galaxy.ErrShortage, err)
	}
	return h.unusable(err)
}

// goneOr is nil when err says that what was to be stopped or removed is not there.
func goneOr(err error) error {
	if errors.Is(err, errAbsent) || errdefs.IsNotFound(err) && !errors.Is(err, galaxy.ErrDriverUnknown) {
		return nil
	}
	return err
}
