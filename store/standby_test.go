package store_test

import (
	"context"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/store"
	"galaxy/backend/store/storetest"
)

// network is a way to the database on which packets can be lost for a while, as when a process at its end is frozen:
// connections stay open, and nothing passes.
type network struct {
	mu      sync.Mutex
	blocked chan struct{} // closed when packets pass again; nil while they do
}

func throughNetwork(t *testing.T, dsn string) (way string, n *network) {
	t.Helper()
	conf, err := pgx.ParseConfig(dsn)
	require.NoError(t, err)
	server := net.JoinHostPort(conf.Host, strconv.Itoa(int(conf.Port)))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	n = &network{}
	t.Cleanup(func() { l.Close(); n.pass() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				n.wait()
				out, err := net.Dial("tcp", server)
				if err != nil {
					in.Close()
					return
				}
				go n.carry(in, out)
				n.carry(out, in)
			}()
		}
	}()
	return strings.Replace(dsn, server, l.Addr().String(), 1), n
}

func (n *network) carry(to, from net.Conn) {
	piece := make([]byte, 64<<10)
	for {
		k, err := from.Read(piece)
		n.wait()
		if err != nil {
			to.Close()
			return
		}
		if _, err := to.Write(piece[:k]); err != nil {
			from.Close()
			_, _ = io.Copy(io.Discard, from)
			return
		}
	}
}

func (n *network) wait() {
	n.mu.Lock()
	blocked := n.blocked
	n.mu.Unlock()
	if blocked != nil {
		<-blocked
	}
}

func (n *network) lose() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.blocked == nil {
		n.blocked = make(chan struct{})
	}
}

func (n *network) pass() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.blocked != nil {
		close(n.blocked)
		n.blocked = nil
	}
}

// impatient takes over from a holder that is silent for two seconds.
var impatient = store.Pulse{Check: 100 * time.Millisecond, Retry: 20 * time.Millisecond, Frozen: time.Second, Silent: 2 * time.Second}

func waits(t *testing.T, dsn string, pulse store.Pulse) (*store.Store, <-chan *store.Lease) {
	t.Helper()
	st, taken := storetest.OpenBare(t, dsn), make(chan *store.Lease, 1)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if l, err := st.AcquireLease(ctx, pulse); err == nil {
			taken <- l
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		select {
		case l := <-taken:
			l.Release()
		default:
		}
	})
	awaitStandby(t, dsn)
	return st, taken
}

func TestAStandbyTakesOverFromASilentHolder(t *testing.T) {
	dsn := pgtest.Database(t, storetest.Migrate)
	way, network := throughNetwork(t, dsn)
	pulse := impatient
	pulse.Check = time.Hour // the holder finds nothing out by itself
	pulse.Stale = 10 * time.Second
	old, holder := leased(t, way, pulse)
	st, taken := waits(t, dsn, impatient)
	network.lose()
	var lease *store.Lease
	select {
	case lease = <-taken:
	case <-time.After(20 * time.Second):
		require.Fail(t, "the lock of a silent holder is waited for forever")
	}
	defer lease.Release()
	require.Greater(t, lease.Epoch(), holder.Epoch())
	require.NoError(t, storetest.Write(t.Context(), st))
	network.pass()
	require.Error(t, storetest.Write(t.Context(), old))
	select {
	case <-holder.Lost():
	case <-time.After(20 * time.Second):
		require.Fail(t, "the holder that was silent does not find out")
	}
	require.NoError(t, storetest.Write(t.Context(), st))
}

// TestALivingHolderKeepsTheLease, whatever the database's clock does and whoever stands still for a moment.
func TestALivingHolderKeepsTheLease(t *testing.T) {
	dsn := pgtest.Database(t, storetest.Migrate)
	st, holder := leased(t, dsn, impatient)
	way, network := throughNetwork(t, dsn)
	_, taken := waits(t, way, impatient)
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	require.Never(t, func() bool {
		// The heartbeat's time stands still, as when the database's clock is set back again and again.
		_, err := conn.Exec(context.Background(), "UPDATE lease SET heartbeat_at = taken_at")
		return err != nil || len(taken) > 0
	}, 2*impatient.Silent, 50*time.Millisecond)
	// The standby sees nothing for longer than it would wait.
	network.lose()
	require.Never(t, func() bool { return len(taken) > 0 }, 3*time.Second, 50*time.Millisecond)
	network.pass()
	require.Never(t, func() bool { return len(taken) > 0 }, time.Second, 50*time.Millisecond)
	select {
	case <-holder.Lost():
		require.Fail(t, "a living holder has lost the lease")
	default:
	}
	require.Eventually(t, func() bool { return storetest.Write(t.Context(), st) == nil }, 10*time.Second, 10*time.Millisecond)
}

func TestOfTwoStandbysOneTakesOverFromASilentHolder(t *testing.T) {
	dsn := pgtest.Database(t, storetest.Migrate)
	way, network := throughNetwork(t, dsn)
	pulse := seldom
	_, holder := leased(t, way, pulse)
	_, one := waits(t, dsn, impatient)
	_, other := waits(t, dsn, impatient)
	network.lose()
	defer network.pass()
	require.Eventually(t, func() bool { return len(one)+len(other) == 1 }, 20*time.Second, 10*time.Millisecond)
	require.Never(t, func() bool { return len(one)+len(other) > 1 }, 2*impatient.Silent, 50*time.Millisecond, "the other has ended the session of the one that took over")
	var lease *store.Lease
	select {
	case lease = <-one:
	case lease = <-other:
	}
	defer lease.Release()
	require.Equal(t, holder.Epoch()+1, lease.Epoch())
	require.True(t, lease.Held())
}

func TestANetworkThatLosesEverythingForAWhileIsAGap(t *testing.T) {
	dsn := pgtest.Database(t, storetest.Migrate)
	way, network := throughNetwork(t, dsn)
	st, lease := storetest.OpenLeased(t, way)
	network.lose()
	require.Eventually(t, func() bool { return !lease.Held() }, 10*time.Second, time.Millisecond)
	storetest.Age(t, dsn, gap)
	network.pass()
	require.Eventually(t, func() bool { return storetest.Write(t.Context(), st) == nil }, 30*time.Second, 5*time.Millisecond)
	requireOutage(t, dsn, gap, time.Now())
	require.False(t, galaxy.MemoryStale(storetest.Write(t.Context(), st)))
}
