package docker

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/container"

	"galaxy/backend/galaxy"
)

// difference is one thing that a container shows otherwise than the settings have it.
type difference struct{ what, shown, wanted string }

// describe gives differences in a line for operators.
func describe(all []difference) string {
	var out []string
	for _, d := range all {
		out = append(out, fmt.Sprintf("%s is %s, and set to %s", d.what, d.shown, d.wanted))
	}
	return strings.Join(out, "; ")
}

// differences gives what a container was made with, or was given since, that is not what it would be made with now.
// Daemons show some settings otherwise than they were given (a kernel that cannot limit swap, log options of the
// daemon's own): what a container shows that was just made is how its daemon shows our settings, and no difference.
// The image is not compared.
func (d *Driver) differences(spec galaxy.ContainerSpec, in container.InspectResponse) []difference {
	all := compare(d.config(spec), d.hostConfig(spec), in)
	d.mu.RLock()
	defer d.mu.RUnlock()
	return slices.DeleteFunc(all, func(one difference) bool {
		_, normal := d.normal[one]
		return normal
	})
}

// learn notes how the daemon shows a container that was just made. Names and paths differ from game to game, and are
// never normal.
func (d *Driver) learn(spec galaxy.ContainerSpec, in container.InspectResponse) {
	all := compare(d.config(spec), d.hostConfig(spec), in)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, one := range all {
		d.normal[one] = struct{}{}
	}
}

// compare holds what a container shows against what it would be made with.
func compare(c *container.Config, h *container.HostConfig, in container.InspectResponse) []difference {
	shown := in.HostConfig
	all := []difference{
		{"memory", size(shown.Memory), size(h.Memory)},
		{"memory with swap", size(shown.MemorySwap), size(h.MemorySwap)},
		{"CPUs", fmt.Sprint(float64(shown.NanoCPUs) / 1e9), fmt.Sprint(float64(h.NanoCPUs) / 1e9)},
		{"CPU set", shown.CpusetCpus, h.CpusetCpus},
		{"process limit", limit(shown.PidsLimit), limit(h.PidsLimit)},
		{"restart policy", policy(shown.RestartPolicy), policy(h.RestartPolicy)},
		{"log", logging(shown.LogConfig), logging(h.LogConfig)},
		{"network", networks(in, string(h.NetworkMode)), string(h.NetworkMode)},
		{"published port", published(shown), published(h)},
		{"dropped capabilities", strings.Join(shown.CapDrop, " "), strings.Join(h.CapDrop, " ")},
		{"security options", strings.Join(shown.SecurityOpt, " "), strings.Join(h.SecurityOpt, " ")},
		{"read-only root", fmt.Sprint(shown.ReadonlyRootfs), fmt.Sprint(h.ReadonlyRootfs)},
		{"user", in.Config.User, c.User},
		{"labels", labels(in.Config.Labels), labels(c.Labels)},
		{"environment", environment(in.Config.Env, c.Env), strings.Join(c.Env, " ")},
		{"state mount", mounted(in, h.Mounts[0].Target), h.Mounts[0].Source + " at " + h.Mounts[0].Target},
	}
	return slices.DeleteFunc(all, func(one difference) bool { return one.shown == one.wanted })
}

func size(n int64) string {
	return units.CustomSize("%.6g%s", float64(n), 1024, []string{"B", "KiB", "MiB", "GiB", "TiB"})
}

func limit(n *int64) string {
	if n == nil {
		return "none"
	}
	return fmt.Sprint(*n)
}

func policy(p container.RestartPolicy) string {
	if p.Name == "" {
		return string(container.RestartPolicyDisabled)
	}
	return string(p.Name)
}

func logging(l container.LogConfig) string {
	out := []string{l.Type}
	for _, key := range slices.Sorted(maps.Keys(l.Config)) {
		out = append(out, key+"="+l.Config[key])
	}
	return strings.Join(out, " ")
}

// networks gives the one that is wanted, if the container is in it: daemons name the mode otherwise.
func networks(in container.InspectResponse, wanted string) string {
	if string(in.HostConfig.NetworkMode) == wanted {
		return wanted
	}
	if in.NetworkSettings != nil && in.NetworkSettings.Networks[wanted] != nil {
		return wanted
	}
	return string(in.HostConfig.NetworkMode)
}

func published(h *container.HostConfig) string {
	var out []string
	for _, b := range h.PortBindings[enginePort] {
		out = append(out, b.HostIP.String())
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, " ")
}

// labels are those of ours: an image brings others along.
func labels(all map[string]string) string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if strings.HasPrefix(key, "galaxy.") {
			out = append(out, key+"="+all[key])
		}
	}
	return strings.Join(out, " ")
}

// environment is what a container has of the variables that we set: an image brings others along.
func environment(all, wanted []string) string {
	var out []string
	for _, pair := range wanted {
		key, _, _ := strings.Cut(pair, "=")
		for _, has := range all {
			if strings.HasPrefix(has, key+"=") {
				out = append(out, has)
			}
		}
	}
	return strings.Join(out, " ")
}

func mounted(in container.InspectResponse, target string) string {
	var out []string
	for _, m := range in.Mounts {
		if m.Destination == target || m.Type == "bind" {
			out = append(out, m.Source+" at "+m.Destination)
		}
	}
	return strings.Join(out, " ")
}

// fits reports whether a stopped container is what would be made now: of the same version and image, with the same
// settings.
func (d *Driver) fits(ctx context.Context, spec galaxy.ContainerSpec, now found) (bool, error) {
	if now.Version != spec.Version || now.ImageRef != spec.ImageRef || len(d.differences(spec, now.in)) > 0 {
		return false, nil
	}
	return d.sameImage(ctx, spec.ImageRef, now.in.Image)
}

// sameImage reports whether ref names the image id on the daemon, where a tag may have been given to another since
// the container was made. A ref that names none there any more names no other. Both are looked up, so that both are
// named in the same way.
func (d *Driver) sameImage(ctx context.Context, ref, id string) (bool, error) {
	now, err := d.imageID(ctx, ref)
	if err != nil || now == "" || now == id {
		return err == nil, err
	}
	then, err := d.imageID(ctx, id)
	return err == nil && (then == "" || then == now), err
}
