package docker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"
)

// Config says how containers are run.
type Config struct {
	Host          string        `env:"BACKEND_DOCKER_HOST" envDefault:"unix:///var/run/docker.sock" help:"Docker daemon endpoint."`
	Network       string        `env:"BACKEND_DOCKER_NETWORK" help:"User-defined Docker bridge network for engines. Required with the docker driver."`
	StackLabel    string        `env:"BACKEND_STACK_LABEL" help:"Value of the label galaxy.stack on every engine container. When set, only containers with it are looked at."`
	PullPolicy    string        `env:"BACKEND_RUNTIME_IMAGE_PULL_POLICY" envDefault:"if_missing" help:"When engine images are pulled: if_missing, always or never."`
	LogDriver     string        `env:"BACKEND_RUNTIME_CONTAINER_LOG_DRIVER" envDefault:"json-file" help:"Docker log driver of engine containers."`
	LogOptions    Pairs         `env:"BACKEND_RUNTIME_CONTAINER_LOG_OPTS" help:"Comma-separated key=value pairs for the log driver. Empty with json-file: three files of 10 MB."`
	CPUQuota      float64       `env:"BACKEND_RUNTIME_CONTAINER_CPU_QUOTA" envDefault:"2.0" help:"CPUs of an engine container."`
	Memory        Size          `env:"BACKEND_RUNTIME_CONTAINER_MEMORY" envDefault:"512m" help:"Memory of an engine container."`
	PidsLimit     int64         `env:"BACKEND_RUNTIME_CONTAINER_PIDS_LIMIT" envDefault:"256" help:"Processes and threads of an engine container."`
	StateMount    string        `env:"BACKEND_RUNTIME_CONTAINER_STATE_MOUNT" envDefault:"/var/lib/galaxy-game" help:"Absolute path in the container at which the game's state directory is mounted."`
	User          User          `env:"BACKEND_RUNTIME_CONTAINER_USER" defaultHelp:"own uid:gid, as root 65532:65532" help:"uid:gid that engines run as and that owns their state."`
	EngineAddress string        `env:"BACKEND_ENGINE_ADDRESS" envDefault:"name" help:"How engines are reached: name (of the container, inside the Docker network) or loopback (a port published on 127.0.0.1)."`
	CallTimeout   time.Duration `env:"BACKEND_DOCKER_CALL_TIMEOUT" envDefault:"30s" help:"Longest time for one call to the Docker daemon, pulls excepted."`
}

// Validate reports every problem of the settings, whatever the driver. That Network is given is for the caller to see to, who
// knows whether this driver is used.
func (c Config) Validate() error {
	var problems []error
	bad := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	switch c.PullPolicy {
	case "if_missing", "always", "never":
	default:
		bad("BACKEND_RUNTIME_IMAGE_PULL_POLICY must be if_missing, always or never")
	}
	if c.EngineAddress != "name" && c.EngineAddress != "loopback" {
		bad("BACKEND_ENGINE_ADDRESS must be name or loopback")
	}
	if c.CPUQuota <= 0 || c.Memory < 6<<20 || c.PidsLimit < 1 {
		bad("BACKEND_RUNTIME_CONTAINER_CPU_QUOTA and _PIDS_LIMIT must be positive, and _MEMORY at least 6m")
	}
	if !filepath.IsAbs(c.StateMount) {
		bad("BACKEND_RUNTIME_CONTAINER_STATE_MOUNT must be an absolute path")
	}
	if c.CallTimeout <= 0 {
		bad("BACKEND_DOCKER_CALL_TIMEOUT must be positive")
	}
	return errors.Join(problems...)
}

// Size is a number of bytes, written like 512m or 1GiB.
type Size int64

// UnmarshalText reads a size.
func (s *Size) UnmarshalText(text []byte) error {
	n, err := units.RAMInBytes(string(text))
	*s = Size(n)
	return err
}

// Pairs is a list of key=value.
type Pairs map[string]string

// UnmarshalText reads a comma-separated list.
func (p *Pairs) UnmarshalText(text []byte) error {
	*p = Pairs{}
	for pair := range strings.SplitSeq(string(text), ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok || key == "" {
			return fmt.Errorf("%q is not key=value", pair)
		}
		(*p)[key] = value
	}
	return nil
}

// User is a uid and gid; the zero value is the default.
type User struct {
	UID, GID int
	given    bool
}

var userForm = regexp.MustCompile(`^(\d{1,9}):(\d{1,9})$`)

// UnmarshalText reads uid:gid.
func (u *User) UnmarshalText(text []byte) error {
	m := userForm.FindSubmatch(text)
	if m == nil {
		return errors.New("not of the form uid:gid")
	}
	u.UID, _ = strconv.Atoi(string(m[1]))
	u.GID, _ = strconv.Atoi(string(m[2]))
	if u.given = true; u.UID == 0 {
		return errors.New("engines never run as root")
	}
	return nil
}

// nobody is who engines run as when the service itself is root.
const nobody = 65532

func (u User) orDefault() User {
	switch {
	case u.given:
		return u
	case os.Getuid() == 0:
		return User{nobody, nobody, true}
	default:
		return User{os.Getuid(), os.Getgid(), true}
	}
}
