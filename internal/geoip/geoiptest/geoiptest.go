// Package geoiptest writes a synthetic country database, for development and tests.
package geoiptest

import (
	"net"
	"os"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

// Countries are the networks that the synthetic database knows: loopback, and those set aside for documentation.
var Countries = map[string]string{
	"127.0.0.0/8":     "DE",
	"192.0.2.0/24":    "SE",
	"198.51.100.0/24": "JP",
	"203.0.113.0/24":  "BR",
	"2001:db8::/32":   "FR",
}

// Write writes the database to path.
func Write(path string) error { return WriteCountries(path, Countries) }

// WriteCountries writes a database that knows other networks.
func WriteCountries(path string, countries map[string]string) error {
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "GeoLite2-Country", IncludeReservedNetworks: true, RecordSize: 24})
	if err != nil {
		return err
	}
	for cidr, country := range countries {
		_, network, err := net.ParseCIDR(cidr)
		if err != nil {
			return err
		}
		if err := tree.Insert(network, mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.String(country)}}); err != nil {
			return err
		}
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := tree.WriteTo(f); err != nil {
		return err
	}
	return f.Close()
}
