package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"

	"github.com/moby/moby/client"
)

// Import makes an image of one static binary and nothing else, without a build and without a registry.
func (d *Driver) Import(ctx context.Context, binary, ref string) error {
	content, err := os.ReadFile(binary)
	if err != nil {
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
	res, err := d.api.ImageImport(ctx, client.ImageImportSource{Source: &archive, SourceName: "-"}, ref,
		client.ImageImportOptions{Changes: []string{`ENTRYPOINT ["/engine"]`, "EXPOSE 8080"}})
	if err != nil {
		return fmt.Errorf("import image: %w", translate(err))
	}
	defer res.Close()
	_, err = io.Copy(io.Discard, res)
	return err
}
