package store

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Observe tells the meter how the pool is used, and how the database's clock compares with the host's.
func (s *Store) Observe(meter metric.Meter) error {
	acquires, err := meter.Int64ObservableCounter("db_pool_acquires", metric.WithDescription("Connections taken from the pool."))
	if err != nil {
		return err
	}
	waits, err := meter.Int64ObservableCounter("db_pool_waits", metric.WithDescription("Connections that had to be waited for."))
	if err != nil {
		return err
	}
	inUse, err := meter.Int64ObservableGauge("db_pool_in_use", metric.WithDescription("Connections of the pool, by state."))
	if err != nil {
		return err
	}
	skew, err := meter.Float64ObservableGauge("db_clock_skew", metric.WithUnit("s"),
		metric.WithDescription("By how much the database's clock is ahead of this host's."))
	if err != nil {
		return err
	}
	made, err := meter.Int64ObservableCounter("db_pool_connects", metric.WithDescription("Connections that the pool has made."))
	if err != nil {
		return err
	}
	_, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		stat := s.pool.Stat()
		o.ObserveInt64(acquires, stat.AcquireCount())
		o.ObserveInt64(waits, stat.EmptyAcquireCount())
		o.ObserveInt64(made, stat.NewConnsCount())
		o.ObserveInt64(inUse, int64(stat.AcquiredConns()), metric.WithAttributes(attribute.String("state", "acquired")))
		o.ObserveInt64(inUse, int64(stat.IdleConns()), metric.WithAttributes(attribute.String("state", "idle")))
		if ahead, known := s.ClockSkew(); known {
			o.ObserveFloat64(skew, ahead.Seconds())
		}
		return nil
	}, acquires, waits, made, inUse, skew)
	return err
}
