package galaxy

import (
	"encoding/json"
	"time"
)

// NewDelivery is a mail to be sent: rendered later from its template and payload, once per (Template, Key).
type NewDelivery struct {
	ID        DeliveryID
	Template  string // a Kind of the catalogue that goes by mail
	Key       string // dedupe key, unique per template
	To        string
	Payload   json.RawMessage
	Priority  int        // higher goes first
	ExpiresAt *time.Time // skipped, not sent, from then on
}

// Delivery is a claimed mail: attempt No belongs to the claimer until its lease ends.
type Delivery struct {
	NewDelivery
	Attempt   int
	CreatedAt time.Time
}

// DeliveryState is where a mail stands.
type DeliveryState string

// The states of a delivery.
const (
	DeliveryPending      DeliveryState = "pending"
	DeliveryRetrying     DeliveryState = "retrying"
	DeliverySent         DeliveryState = "sent"
	DeliverySkipped      DeliveryState = "skipped"
	DeliveryDeadLettered DeliveryState = "dead_lettered"
)

// DeliveryRecord is what an attempt came to. The store refuses it when the attempt is no longer the newest.
type DeliveryRecord struct {
	Delivery   DeliveryID
	Attempt    int
	State      DeliveryState
	Outcome    string // sent, temporary, permanent, expired, unrenderable
	Detail     string
	At         time.Time
	NextAt     time.Time // when State is retrying
	DropSecret bool      // the payload is deleted
}
