package reconciler

import (
	"context"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

const (
	measureTimeout = 30 * time.Second
	alertTimeout   = 10 * time.Second
)

// measure looks how much room there is. It waits for no daemon, and so is no part of a comparison.
func (r *reconciler) measure(c actor.Context) {
	driver := r.Containers
	r.measuring = begin(c, r.shared, measureTimeout, func(ctx context.Context) (measured, error) {
		free, err := driver.FreeSpace(ctx)
		return measured{free}, err
	})
}

func (r *reconciler) onMeasured(c actor.Context, m done[measured]) {
	if !r.measuring.over(m.number) {
		return
	}
	r.timers.Start(c, measure, r.Config.Interval)
	if m.err != nil {
		r.Log.Warn("how much space is left for the games' state is not known", zap.Error(m.err))
		return
	}
	free := Size(m.v.free)
	r.free.Record(kit.TraceContext(c), m.v.free)
	low := free < r.Config.MinFree
	r.Disk.low.Store(low)
	switch {
	case low && r.spell == "":
		// An hour names it: space that comes and goes all the time is not told of all the time.
		r.spell = "disk_low:" + r.Now().UTC().Format("2006-01-02T15")
		r.Log.Error("there is too little space for the games' state; no new game is started", zap.Stringer("free", free), zap.Stringer("wanted", r.Config.MinFree))
	case !low && r.spell != "":
		r.spell = ""
		r.Log.Info("there is space again for the games' state", zap.Stringer("free", free))
	}
	if low && r.told != r.spell && !r.alerting.running() {
		r.alert(c, free)
	}
}

// alert tells operators. What cannot be stored is tried again when the space is next looked at.
func (r *reconciler) alert(c actor.Context, free Size) {
	st, at, spell := r.Store, r.Now(), r.spell
	n := galaxy.Notice{Kind: galaxy.DiskLow, Key: spell, Payload: galaxy.Payload{
		Reason: fmt.Sprintf("%s are free; %s is the least (BACKEND_GAME_STATE_MIN_FREE)", free, r.Config.MinFree)}}
	r.alerting = begin(c, r.shared, alertTimeout, func(ctx context.Context) (alerted, error) {
		return alerted{spell}, st.Alert(ctx, at, n)
	})
}

func (r *reconciler) onAlerted(m done[alerted]) {
	if !r.alerting.over(m.number) {
		return
	}
	if m.err != nil {
		r.Log.Warn("operators could not be told that there is too little space; it is tried again", zap.Error(m.err))
		return
	}
	r.told = m.v.spell
	r.WakeNotify()
}
