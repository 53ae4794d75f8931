package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/client"

	"galaxy/backend/galaxy"
)

// image sees to it that the image is there, by the pull policy.
func (d *Driver) image(ctx context.Context, ref string) error {
	if d.conf.PullPolicy != "always" {
		there, err := d.hasImage(ctx, ref)
		if err != nil || there {
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
	case answered(err):
		return fmt.Errorf("%w: %s: %w", galaxy.ErrImagePull, ref, err)
	case errors.Is(ctx.Err(), context.DeadlineExceeded) && d.Ping(context.WithoutCancel(ctx)) == nil:
		// The daemon is there, so that it is the registry that has kept us waiting.
		return fmt.Errorf("%w: %s was not pulled in time: %w", galaxy.ErrImagePull, ref, err)
	}
	return fmt.Errorf("pull %s: %w", ref, unknown(err))
}

func (d *Driver) hasImage(ctx context.Context, ref string) (bool, error) {
	ctx, cancel, err := d.call(ctx, 0)
	if err != nil {
		return false, err
	}
	defer cancel()
	_, err = d.api.ImageInspect(ctx, ref)
	if err == nil || errdefs.IsNotFound(err) {
		return err == nil, nil
	}
	return false, fmt.Errorf("inspect image %s: %w", ref, translate(err))
}

// pull takes as long as ctx allows. The daemon tells of a pull that fails in the middle in what it streams.
func (d *Driver) pull(ctx context.Context, ref string) error {
	if _, err := reference.ParseNormalizedNamed(ref); err != nil {
		return errdefs.ErrInvalidArgument.WithMessage(err.Error())
	}
	stream, err := d.api.ImagePull(ctx, ref, client.ImagePullOptions{})
	if err != nil {
		return err
	}
	defer stream.Close()
	err = stream.Wait(ctx)
	var told *jsonstream.Error
	if errors.As(err, &told) && !answered(err) { // an old daemon gives no code
		return errdefs.ErrInternal.WithMessage(told.Message)
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
	_, cancel, err := d.call(ctx, 0)
	if err != nil {
		return err
	}
	cancel()
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
	res, err := d.api.ImageImport(ctx, client.ImageImportSource{Source: &archive, SourceName: "-"}, ref,
		client.ImageImportOptions{Changes: []string{`ENTRYPOINT ["/engine"]`, "EXPOSE 8080"}})
	if err != nil {
		return fmt.Errorf("import image: %w", translate(err))
	}
	defer res.Close()
	_, err = io.Copy(io.Discard, res)
	return translate(err)
}
