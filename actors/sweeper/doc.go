// Package sweeper wakes games that are due.
//
// One root actor that lives as long as the process. At the start it wakes every game whose engine is, or should be,
// alive; after that it asks the store every 30 seconds, by index, for games with a due deadline or an open operation.
// Timers and wake-ups may be lost, and actors may have given up: the sweep finds their games. It decides nothing, and
// panics on nothing.
package sweeper
