package sql_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"groundwork/internal/pgtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if err := pgtest.Stop(); err != nil {
			fmt.Println(err)
			code = 1
		}
		os.Exit(code)
	}))
}
