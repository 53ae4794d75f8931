// Package gateway stands in for the platform's gateway: it signs players in, speaks for them, and holds the push
// stream. It is what the demo and the end-to-end tests are played through.
package gateway

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	"galaxy/backend/client"
)

// Gateway speaks to one service, and reads codes from one inbox.
type Gateway struct {
	API   *client.ClientWithResponses
	inbox string
}

// New makes a gateway for the REST surface at api, which bears token if there is one; inbox is the URL of the inbox's
// web page.
func New(api, inbox, token string) (*Gateway, error) {
	c, err := client.NewClientWithResponses(api, client.WithHTTPClient(&http.Client{Timeout: 30 * time.Second}), client.WithRequestEditorFn(
		func(_ context.Context, r *http.Request) error {
			if token != "" && !strings.HasPrefix(r.URL.Path, "/api/v1/admin/") {
				r.Header.Set("Authorization", "Bearer "+token)
			}
			return nil
		}))
	return &Gateway{API: c, inbox: inbox}, err
}

// Player is somebody who is signed in.
type Player struct {
	Email   string
	User    uuid.UUID
	Session uuid.UUID
	Key     ed25519.PrivateKey
}

// As makes requests in a player's name.
func (p Player) As(_ context.Context, r *http.Request) error {
	r.Header.Set("X-User-ID", p.User.String())
	r.Header.Set("X-Device-Session-ID", p.Session.String())
	return nil
}

// Operator makes requests as an operator.
func Operator(username, password string) client.RequestEditorFn {
	return func(_ context.Context, r *http.Request) error {
		r.SetBasicAuth(username, password)
		return nil
	}
}

// Refused is an answer that is no success.
type Refused struct {
	Status int
	Code   string
	Body   string
}

func (r *Refused) Error() string {
	return fmt.Sprintf("status %d, code %s: %s", r.Status, r.Code, r.Body)
}

// Check makes an error of an answer whose status is not the wanted one.
func Check(res *http.Response, body []byte, want int) error {
	if res.StatusCode == want {
		return nil
	}
	var e client.Error
	_ = json.Unmarshal(body, &e)
	return &Refused{res.StatusCode, string(e.Error.Code), string(body)}
}

// SignIn signs an address in: it asks for a code, reads it from the inbox and confirms it with a fresh key.
func (g *Gateway) SignIn(ctx context.Context, email string) (Player, error) {
	newest, err := g.newest(ctx, email)
	if err != nil {
		return Player{}, err
	}
	sent, err := g.API.SendEmailCodeWithResponse(ctx, nil, client.SendEmailCodeRequest{Email: email})
	if err != nil {
		return Player{}, err
	}
	if err := Check(sent.HTTPResponse, sent.Body, http.StatusOK); err != nil {
		return Player{}, err
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Player{}, err
	}
	code, err := g.code(ctx, email, newest.ID)
	if err != nil {
		return Player{}, err
	}
	in, err := g.API.ConfirmEmailCodeWithResponse(ctx, nil, client.ConfirmEmailCodeRequest{ChallengeID: sent.JSON200.ChallengeID, Code: code,
		ClientPublicKey: base64.StdEncoding.EncodeToString(public), TimeZone: "UTC"})
	if err != nil {
		return Player{}, err
	}
	if err := Check(in.HTTPResponse, in.Body, http.StatusOK); err != nil {
		return Player{}, err
	}
	return Player{Email: email, User: in.JSON200.UserID, Session: in.JSON200.DeviceSessionID, Key: private}, nil
}

var sixDigits = regexp.MustCompile(`\b[0-9]{6}\b`)

type message struct{ ID, Subject string }

// newest gives the newest mail to an address; an empty one when there is none.
func (g *Gateway) newest(ctx context.Context, email string) (message, error) {
	var mails []message
	if err := g.mails(ctx, email, &mails); err != nil || len(mails) == 0 {
		return message{}, err
	}
	return mails[0], nil
}

// code waits for a mail to an address that is newer than the one seen, forgets nothing, and reads the code in it.
func (g *Gateway) code(ctx context.Context, email, seen string) (string, error) {
	for {
		m, err := g.newest(ctx, email)
		if err != nil {
			return "", err
		}
		if code := sixDigits.FindString(m.Subject); m.ID != seen && code != "" {
			return code, nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return "", fmt.Errorf("no code was mailed to %s: %w", email, ctx.Err())
		}
	}
}

func (g *Gateway) mails(ctx context.Context, to string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.inbox+"/api/messages?to="+url.QueryEscape(to), http.NoBody)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return json.NewDecoder(res.Body).Decode(into)
}
