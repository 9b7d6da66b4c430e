package rag

import (
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"groundwork/rag/analyze"
)

// What is asked, what is answered, and whether the rules support it.
func TestWhatASentenceSaysMustBeWhatItsSpansSay(t *testing.T) {
	t.Parallel()
	rules := "Personal laptops cannot be connected to the office network. Visitors may use the guest network for up to 8 hours a day. " +
		"Messages must not be deleted before 90 days have passed. Annual leave is paid out when you leave, but award leave is not paid out. " +
		"The torque is 12 Nm for the AX-210 and 18 Nm for the AX-220. The trial period is four months in Tampere and six months in Hamburg. " +
		"Veera Lindholm answers journalists. Riikka Salmela signs contracts above EUR 50,000. The release was published on 3 May 2024. " +
		"The desk is open from 9:30 to 15:30 on Wednesday. A deposit of 20 per cent is due within two weeks, and contractors are not entitled to training."
	for _, c := range []struct {
		question, answer string
		supported        bool
	}{
		// negation and its scope
		{"May I connect my laptop?", "Personal laptops can be connected to the office network.", false},
		{"May I connect my laptop?", "No. Personal laptops cannot be connected to the office network.", true},
		{"May I connect my laptop?", "Yes, personal laptops cannot be connected to the office network.", false},
		{"May I connect my laptop to the office network?", "It is not allowed to connect personal laptops to the office network.", true},
		{"Which leave is paid out?", "Annual leave is not paid out when you leave.", false},
		{"Which leave is paid out?", "Award leave is not paid out.", true},
		{"Which leave is paid out?", "Award leave is paid out.", false},
		{"Which leave is paid out?", "Annual leave is paid out and award leave is not paid out.", true},
		{"Are contractors entitled to training?", "Contractors are entitled to training.", false},
		{"May visitors use the guest network?", "Visitors are prohibited from using the guest network.", false},
		{"May messages be deleted?", "Messages must be deleted before 90 days have passed.", false},
		// modal strength
		{"What do visitors do?", "Visitors must use the guest network for up to 8 hours a day.", false},
		{"What do visitors do?", "Visitors can use the guest network for up to 8 hours a day.", true},
		// figures, units, and the ways to write them
		{"How long may visitors use it?", "Visitors may use the guest network for up to eight hours a day.", true},
		{"How long may visitors use it?", "Visitors may use the guest network for up to 480 minutes a day.", true},
		{"How long may visitors use it?", "Visitors may use the guest network for up to 8 days.", false},
		{"When was the release published?", "The release was published on 2024-05-03.", true},
		{"When was the release published?", "The release was published on May 3rd, 2024.", true},
		{"When was the release published?", "The release was published on 3 June 2024.", false},
		{"When is the desk open?", "On Wednesdays the desk is open from 9:30 AM to 3:30 PM.", true},
		{"When is the desk open?", "On Thursdays the desk is open from 9:30 to 15:30.", false},
		{"How much is the deposit?", "A deposit of 20% is due within 14 days.", true},
		{"How much is the deposit?", "A deposit of EUR 20 is due within two weeks.", false},
		{"Who signs contracts above €50,000?", "Riikka Salmela signs contracts above 50000 euros.", true},
		{"Who signs what?", "Riikka Salmela signs contracts above $50,000.", false},
		// the neighbour's figure or name
		{"How tight is the AX-210 screwed in?", "18 Nm.", false},
		{"How tight is the AX-210 screwed in?", "12 Nm.", true},
		{"How tight?", "The torque is 18 Nm for the AX-210.", false},
		{"How long is the trial period?", "The trial period is six months in Tampere.", false},
		{"How long is the trial period?", "The trial period is six months in Hamburg.", true},
		{"Who answers journalists?", "Riikka Salmela answers journalists.", false},
		{"Who answers journalists?", "Günther Müller answers journalists.", false},
		{"Who answers journalists?", "Veera Lindholm answers them.", true},
	} {
		cited, unsupported := cite(c.answer, c.question, source(rules), analyze.Terms)
		got := len(unsupported) == 0 && len(cited) > 0
		for _, one := range cited {
			got = got && one.Verdict == Supported
		}
		require.Equal(t, c.supported, got, "%s %s: %+v", c.question, c.answer, cited)
	}
}

func TestASentenceIsTiedToAllPlacesItComesFrom(t *testing.T) {
	t.Parallel()
	sources := append(source("Sick leave can be used for 13 days a year to care for relatives."), source("Beyond that, family leave gives 12 weeks of unpaid time.")...)
	sources[1].Index, sources[1].Passage.DocumentID = 2, "file-2"
	answer := "Relatives can be cared for with sick leave for 13 days a year and with family leave for 12 weeks of unpaid time."
	cited, unsupported := cite(answer, "How long can I care for relatives?", sources, analyze.Terms)
	require.Empty(t, unsupported)
	require.Len(t, cited, 2)
	require.ElementsMatch(t, []string{"file-1", "file-2"}, []string{cited[0].DocumentID, cited[1].DocumentID})
	for _, c := range cited {
		require.Equal(t, Supported, c.Verdict)
		require.Equal(t, [2]int{0, utf8.RuneCountInString(answer)}, [2]int{c.AnswerStart, c.AnswerEnd})
	}
}

func TestCitationsAreTheSameEveryTime(t *testing.T) {
	t.Parallel()
	text := "Leave is 30 days. Leave of 30 days is paid. Hamburg has 28 days and Tampere 30 days, which Veera Lindholm confirmed."
	answer := "Leave is 30 days in Tampere; in Hamburg it is 28 days, says Veera Lindholm. It is paid."
	first, unsupported := cite(answer, "How much leave?", source(text), analyze.Terms)
	for range 50 {
		again, alsoUnsupported := cite(answer, "How much leave?", source(text), analyze.Terms)
		require.Equal(t, first, again)
		require.Equal(t, unsupported, alsoUnsupported)
	}
}
