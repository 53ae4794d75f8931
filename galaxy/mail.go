package galaxy

import "time"

// Mail is one rendered message for one recipient.
type Mail struct {
	Delivery DeliveryID // also the stable part of the Message-ID
	To       string
	Subject  string
	Text     string
	HTML     string // optional alternative part
	Headers  map[string]string
	Date     time.Time
}

// SendOutcome says what became of an attempt to hand a mail to the relay.
type SendOutcome string

// Outcomes of an attempt. Only a temporary failure is tried again.
const (
	MailSent      SendOutcome = "sent"
	MailTemporary SendOutcome = "temporary"
	MailPermanent SendOutcome = "permanent"
)

// SendResult is the relay's answer to one attempt.
type SendResult struct {
	Outcome SendOutcome
	// Detail is the relay's answer or the network error, without addresses or contents.
	Detail string
}
