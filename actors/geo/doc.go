// Package geo counts from which countries players' requests come.
//
// The surface counts each request in the Counter and waits for nothing. One root actor takes what was counted once per
// interval, looks each address up once, and stores all of it in one statement; what could not be stored waits for the next
// time. A clean stop stores what waits; a crash loses one interval. An address without a country counts nothing. It panics
// on nothing.
package geo
