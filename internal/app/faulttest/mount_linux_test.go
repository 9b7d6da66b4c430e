package faulttest_test

import (
	"golang.org/x/sys/unix"
)

// mount gives a folder a file system of its own, which ends with this process:
// it was started in a mount namespace of its own.
func mount(dir, size string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	return unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=0700,size="+size)
}
