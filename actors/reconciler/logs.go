package reconciler

import (
	"context"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"galaxy/backend/actors/kit"
)

// answerReserve is what is left of an asker's time for the answer to arrive.
const answerReserve = 500 * time.Millisecond

// onLogs reads what an engine has said, for as long as the asker waits.
func (r *reconciler) onLogs(c actor.Context, m Logs) {
	if c.Sender() == nil {
		return
	}
	driver := r.Containers
	j := begin(c, r.shared, time.Until(kit.DeadlineOf(c))-answerReserve, func(ctx context.Context) (read, error) {
		text, err := driver.Logs(ctx, m.Game, m.Tail)
		return read{text}, err
	})
	r.readers[j.number] = reader{c.Sender(), j}
}

func (r *reconciler) onRead(c actor.Context, m done[read]) {
	w, waiting := r.readers[m.number]
	if !waiting {
		return
	}
	delete(r.readers, m.number)
	kit.ReplyTo(c, w.asker, m.v.text, answerable(m.err))
}
