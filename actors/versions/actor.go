package versions

import (
	"context"
	"slices"

	"github.com/Masterminds/semver/v3"
	"github.com/asynkron/protoactor-go/actor"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// registry holds all versions, newest first.
type registry struct {
	Deps
	known  []galaxy.EngineVersion
	loaded bool
}

// Start starts the registry.
func Start(sys *kit.System, d Deps, strategy actor.SupervisorStrategy) (kit.Ref, error) {
	return sys.Spawn("versions", sys.Props(func() actor.Actor { return &registry{Deps: d} }, kit.Kind("versions")), strategy)
}

// Receive lists, adds and edits.
func (a *registry) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case List:
		known, err := a.onList(c)
		kit.Reply(c, known, err)
	case Add:
		v, err := a.onAdd(c, m)
		kit.Reply(c, v, err)
	case Edit:
		v, err := a.onEdit(c, m)
		kit.Reply(c, v, err)
	}
}

func (a *registry) onList(c actor.Context) ([]galaxy.EngineVersion, error) {
	ctx, cancel := kit.WorkContext(c)
	defer cancel()
	err := a.load(ctx)
	return a.known, err
}

func (a *registry) onAdd(c actor.Context, m Add) (galaxy.EngineVersion, error) {
	v := m.Version
	if err := v.Validate(); err != nil {
		return galaxy.EngineVersion{}, err
	}
	ctx, cancel := kit.WorkContext(c)
	defer cancel()
	if err := a.load(ctx); err != nil {
		return galaxy.EngineVersion{}, err
	}
	for _, k := range a.known {
		if again, err := k.Idempotency.Repeats(v.Idempotency); again || err != nil {
			return k, err
		}
		if k.Version == v.Version {
			return galaxy.EngineVersion{}, galaxy.Errorf(galaxy.Conflict, "version %s is registered already", v.Version)
		}
	}
	v.CreatedAt, v.Number = a.Now(), 1
	err := a.Store.AddEngineVersion(ctx, v, galaxy.Audit{By: m.By, Action: "engine_version.add", Subject: "engine_version:" + v.Version,
		RequestID: m.RequestID, After: audited(v)})
	if err != nil {
		a.loaded = !galaxy.MemoryStale(err)
		return galaxy.EngineVersion{}, err
	}
	a.known = sorted(append(slices.Clone(a.known), v))
	return v, nil
}

func (a *registry) onEdit(c actor.Context, m Edit) (galaxy.EngineVersion, error) {
	ctx, cancel := kit.WorkContext(c)
	defer cancel()
	if err := a.load(ctx); err != nil {
		return galaxy.EngineVersion{}, err
	}
	i := slices.IndexFunc(a.known, func(v galaxy.EngineVersion) bool { return v.Version == m.Version })
	if i < 0 {
		return galaxy.EngineVersion{}, galaxy.Errorf(galaxy.NotFound, "version %s is not registered", m.Version)
	}
	was := a.known[i]
	v, err := was.Edit(m.Edit, m.Number)
	if err != nil || v == was {
		return was, err
	}
	err = a.Store.EditEngineVersion(ctx, v, a.Now(), galaxy.Audit{By: m.By, Action: "engine_version.edit", Subject: "engine_version:" + v.Version,
		RequestID: m.RequestID, Before: audited(was), After: audited(v)})
	if err != nil {
		a.loaded = !galaxy.MemoryStale(err)
		return galaxy.EngineVersion{}, err
	}
	v.Number++
	a.known = slices.Clone(a.known)
	a.known[i] = v
	return v, nil
}

// audited are the values of an entry that an operator chooses.
func audited(v galaxy.EngineVersion) map[string]any {
	return map[string]any{"image_ref": v.ImageRef, "enabled": v.Enabled, "expected_turn": v.ExpectedTurn}
}

func (a *registry) load(ctx context.Context) error {
	if a.loaded {
		return nil
	}
	known, err := a.Store.EngineVersions(ctx)
	if err != nil {
		return err
	}
	a.known, a.loaded = sorted(known), true
	return nil
}

func sorted(vs []galaxy.EngineVersion) []galaxy.EngineVersion {
	slices.SortFunc(vs, func(a, b galaxy.EngineVersion) int {
		return semver.MustParse(b.Version).Compare(semver.MustParse(a.Version))
	})
	return vs
}
