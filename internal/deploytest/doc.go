// Package deploytest checks the files that operators deploy with the parsers
// of the programs that read them: docker-compose.yml, the Dockerfile, and the
// configurations of Prometheus, Grafana and the OpenTelemetry collector.
//
// It is a module of its own, because those parsers bring more dependencies
// than the product has.
package deploytest
