// Package draft drafts questions of a question set from documents. A chat model
// words each question and its answer from a span of a document; a program then
// holds both to the documents, and a person accepts, edits or drops what is left.
//
// What a file of drafts holds is a question set: lines that nobody has accepted
// are left out when it is asked.
package draft
