package configs

import (
	_ "embed"
	"fmt"
	"os"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
)

// DefaultPrices is the shipped list of prices.
//
//go:embed prices.yaml
var DefaultPrices []byte

// Price is one row of a list of prices; prices.yaml says what each member means.
type Price struct {
	Name     string  `koanf:"name"`
	Kind     string  `koanf:"kind"`
	Hour     float64 `koanf:"hour"`
	Input    float64 `koanf:"input"`
	Output   float64 `koanf:"output"`
	Currency string  `koanf:"currency"`
	Date     string  `koanf:"date"`
	Source   string  `koanf:"source"`
}

// Prices reads a list of prices; without a file the shipped one.
func Prices(file string) ([]Price, error) {
	var list struct {
		Prices []Price `koanf:"prices"`
	}
	raw := DefaultPrices
	if file != "" {
		var err error
		if raw, err = os.ReadFile(file); err != nil {
			return nil, fmt.Errorf("read the prices: %w", err)
		}
	}
	if err := decode(raw, &list); err != nil {
		return nil, fmt.Errorf("prices %s: %w", file, err)
	}
	return list.Prices, nil
}

// Thresholds reads a YAML file of numbers by name, such as `min_right: 0.6`.
func Thresholds(file string) (map[string]float64, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the thresholds: %w", err)
	}
	out := map[string]float64{}
	if err := decode(raw, &out); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return out, nil
}

// decode reads YAML into a struct or map; members that it has no place for are refused.
func decode(raw []byte, into any) error {
	values, err := yaml.Parser().Unmarshal(raw)
	if err != nil {
		return err
	}
	d, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{Result: into, ErrorUnused: true, TagName: "koanf"})
	if err != nil {
		return err
	}
	if err := d.Decode(values); err != nil {
		return fmt.Errorf("%s", strings.ReplaceAll(err.Error(), "\n", " "))
	}
	return nil
}
