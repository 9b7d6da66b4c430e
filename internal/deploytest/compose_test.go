package deploytest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

const root = "../.."

// load reads docker-compose.yml as `docker compose` does: merged, interpolated,
// checked against the schema and for consistency.
func load(t *testing.T, env map[string]string, profiles ...string) *types.Project {
	t.Helper()
	var vars []string
	for k, v := range env {
		vars = append(vars, k+"="+v)
	}
	options, err := cli.NewProjectOptions([]string{filepath.Join(root, "docker-compose.yml")},
		cli.WithEnv(vars), cli.WithProfiles(profiles), cli.WithInterpolation(true), cli.WithConsistency(true), cli.WithNormalization(true))
	require.NoError(t, err)
	project, err := options.LoadProject(context.Background())
	require.NoError(t, err)
	return project
}

func TestComposeLoadsWithEveryProfile(t *testing.T) {
	for profile, more := range map[string][]string{
		"": nil, "gpu": {"vllm"}, "observability": {"prometheus", "grafana", "otel", "jaeger"},
	} {
		project := load(t, nil, profile)
		want := append([]string{"server", "worker", "postgres", "qdrant", "s3", "chat", "models", "init"}, more...)
		require.ElementsMatch(t, want, project.ServiceNames(), "profile %q", profile)
	}
}

func TestGPUSettings(t *testing.T) {
	env, err := dotenv.Read(filepath.Join(root, "configs/compose/gpu.env"))
	require.NoError(t, err)
	project := load(t, env, strings.Split(env["COMPOSE_PROFILES"], ",")...)
	require.Zero(t, *project.Services["chat"].Deploy.Replicas)
	settings := project.Services["server"].Environment
	require.Equal(t, "http://vllm:8000/v1", *settings["GROUNDWORK_LLM__CHAT__BASE_URL"])
	require.Equal(t, *project.Services["vllm"].Environment["NAME"], *settings["GROUNDWORK_LLM__CHAT__MODEL"])
	devices := project.Services["vllm"].Deploy.Resources.Reservations.Devices
	require.Len(t, devices, 1)
	require.Contains(t, devices[0].Capabilities, "gpu")
}

func TestTwoWorkersByDefault(t *testing.T) {
	require.Equal(t, 2, *load(t, nil).Services["worker"].Deploy.Replicas)
}

var pinned = regexp.MustCompile(`:v?[0-9]+\.[0-9]+(\.[0-9]+)?[^/]*$|:server-b[0-9]+$|@sha256:[0-9a-f]{64}$`)

func TestEveryServiceIsConfined(t *testing.T) {
	project := load(t, nil, "gpu", "observability")
	for name, s := range project.Services {
		require.True(t, s.ReadOnly, "%s: read_only", name)
		require.Contains(t, s.CapDrop, "ALL", name)
		require.Contains(t, s.SecurityOpt, "no-new-privileges:true", name)
		require.False(t, s.Privileged, name)
		require.NotEmpty(t, s.User, "%s: user", name)
		if name != "init" { // makes folders, without a network, and ends
			require.False(t, strings.HasPrefix(s.User, "0") || strings.HasPrefix(s.User, "root"), "%s runs as root", name)
			require.Empty(t, s.CapAdd, name)
		}
		require.NotNil(t, s.Deploy, name)
		limits := s.Deploy.Resources.Limits
		require.NotNil(t, limits, "%s: limits", name)
		require.Positive(t, limits.MemoryBytes, "%s: memory", name)
		require.Positive(t, limits.NanoCPUs, "%s: cpus", name)
		require.Positive(t, limits.Pids, "%s: pids", name)
		if s.Build == nil {
			require.Regexp(t, pinned, s.Image, name)
		}
		for _, p := range s.Ports {
			require.Equal(t, "127.0.0.1", p.HostIP, "%s is open to the network by default", name)
		}
	}
}

func TestServicesThatOthersWaitForHaveAHealthCheck(t *testing.T) {
	project := load(t, nil, "gpu", "observability")
	for name, s := range project.Services {
		for needed, d := range s.DependsOn {
			target, ok := project.Services[needed]
			require.True(t, ok, "%s waits for %s", name, needed)
			if d.Condition == types.ServiceConditionHealthy {
				require.NotNil(t, target.HealthCheck, "%s waits for %s", name, needed)
				require.NotEmpty(t, target.HealthCheck.Test)
			}
		}
		// Ours check themselves (see the Dockerfile); the images of these two hold no program that could.
		ends := []string{"init", "models"}
		if s.Build == nil && !slices.Contains(append(ends, "otel", "jaeger"), name) {
			require.NotNil(t, s.HealthCheck, "%s: healthcheck", name)
		}
	}
}

// A secret in the environment is seen by everybody who may inspect the container.
func TestSecretsComeFromFiles(t *testing.T) {
	project := load(t, nil, "gpu", "observability")
	sensitive := regexp.MustCompile(`(?i)(password|secret|token|api_?key|access_?key)`)
	for name, s := range project.Services {
		for key, value := range s.Environment {
			if !sensitive.MatchString(key) || value == nil {
				continue
			}
			require.True(t, strings.HasSuffix(key, "_FILE"), "%s: %s", name, key)
			require.True(t, strings.HasPrefix(*value, "/run/secrets/"), "%s: %s", name, key)
		}
		for _, value := range s.Environment {
			if value == nil || !strings.HasPrefix(*value, "/run/secrets/") {
				continue
			}
			require.True(t, slices.ContainsFunc(s.Secrets, func(c types.ServiceSecretConfig) bool {
				return c.Source == strings.TrimPrefix(*value, "/run/secrets/")
			}), "%s reads %s and does not mount it", name, *value)
		}
	}
}

func TestTheScriptMakesEverySecretOnce(t *testing.T) {
	dir := t.TempDir()
	script, err := filepath.Abs(filepath.Join(root, "configs/compose/secrets.sh"))
	require.NoError(t, err)
	run := func() map[string]string {
		cmd := exec.Command("sh", script)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		got := map[string]string{}
		entries, err := os.ReadDir(filepath.Join(dir, "secrets"))
		require.NoError(t, err)
		for _, e := range entries {
			raw, err := os.ReadFile(filepath.Join(dir, "secrets", e.Name()))
			require.NoError(t, err)
			got[e.Name()] = string(raw)
		}
		return got
	}
	first := run()
	for name, s := range load(t, nil, "gpu", "observability").Secrets {
		require.Contains(t, first, filepath.Base(s.File), name)
	}
	require.Contains(t, first["postgres_url"], ":"+first["postgres_password"]+"@postgres:5432/groundwork")
	require.Len(t, first["qdrant_api_key"], 64)
	require.NotEqual(t, first["qdrant_api_key"], first["s3_secret_key"])
	require.Equal(t, first, run(), "a second run changes nothing")
	info, err := os.Stat(filepath.Join(dir, "secrets"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
}
