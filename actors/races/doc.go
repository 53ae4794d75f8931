// Package races keeps the Race Name Directory beside the store: Names answers from memory who holds a canonical key, and one
// root actor registers names that were won and takes back those whose time is over.
//
// The truth is the store's: its unique keys decide who of two players gets a name, in the commit of the game that wants
// it. Names is warmed at the start and told of every change after its commit; where a commit's outcome was in doubt, the
// keys are read anew. The actor owns no row: each of its writes says what it was decided on and fails when that is no
// longer so. It panics on nothing; a sweep that fails is repeated with the next.
package races
