package runtime

import (
	"bufio"
	"errors"
	"fmt"
	"os"
)

// memory is what the machine has and what of it is free or can be freed, in bytes.
func memory() (total, available int64, err error) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, 0, fmt.Errorf("look at memory: %w", err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kb int64
		if n, _ := fmt.Sscanf(lines.Text(), "MemTotal: %d kB", &kb); n == 1 {
			total = kb << 10
		}
		if n, _ := fmt.Sscanf(lines.Text(), "MemAvailable: %d kB", &kb); n == 1 {
			available = kb << 10
		}
	}
	if total == 0 {
		return 0, 0, errors.New("look at memory: the system does not say")
	}
	return total, available, nil
}
