package qdranttest_test

import (
	"sync"
	"testing"

	"groundwork/store/qdrant/qdranttest"
	"groundwork/store/storetest"
)

func TestLedger(t *testing.T) {
	t.Parallel()
	var ledgers sync.Map
	storetest.Ledger(t, func(t *testing.T) storetest.SearchLedger {
		ledger, _ := ledgers.LoadOrStore(t.Name(), &qdranttest.Ledger{})
		return ledger.(*qdranttest.Ledger)
	})
}
