//go:build !linux

package parse

import (
	"errors"
	"os"
)

// canWait is false: children are started with their document here.
const canWait = false

func socketpair() (ours, theirs *os.File, err error) { return nil, nil, errors.ErrUnsupported }

func (c *child) hand(request, *os.File) error { return errors.ErrUnsupported }

func receive(*request) error { return errors.ErrUnsupported }
