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
//	├─ admin               checks operators' credentials
//	├─ sweeper             wakes games that are due
//	├─ auth                family ── restart with backoff, then gone until the next message
//	│  └─ <e-mail>         challenges of one address
//	├─ sessions            family, and the table of live sessions
//	│  └─ <session id>     last seen
//	├─ accounts            family
//	│  └─ <user id>        one account
//	└─ games               family
//	   └─ <game id>        one game; single writer of its rows
//	      └─ (engine)      one container; restart with backoff, then given up: the game pauses itself
//
// Messages go down the tree or to a family by key; facts come back as rows, and up only from an engine to its game.
package actors
