// Package api is Groundwork's HTTP interface: OpenAI's shapes over gin.
// A handler decodes, calls once, encodes; every decision lies below it.
package api
