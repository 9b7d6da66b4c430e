//go:build !linux

package runtime

import "errors"

// memory is not asked for on this system.
func memory() (total, available int64, err error) {
	return 0, 0, errors.New("this system is not asked")
}
