// Package geoip tells the country of an address from a GeoLite2 Country database.
package geoip

import (
	"context"
	"fmt"
	"net/netip"
	"os"

	"github.com/oschwald/geoip2-golang/v2"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"galaxy/backend/internal/renewal"
)

// Config says where the database is.
type Config struct {
	Path string `env:"BACKEND_GEOIP_DB_PATH,required,notEmpty" help:"Path of the GeoLite2 Country database (.mmdb). A newer one may take its place at any time."`
}

// DB is an open database.
type DB struct {
	kept    *renewal.Kept[*geoip2.Reader]
	lookups metric.Int64Counter
	stop    func()
}

// Open opens the database; a missing or broken one is an error.
func Open(c Config, meter metric.Meter) (*DB, error) {
	kept, err := renewal.Open(func() (*geoip2.Reader, error) { return read(c.Path) }, c.Path)
	if err != nil {
		return nil, fmt.Errorf("open the GeoIP database (BACKEND_GEOIP_DB_PATH): %w", err)
	}
	lookups, err := meter.Int64Counter("geo_lookups_total", metric.WithDescription("Country look-ups by outcome."))
	if err != nil {
		return nil, err
	}
	_, err = meter.Int64ObservableGauge("geo_database_build_timestamp_seconds",
		metric.WithDescription("When the GeoIP database in use was built, in Unix seconds."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(kept.Get().Metadata().BuildTime().Unix())
			return nil
		}))
	return &DB{kept: kept, lookups: lookups, stop: func() {}}, err
}

// tried are addresses that a database must be able to look up, whether it knows them or not.
var tried = []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("223.255.255.255")}

// read reads the database into memory. A mapped file would end the process with the first look-up after somebody has
// shortened it, as a copy over it does; and look-ups that still use the older one need not be waited for.
func read(path string) (*geoip2.Reader, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	reader, err := geoip2.OpenBytes(content)
	if err != nil {
		return nil, err
	}
	for _, addr := range tried {
		if _, err := reader.Country(addr); err != nil {
			return nil, fmt.Errorf("look an address up in it: %w", err)
		}
	}
	return reader, nil
}

// Follow uses a newer database as soon as it takes the place of this one, until Close.
func (d *DB) Follow(log *zap.Logger) {
	d.stop = d.kept.Follow(renewal.Observer[*geoip2.Reader]{Log: log, What: "the GeoIP database", About: about})
}

func about(r *geoip2.Reader) []zap.Field {
	m := r.Metadata()
	return []zap.Field{zap.String("type", m.DatabaseType), zap.Time("built", m.BuildTime())}
}

// Country gives the ISO 3166-1 alpha-2 code of an address's country; empty when none is known.
func (d *DB) Country(addr netip.Addr) string {
	outcome := "hit"
	found, err := d.kept.Get().Country(addr.Unmap())
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

// Close ends Follow. What look-ups use is freed with the last of them.
func (d *DB) Close() error {
	d.stop()
	return nil
}
