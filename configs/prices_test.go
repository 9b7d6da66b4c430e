package configs_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/configs"
)

func TestPrices(t *testing.T) {
	t.Parallel()
	shipped, err := configs.Prices("")
	require.NoError(t, err)
	kinds := map[string]int{}
	for _, p := range shipped {
		require.NotEmpty(t, p.Source, p.Name)
		require.Regexp(t, `^\d{4}-\d\d-\d\d$`, p.Date, p.Name)
		require.Equal(t, "USD", p.Currency)
		kinds[p.Kind]++
	}
	require.Equal(t, map[string]int{"machine": 2, "api": 4}, kinds)
	require.Equal(t, "machine", shipped[0].Kind, "the first machine is the default")

	file := filepath.Join(t.TempDir(), "prices.yaml")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	write("prices: [{name: ours, kind: machine, hour: 2, currency: EUR, date: \"2026-11-01\", source: invoice}]")
	own, err := configs.Prices(file)
	require.NoError(t, err)
	require.Equal(t, []configs.Price{{Name: "ours", Kind: "machine", Hour: 2, Currency: "EUR", Date: "2026-11-01", Source: "invoice"}}, own)
	write("prices: [{name: ours, price: 2}]")
	_, err = configs.Prices(file)
	require.ErrorContains(t, err, "price")
	_, err = configs.Prices(file + ".no")
	require.ErrorContains(t, err, "no such file")
}

func TestThresholds(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "t.yaml")
	require.NoError(t, os.WriteFile(file, []byte("min_right: 0.6\nmax_false: 0\n"), 0o600))
	got, err := configs.Thresholds(file)
	require.NoError(t, err)
	require.Equal(t, map[string]float64{"min_right": 0.6, "max_false": 0}, got)
	require.NoError(t, os.WriteFile(file, []byte("min_right: much\n"), 0o600))
	_, err = configs.Thresholds(file)
	require.ErrorContains(t, err, "min_right")
}
