// Package drill kills the real service, its engines, its database and its container daemon at every instant that can be
// named and at many that cannot, and judges after each kill whether a turn or an order was lost or done twice. Everything
// that it does is done from outside: no part of the service knows of it. docs/drill.md tells the drills.
package drill
