package inbox

import (
	"io"
	"mime"
	netmail "net/mail"
	"strings"

	"github.com/wneessen/go-mail"
)

// parse reads a mail: its headers, and its text and HTML bodies decoded.
func parse(r io.Reader) (Message, error) {
	var raw strings.Builder
	head, err := netmail.ReadMessage(io.TeeReader(r, &raw))
	if err != nil {
		return Message{}, err
	}
	if _, err := io.Copy(io.Discard, head.Body); err != nil {
		return Message{}, err
	}
	msg, err := mail.EMLToMsgFromString(raw.String())
	if err != nil {
		return Message{}, err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(head.Header.Get("Subject"))
	if err != nil {
		subject = head.Header.Get("Subject")
	}
	m := Message{Subject: subject, Headers: head.Header}
	for _, part := range msg.GetParts() {
		body, err := part.GetContent()
		if err != nil {
			return Message{}, err
		}
		switch part.GetContentType() {
		case mail.TypeTextHTML:
			m.HTML = string(body)
		case mail.TypeTextPlain:
			m.Text = string(body)
		}
	}
	return m, nil
}
