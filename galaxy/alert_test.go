package galaxy

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatOperatorsAreTold(t *testing.T) {
	require.Equal(t, []Kind{"runtime.banish_refused", "runtime.clock_skew", "runtime.container_start_failed", "runtime.disk_low", "runtime.engine_unreachable",
		"runtime.external_turn", "runtime.image_pull_failed", "runtime.schedule_broken", "runtime.start_config_invalid",
		"runtime.state_mismatch"}, OperatorKinds())
	for _, kind := range OperatorKinds() {
		require.Equal(t, []Channel{ChannelOperators}, Channels[kind], "%s goes to nobody else", kind)
		require.Error(t, CheckMailKind(kind), "no player can switch %s off", kind)
	}
	for kind, channels := range Channels {
		require.NotEmpty(t, channels, kind)
	}
}

func TestAnAlertNamesItsGame(t *testing.T) {
	g := opened(t, 2)
	c := g.change(operator(noon), "runtime.start_failed")
	c.alert(ImagePullFailed, "start:1", operator(noon), Payload{ImageRef: "engine:1", Reason: "no such image"})
	require.Equal(t, []Notice{{Kind: ImagePullFailed, Key: "start:1", RequestID: "r",
		Payload: Payload{Game: &g.ID, GameName: "Test", ImageRef: "engine:1", Reason: "no such image"}}}, c.Notices)
	require.JSONEq(t, `{"game_id":"`+g.ID.String()+`","game_name":"Test","image_ref":"engine:1","reason":"no such image"}`, string(c.Notices[0].Payload.JSON()))
}
