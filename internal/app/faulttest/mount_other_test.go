//go:build !linux

package faulttest_test

import "errors"

func mount(string, string) error { return errors.New("no file system of its own here") }
