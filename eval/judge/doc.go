// Package judge has a chat model judge answers: one by one against the expected
// answer, or two runs' answers against each other in both orders. What it says stands
// beside the figures that a program counts, and is never among them; how far it agrees with people is Cohen's kappa.
package judge
