package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/distribution/reference"
	"github.com/moby/moby/client"

	"galaxy/backend/galaxy"
)

// image sees to it that the image is there, by the pull policy. With always an image that may be old is none: it
// waits for its registry. Otherwise the registry is asked only for what is not there.
func (d *Driver) image(ctx context.Context, ref string) error {
	if _, err := reference.ParseAnyReference(ref); err != nil {
		return fmt.Errorf("%w: %s: %w", galaxy.ErrImagePull, ref, err)
	}
	if d.conf.PullPolicy != "always" {
		id, err := d.imageID(ctx, ref)
		if err != nil || id != "" {
			return err
		}
		if d.conf.PullPolicy == "never" {
			return fmt.Errorf("%w: %s is not there, and the pull policy is never", galaxy.ErrImagePull, ref)
		}
	}
	err := d.pull(ctx, ref)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, galaxy.ErrImagePull):
		return fmt.Errorf("pull %s: %w", ref, err)
	case errors.Is(ctx.Err(), context.DeadlineExceeded) && d.Ping(context.WithoutCancel(ctx)) == nil:
		// The daemon is there, so that it is the registry that has kept us waiting.
		return fmt.Errorf("%w: %s was not pulled in time: %w", galaxy.ErrRegistry, ref, ctx.Err())
	}
	return fmt.Errorf("pull %s: %w", ref, unknown(err))
}

// imageID gives which image ref names on the daemon; empty when it names none there.
func (d *Driver) imageID(ctx context.Context, ref string) (id string, err error) {
	err = d.ask(ctx, askImage, 0, func(ctx context.Context, api *client.Client) error {
		image, err := api.ImageInspect(ctx, ref)
		if id = image.ID; err == nil && id == "" {
			err = errNoSense
		}
		return err
	})
	if errors.Is(err, errAbsent) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("inspect image %s: %w", ref, err)
	}
	return id, nil
}

// pull takes as long as ctx allows. The daemon tells of a pull that fails in the middle in what it streams.
func (d *Driver) pull(ctx context.Context, ref string) error {
	if _, err := reference.ParseNormalizedNamed(ref); err != nil {
		return fmt.Errorf("%w: %w", galaxy.ErrImagePull, err)
	}
	if err := d.acquainted(ctx); err != nil {
		return err
	}
	return d.within(ctx, askPull, func(ctx context.Context, api *client.Client) error {
		stream, err := api.ImagePull(ctx, ref, client.ImagePullOptions{})
		if err != nil {
			return err
		}
		defer stream.Close()
		return stream.Wait(ctx)
	})
}

// acquainted has met the daemon within the time of a call, before something that may take longer.
func (d *Driver) acquainted(ctx context.Context) error {
	_, cancel, err := d.call(ctx, 0)
	if err == nil {
		cancel()
	}
	return err
}

// Import makes an image of one static binary and nothing else, without a build and without a registry. It takes as long as
// ctx allows.
func (d *Driver) Import(ctx context.Context, binary, ref string) error {
	content, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	if err := d.acquainted(ctx); err != nil {
		return err
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Name: "engine", Mode: 0o755, Size: int64(len(content))}); err != nil {
		return err
	}
	if _, err := w.Write(content); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	err = d.within(ctx, askCreate, func(ctx context.Context, api *client.Client) error {
		res, err := api.ImageImport(ctx, client.ImageImportSource{Source: bytes.NewReader(archive.Bytes()), SourceName: "-"}, ref,
			client.ImageImportOptions{Changes: []string{`ENTRYPOINT ["/engine"]`, "EXPOSE 8080"}})
		if err != nil {
			return err
		}
		defer res.Close()
		_, err = io.Copy(io.Discard, res)
		return err
	})
	if err != nil {
		return fmt.Errorf("import image: %w", err)
	}
	return nil
}
