// Package push carries events to gateways.
//
// The hub is one root actor. It owns the ring of recent events, gives each event its cursor, and broadcasts it to its
// children, the subscribers: one per gateway client id. A subscriber owns a bounded queue that a gateway's stream
// takes from; when the queue is full the oldest event of that gateway is dropped, counted and logged, so a slow
// gateway holds up nobody. Both live as long as the process: nothing here is durable, the notices in the store are.
//
// A newer subscription of a client id replaces the older one, whose stream ends with ErrReplaced. Drain
// lets the streams get what their queues hold and then end with ErrDraining.
//
// Nothing here blocks, and nothing panics on input: an event that cannot be encoded is its publisher's error.
package push
