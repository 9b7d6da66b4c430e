package load

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Mix is the share of each kind; shares need not add up to anything.
type Mix map[Kind]float64

// kinds in the order in which they are shown.
var kinds = []Kind{Ask, Search, Upload}

// ParseMix reads "ask=90,search=8,upload=2".
func ParseMix(s string) (Mix, error) {
	m, sum := Mix{}, 0.0
	for part := range strings.SplitSeq(s, ",") {
		name, share, ok := strings.Cut(strings.TrimSpace(part), "=")
		kind := Kind(strings.TrimSpace(name))
		if kind != Ask && kind != Search && kind != Upload {
			return nil, fmt.Errorf("mix: %q is nothing that can be sent; use ask, search and upload, as in ask=90,search=8,upload=2", kind)
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(share), 64)
		if !ok || err != nil || !(n >= 0 && n <= 1e6) { // NaN is neither
			return nil, fmt.Errorf("mix: the share of %s must be a number, as in ask=90,search=8,upload=2", kind)
		}
		if _, twice := m[kind]; twice {
			return nil, fmt.Errorf("mix: %s is there twice", kind)
		}
		m[kind] = n
		sum += n
	}
	if sum == 0 {
		return nil, fmt.Errorf("mix: something must be sent, as in ask=90,search=8,upload=2")
	}
	return m, nil
}

// pick draws a kind.
func (m Mix) pick(random *rand.Rand) Kind {
	sum := 0.0
	for _, k := range kinds {
		sum += m[k]
	}
	at := random.Float64() * sum
	last := Ask
	for _, k := range kinds {
		if m[k] == 0 {
			continue
		}
		if at < m[k] {
			return k
		}
		at -= m[k]
		last = k
	}
	return last // rounding
}
