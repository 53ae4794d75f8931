package smtp_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"math/big"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"galaxy/backend/galaxy"
	"galaxy/backend/internal/inbox"
	"galaxy/backend/internal/smtp"
)

func certificate(t *testing.T) (*tls.Certificate, *tls.Config) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, &tls.Config{RootCAs: pool}
}

func client(in *inbox.Inbox, mode string, trust *tls.Config, user, password string) *smtp.Client {
	return smtp.New(smtp.Config{Host: "127.0.0.1", Port: in.Addr().Port, From: "Galaxy <no-reply@galaxy.test>", TLSMode: mode,
		Username: user, Password: password}, noop.NewTracerProvider(), trust)
}

func letter(to string) galaxy.Mail {
	return galaxy.Mail{Delivery: galaxy.DeliveryID{UUID: galaxy.NewID()}, To: to, Subject: "Your code – 123456", Text: "Grüße\n.\nthe code is 123456\n",
		Headers: map[string]string{"X-Kind": "test"}, Date: time.Now()}
}

func TestAMailArrives(t *testing.T) {
	cert, trust := certificate(t)
	for name, c := range map[string]struct {
		mode           string
		opts           inbox.Options
		user, password string
	}{
		"unencrypted":                     {mode: "none"},
		"unencrypted, with a password":    {mode: "none", opts: inbox.Options{Username: "u", Password: "p"}, user: "u", password: "p"},
		"with STARTTLS":                   {mode: "starttls", opts: inbox.Options{Certificate: cert}},
		"with STARTTLS and a password":    {mode: "starttls", opts: inbox.Options{Certificate: cert, Username: "u", Password: "p"}, user: "u", password: "p"},
		"with TLS from the first byte":    {mode: "tls", opts: inbox.Options{Certificate: cert, ImplicitTLS: true}},
		"with TLS at once and a password": {mode: "tls", opts: inbox.Options{Certificate: cert, ImplicitTLS: true, Username: "u", Password: "p"}, user: "u", password: "p"},
	} {
		t.Run(name, func(t *testing.T) {
			c.opts.Addr = "127.0.0.1:0"
			in, err := inbox.Start(c.opts)
			require.NoError(t, err)
			defer in.Close()
			m := letter("ann@galaxy.test")
			got := client(in, c.mode, trust, c.user, c.password).Send(t.Context(), m)
			require.Equal(t, galaxy.MailSent, got.Outcome, got.Detail)
			found := in.Messages("ANN@galaxy.test")
			require.Len(t, found, 1)
			require.Equal(t, m.Subject, found[0].Subject)
			require.Equal(t, m.Text, strings.ReplaceAll(found[0].Text, "\r\n", "\n"))
			require.Equal(t, []string{"<" + m.Delivery.String() + "@galaxy.test>"}, found[0].Headers["Message-Id"])
			require.Equal(t, []string{"test"}, found[0].Headers["X-Kind"])
		})
	}
}

func TestFailuresAreToldApart(t *testing.T) {
	cert, trust := certificate(t)
	start := func(o inbox.Options) *inbox.Inbox {
		o.Addr = "127.0.0.1:0"
		in, err := inbox.Start(o)
		require.NoError(t, err)
		t.Cleanup(func() { _ = in.Close() })
		return in
	}
	plain := start(inbox.Options{})
	gone := start(inbox.Options{})
	require.NoError(t, gone.Close())
	for name, c := range map[string]struct {
		client *smtp.Client
		fault  inbox.Mode
		to     string
		want   galaxy.SendOutcome
	}{
		"a temporary refusal":                {client(plain, "none", nil, "", ""), inbox.TempFail, "", galaxy.MailTemporary},
		"a refusal for good":                 {client(plain, "none", nil, "", ""), inbox.PermFail, "", galaxy.MailPermanent},
		"a dropped connection":               {client(plain, "none", nil, "", ""), inbox.Drop, "", galaxy.MailTemporary},
		"no relay":                           {client(gone, "none", nil, "", ""), inbox.OK, "", galaxy.MailTemporary},
		"a relay without STARTTLS":           {client(plain, "starttls", nil, "", ""), inbox.OK, "", galaxy.MailTemporary},
		"a certificate that nobody vouches":  {client(start(inbox.Options{Certificate: cert}), "starttls", nil, "", ""), inbox.OK, "", galaxy.MailTemporary},
		"a wrong password":                   {client(start(inbox.Options{Certificate: cert, Username: "u", Password: "p"}), "starttls", trust, "u", "x"), inbox.OK, "", galaxy.MailTemporary},
		"an address with a line break in it": {client(plain, "none", nil, "", ""), inbox.OK, "a@b.test\r\nRCPT TO:<c@d.test>", galaxy.MailPermanent},
	} {
		t.Run(name, func(t *testing.T) {
			if c.to == "" {
				c.to = "ann@galaxy.test"
			}
			require.NoError(t, plain.Misbehave(inbox.Fault{Mode: inbox.OK}))
			require.NoError(t, plain.Misbehave(inbox.Fault{Mode: c.fault, To: "ann@galaxy.test", Count: 1}))
			got := c.client.Send(t.Context(), letter(c.to))
			require.Equal(t, c.want, got.Outcome, got.Detail)
			require.NotContains(t, got.Detail, "ann@galaxy.test")
			require.Empty(t, plain.Messages(""))
		})
	}
}

func TestTheRelayMayHang(t *testing.T) {
	in, err := inbox.Start(inbox.Options{Addr: "127.0.0.1:0"})
	require.NoError(t, err)
	defer in.Close()
	require.NoError(t, in.Misbehave(inbox.Fault{Mode: inbox.Slow}))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	require.Equal(t, galaxy.MailTemporary, client(in, "none", nil, "", "").Send(ctx, letter("ann@galaxy.test")).Outcome)
	require.Less(t, time.Since(began), 10*time.Second)
}

func TestTheInboxSpeaksJSON(t *testing.T) {
	in, err := inbox.Start(inbox.Options{Addr: "127.0.0.1:0"})
	require.NoError(t, err)
	defer in.Close()
	c := client(in, "none", nil, "", "")
	for _, to := range []string{"ann@galaxy.test", "bob@galaxy.test", "ann@galaxy.test"} {
		require.Equal(t, galaxy.MailSent, c.Send(t.Context(), letter(to)).Outcome)
	}
	call := func(method, path, body string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		in.Handler().ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		return w
	}
	var found []inbox.Message
	require.NoError(t, json.Unmarshal(call("GET", "/api/messages?to=ann@galaxy.test", "").Body.Bytes(), &found))
	require.Len(t, found, 2)
	require.Equal(t, "3", found[0].ID, "newest first")
	require.Contains(t, call("GET", "/", "").Body.String(), "bob@galaxy.test")
	require.Equal(t, 400, call("POST", "/api/faults", `{"mode":"sulk"}`).Code)
	require.Equal(t, 204, call("POST", "/api/faults", `{"mode":"permfail","to":"ann@galaxy.test","count":1}`).Code)
	require.Equal(t, galaxy.MailPermanent, c.Send(t.Context(), letter("ann@galaxy.test")).Outcome)
	require.Equal(t, galaxy.MailSent, c.Send(t.Context(), letter("ann@galaxy.test")).Outcome)
	require.Equal(t, 204, call("DELETE", "/api/messages", "").Code)
	require.Empty(t, in.Messages(""))
}
