// Package jobs works fine-tuning jobs one after the other: it checks an uploaded
// file of conversations, trains an adapter on it by eval/tune, and registers what
// comes out. A job is a folder; whatever stops the process, the next one goes on with it.
package jobs
