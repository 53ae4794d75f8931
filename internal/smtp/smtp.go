// Package smtp hands mails to the relay.
package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"galaxy/backend/galaxy"
)

// Config says where the relay is.
type Config struct {
	Host     string `env:"BACKEND_SMTP_HOST,required,notEmpty" help:"SMTP relay host."`
	Port     int    `env:"BACKEND_SMTP_PORT" envDefault:"587" help:"SMTP relay port."`
	Username string `env:"BACKEND_SMTP_USERNAME" help:"SMTP user name; none for a relay without authentication."`
	Password string `env:"BACKEND_SMTP_PASSWORD" help:"SMTP password."`
	From     string `env:"BACKEND_SMTP_FROM,required,notEmpty" help:"From address, as RFC 5321 has it."`
	TLSMode  string `env:"BACKEND_SMTP_TLS_MODE" envDefault:"starttls" help:"none, starttls or tls."`
}

// Validate reports every problem of the settings.
func (c Config) Validate() error {
	var problems []error
	if c.Port < 1 || c.Port > 65535 {
		problems = append(problems, errors.New("BACKEND_SMTP_PORT must be a port"))
	}
	if c.TLSMode != "none" && c.TLSMode != "starttls" && c.TLSMode != "tls" {
		problems = append(problems, errors.New("BACKEND_SMTP_TLS_MODE must be none, starttls or tls"))
	}
	if err := mail.NewMsg().From(c.From); err != nil {
		problems = append(problems, errors.New("BACKEND_SMTP_FROM must be an address"))
	}
	if (c.Username == "") != (c.Password == "") {
		problems = append(problems, errors.New("BACKEND_SMTP_USERNAME and BACKEND_SMTP_PASSWORD go together"))
	}
	return errors.Join(problems...)
}

// sendTimeout bounds one conversation with the relay. go-mail heeds a context only until it is connected, so the
// context's own deadline is made the connection's.
const sendTimeout = 30 * time.Second

func timeout(ctx context.Context) time.Duration {
	if until, ok := ctx.Deadline(); ok {
		return max(time.Millisecond, min(sendTimeout, time.Until(until)))
	}
	return sendTimeout
}

// Client sends mails, one connection each.
type Client struct {
	conf   Config
	tracer trace.Tracer
	tls    *tls.Config
}

// New makes a client. trust, when given, is whom to trust instead of the system's authorities.
func New(conf Config, tracers trace.TracerProvider, trust *tls.Config) *Client {
	t := &tls.Config{ServerName: conf.Host, MinVersion: tls.VersionTLS12}
	if trust != nil {
		t.RootCAs = trust.RootCAs
	}
	return &Client{conf, tracers.Tracer("galaxy/backend/internal/smtp"), t}
}

// Send hands one mail to the relay.
func (c *Client) Send(ctx context.Context, m galaxy.Mail) galaxy.SendResult {
	ctx, span := c.tracer.Start(ctx, "smtp.send", trace.WithSpanKind(trace.SpanKindClient))
	defer span.End()
	result := c.send(ctx, m)
	span.SetAttributes(attribute.String("outcome", string(result.Outcome)))
	return result
}

func (c *Client) send(ctx context.Context, m galaxy.Mail) galaxy.SendResult {
	msg, err := c.message(m)
	if err != nil {
		return galaxy.SendResult{Outcome: galaxy.MailPermanent, Detail: "the mail cannot be written: its address or a header is malformed"}
	}
	client, err := mail.NewClient(c.conf.Host, c.options(timeout(ctx))...)
	if err != nil {
		return galaxy.SendResult{Outcome: galaxy.MailTemporary, Detail: "the SMTP settings are refused"}
	}
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		return classify(err, m.To)
	}
	return galaxy.SendResult{Outcome: galaxy.MailSent}
}

func (c *Client) message(m galaxy.Mail) (*mail.Msg, error) {
	msg := mail.NewMsg()
	if err := msg.From(c.conf.From); err != nil {
		return nil, err
	}
	if err := msg.To(m.To); err != nil {
		return nil, err
	}
	for name, value := range m.Headers {
		if strings.ContainsAny(name+value, "\r\n") {
			return nil, errors.New("a header holds a line break")
		}
		msg.SetGenHeader(mail.Header(name), value)
	}
	if strings.ContainsAny(m.Subject, "\r\n") {
		return nil, errors.New("the subject holds a line break")
	}
	msg.Subject(m.Subject)
	msg.SetDateWithValue(m.Date)
	// The same for every attempt, so that a mail sent twice after a crash can be told from two mails.
	_, domain, _ := strings.Cut(c.conf.From, "@")
	msg.SetMessageIDWithValue(m.Delivery.String() + "@" + strings.Trim(domain, "> "))
	msg.SetBodyString(mail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		msg.AddAlternativeString(mail.TypeTextHTML, m.HTML)
	}
	return msg, nil
}

func (c *Client) options(within time.Duration) []mail.Option {
	opts := []mail.Option{mail.WithPort(c.conf.Port), mail.WithTimeout(within), mail.WithTLSConfig(c.tls), mail.WithoutNoop()}
	switch c.conf.TLSMode {
	case "none":
		opts = append(opts, mail.WithTLSPolicy(mail.NoTLS))
	case "starttls":
		opts = append(opts, mail.WithTLSPolicy(mail.TLSMandatory))
	case "tls":
		opts = append(opts, mail.WithSSL())
	}
	if c.conf.Username != "" {
		auth := mail.SMTPAuthAutoDiscover
		if c.conf.TLSMode == "none" {
			auth = mail.SMTPAuthPlainNoEnc
		}
		opts = append(opts, mail.WithSMTPAuth(auth), mail.WithUsername(c.conf.Username), mail.WithPassword(c.conf.Password))
	}
	return opts
}

// classify tells what may succeed later from what never will. The relay's words are kept without the address.
func classify(err error, to string) galaxy.SendResult {
	result := galaxy.SendResult{Outcome: galaxy.MailTemporary}
	var send *mail.SendError
	if errors.As(err, &send) && !send.IsTemp() && send.ErrorCode() >= 500 {
		result.Outcome = galaxy.MailPermanent
	}
	detail := strings.ReplaceAll(err.Error(), to, "…")
	if len(detail) > 300 {
		detail = detail[:300]
	}
	result.Detail = fmt.Sprintf("relay: %s", detail)
	return result
}
