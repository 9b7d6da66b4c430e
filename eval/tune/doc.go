// Package tune prepares, runs and keeps fine-tunings: training sets made from
// the documents (Build), a check that they hold nothing of a question set
// (Leaks), exports for several trainers (Export), training runs that survive
// being killed (Run), and the registry of adapters that came out (Registry).
//
// Everything but the training itself is deterministic for a seed.
package tune
