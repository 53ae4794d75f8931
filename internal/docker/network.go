package docker

import (
	"context"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// RemoveNetwork removes the engines' network, which must be empty; one that is not there is as good as removed.
func (d *Driver) RemoveNetwork(ctx context.Context) error {
	_, err := d.api.NetworkRemove(ctx, d.conf.Network, client.NetworkRemoveOptions{})
	if errdefs.IsNotFound(err) {
		return nil
	}
	return translate(err)
}
