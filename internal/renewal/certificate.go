package renewal

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
)

// Certificate is a TLS certificate and its key, as they stand in two files.
type Certificate struct {
	what string
	kept *Kept[*tls.Certificate]

	// Touched by the follower only.
	state  validity
	warned time.Time
}

// validity is how a certificate stands in time.
type validity int

const (
	valid validity = iota
	ending
	expired
)

const (
	// warnBefore is how long before its end operators are warned of a certificate, or a fifth of its life if that is
	// less.
	warnBefore = 14 * 24 * time.Hour
	// warnAgain is how often they are.
	warnAgain = 24 * time.Hour
)

// OpenCertificate reads a certificate and its key. what names the certificate in the log.
func OpenCertificate(what, certFile, keyFile string) (*Certificate, error) {
	first := true
	kept, err := Open(func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return nil, err
		}
		// The start serves whatever there is; but nothing is replaced by a certificate that no client would accept.
		if now := time.Now(); !first {
			switch {
			case now.After(pair.Leaf.NotAfter):
				return nil, fmt.Errorf("it expired on %s", pair.Leaf.NotAfter.UTC().Format(time.RFC3339))
			case now.Before(pair.Leaf.NotBefore):
				return nil, fmt.Errorf("it is valid only from %s on", pair.Leaf.NotBefore.UTC().Format(time.RFC3339))
			}
		}
		first = false
		return &pair, nil
	}, certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return &Certificate{what: what, kept: kept}, nil
}

// Get is for tls.Config.GetCertificate.
func (c *Certificate) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.kept.Get(), nil }

// Observe has meter show, under that name, when the certificate in use expires, in Unix seconds.
func (c *Certificate) Observe(meter metric.Meter, name string) error {
	_, err := meter.Int64ObservableGauge(name,
		metric.WithDescription("When the certificate in use expires, in Unix seconds."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(c.kept.Get().Leaf.NotAfter.Unix())
			return nil
		}))
	return err
}

// Follow uses renewed files from now on, until stop is called, and warns while the certificate in use nears its end.
func (c *Certificate) Follow(log *zap.Logger) (stop func()) {
	return c.kept.Follow(Observer[*tls.Certificate]{Log: log, What: c.what, About: about,
		Looking: func(pair *tls.Certificate) { c.warn(log, pair) }})
}

func about(pair *tls.Certificate) []zap.Field {
	return []zap.Field{zap.Stringer("subject", pair.Leaf.Subject), zap.Strings("dns_names", pair.Leaf.DNSNames),
		zap.Stringer("serial", pair.Leaf.SerialNumber), zap.Time("not_after", pair.Leaf.NotAfter)}
}

func (c *Certificate) warn(log *zap.Logger, pair *tls.Certificate) {
	left, life := time.Until(pair.Leaf.NotAfter), pair.Leaf.NotAfter.Sub(pair.Leaf.NotBefore)
	before := c.state
	switch {
	case left <= 0:
		c.state = expired
	case left < min(warnBefore, life/5):
		c.state = ending
	default:
		c.state = valid
	}
	if c.state == valid || c.state == before && time.Since(c.warned) < warnAgain {
		return
	}
	c.warned = time.Now()
	if c.state == expired {
		log.Error(c.what+" has expired: clients refuse it; replace its files", about(pair)...)
		return
	}
	log.Warn(c.what+" expires soon: replace its files", about(pair)...)
}
