package analyze

import (
	"fmt"
	"sync"
	"testing"

	"github.com/kljensen/snowball/english"
	"github.com/stretchr/testify/require"
)

func TestStemsAreThoseOfTheStemmerHoweverManyThereAre(t *testing.T) {
	t.Parallel()
	word := func(i int) string {
		return fmt.Sprintf("%c%c%c%crunning", 'a'+i%26, 'a'+i/26%26, 'a'+i/676%26, 'a'+i/17576%26)
	}
	var work sync.WaitGroup
	for part := range 4 {
		work.Go(func() {
			for i := part; i < 3*maxStems; i += 2 { // each word by two goroutines
				if got, want := Stem(word(i)), english.Stem(word(i), false); got != want {
					t.Errorf("%s gives %s, not %s", word(i), got, want)
				}
			}
		})
	}
	work.Wait()
	require.LessOrEqual(t, len(stems.young), maxStems)
	require.LessOrEqual(t, len(stems.old), maxStems)
	require.Equal(t, english.Stem("employees", false), Stem("employees"))
	require.Equal(t, Stem("employees"), Stem("employees"))
}

// The short way for plain words must give what the long one does.
func FuzzPlainWordsNeedNoCutting(f *testing.F) {
	for _, s := range []string{"", "leave", "Leave", "HTTP", "camelCase", "AX", "aB", "The", "z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, run string) {
		if !plain(run) {
			return
		}
		var long []string
		for _, word := range split(run, "'’,/") {
			long = appendWord(long, word)
		}
		require.Equal(t, long, appendTerms(nil, run))
	})
}
