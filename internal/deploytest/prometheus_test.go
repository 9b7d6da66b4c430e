package deploytest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery/dns"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
)

const prometheusDir = "configs/compose/prometheus"

func TestPrometheusConfiguration(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(root, prometheusDir, "prometheus.yml"))
	require.NoError(t, err)
	cfg, err := config.Load(string(raw), promslog.NewNopLogger())
	require.NoError(t, err)
	scrapes, err := cfg.GetScrapeConfigs()
	require.NoError(t, err)
	require.NotEmpty(t, scrapes)

	services := load(t, nil, "gpu", "observability").Services
	for _, s := range scrapes {
		for _, d := range s.ServiceDiscoveryConfigs {
			if names, ok := d.(*dns.SDConfig); ok {
				for _, name := range names.Names {
					require.Contains(t, services, name, "job %s", s.JobName)
				}
			}
		}
		if auth := s.HTTPClientConfig.Authorization; auth != nil {
			require.FileExists(t, filepath.Join(root, "configs/compose/secrets.sh"))
			mounted := false
			for _, secret := range services["prometheus"].Secrets {
				mounted = mounted || auth.CredentialsFile == "/run/secrets/"+secret.Source
			}
			require.True(t, mounted, "job %s reads %s", s.JobName, auth.CredentialsFile)
		}
	}
	for _, f := range cfg.RuleFiles {
		require.FileExists(t, filepath.Join(root, prometheusDir, filepath.Base(f)))
	}
}

func TestAlertRules(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(root, prometheusDir, "rules.yml"))
	require.NoError(t, err)
	groups, errs := rulefmt.Parse(raw, false, model.UTF8Validation, parser.NewParser(parser.Options{}), promslog.NewNopLogger())
	require.Empty(t, errs)
	operations, err := os.ReadFile(filepath.Join(root, "docs/operations.md"))
	require.NoError(t, err)
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			checkQuery(t, r.Alert, r.Expr)
			require.Contains(t, string(operations), "`"+r.Alert+"`", "docs/operations.md says what to do")
		}
	}
}
