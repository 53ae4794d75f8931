// Package actors starts and stops the running system.
//
// The supervision tree; who restarts whom, and how:
//
//	root supervisor ── restart with backoff, never given up
//	├─ push                the hub: ring, cursors, broadcast
//	│  └─ (subscriber)     one per gateway_client_id; ends with its stream
//	├─ notify              claims routes, publishes them or queues mails
//	├─ mail                pool; restart with backoff
//	│  └─ 0 … n-1          slots: claim, send, record
//	├─ versions            registry of engine versions
//	├─ admin               operators and their credentials; beside it, what was right lately
//	├─ sweeper             wakes games and accounts that are due, purges what is old
//	├─ reconciler          tells games what became of their containers; lists those of no game; watches the disk
//	├─ races               registers race names, takes expired ones back; beside it, who holds every name
//	├─ geo                 stores requests by country, which the surface counts
//	├─ last-seen           stores when devices were used, many at once
//	├─ auth                family ── restart with backoff, then gone until the next message
//	│  └─ (address)        challenges of one address
//	├─ sessions            family; beside it, the table of live sessions
//	│  └─ <session id>     last seen, name, end
//	├─ accounts            family; beside it, what every player may do
//	│  └─ <user id>        one account; single writer of its row
//	└─ games               family
//	   └─ <game id>        one game; single writer of its rows
//	      └─ (engine)      one container; restart with backoff, then given up: the game pauses itself
//
// Messages go down the tree or to a family by key; facts come back as rows, and up only from an engine to its game.
package actors
