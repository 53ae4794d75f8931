// Package geo counts from which countries players' requests come.
//
// One root actor, a batch: the surface tells it of each request and waits for nothing; look-ups and the statement that
// stores the counts are done once per interval. A clean stop stores what waits; a crash loses one interval. An address
// without a country counts nothing. It panics on nothing.
package geo
