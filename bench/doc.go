// Package bench measures the service beside a bare hand-written loop that does the same work in the same process and the
// same minute. The ratio of the two is the figure: 1.00 is the limit, and higher is better whatever the unit.
//
// `make bench` runs everything, `make bench NAME=rest/order` one. As plain tests every benchmark runs for a moment only, to
// show that it still works; no test looks at a time.
package bench
