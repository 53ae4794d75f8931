// Package geoip tells the country of an address from a GeoLite2 Country database.
package geoip

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/oschwald/geoip2-golang/v2"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Config says where the database is.
type Config struct {
	Path string `env:"BACKEND_GEOIP_DB_PATH,required,notEmpty" help:"Path of the GeoLite2 Country database (.mmdb)."`
}

// DB is an open database.
type DB struct {
	reader  *geoip2.Reader
	lookups metric.Int64Counter
}

// Open opens the database; a missing or broken one is an error.
func Open(c Config, meter metric.Meter) (*DB, error) {
	reader, err := geoip2.Open(c.Path)
	if err != nil {
		return nil, fmt.Errorf("open the GeoIP database (BACKEND_GEOIP_DB_PATH): %w", err)
	}
	lookups, err := meter.Int64Counter("geo_lookups_total", metric.WithDescription("Country look-ups by outcome."))
	return &DB{reader, lookups}, err
}

// Country gives the ISO 3166-1 alpha-2 code of an address's country; empty when none is known.
func (d *DB) Country(addr netip.Addr) string {
	outcome := "hit"
	found, err := d.reader.Country(addr.Unmap())
	switch {
	case err != nil:
		outcome = "error"
	case !found.HasData() || found.Country.ISOCode == "":
		outcome = "miss"
	}
	d.lookups.Add(context.Background(), 1, metric.WithAttributes(attribute.String("outcome", outcome)))
	if outcome != "hit" {
		return ""
	}
	return found.Country.ISOCode
}

// Close closes the database.
func (d *DB) Close() error { return d.reader.Close() }
