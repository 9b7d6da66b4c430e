# Two images from one build:
#   slim    the static binary and nothing else (about 45 MB); every model server is elsewhere
#   local   slim's binary with the Python runtime and the embedding model, for CPUs; what docker-compose.yml uses
#
#   docker build --target slim  --build-arg VERSION=$(git describe --tags --always) -t groundwork:slim .
#   docker build --target local --build-arg VERSION=$(git describe --tags --always) -t groundwork:local .
#
# Base images are pinned by version. Pin them by digest too where your registry gives you one.

FROM golang:1.26.8-bookworm AS build
WORKDIR /src
ENV GOCACHE=/go/build
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG VERSION=dev
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/go/build \
    CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/groundwork ./cmd/groundwork \
    && mkdir -p /out/data /out/tmp

FROM scratch AS slim
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/groundwork /usr/local/bin/groundwork
COPY --from=build --chown=10001:10001 /out/data /data
COPY --from=build --chown=10001:10001 /out/tmp /tmp
ENV PATH=/usr/local/bin \
    HOME=/data \
    GROUNDWORK_SERVER__DATA_DIR=/data \
    GROUNDWORK_LLM__MODELS_DIR=/data/cache \
    GROUNDWORK_LOG__FORMAT=json
USER 10001:10001
WORKDIR /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["groundwork", "health"]
ENTRYPOINT ["groundwork"]
CMD ["serve"]

FROM python:3.11.13-slim-bookworm AS local
RUN mkdir -p /data /models /opt/groundwork && chown 10001:10001 /data /models /opt/groundwork
COPY --from=build /out/groundwork /usr/local/bin/groundwork
ENV HOME=/data \
    GROUNDWORK_SERVER__DATA_DIR=/data \
    GROUNDWORK_LLM__MODELS_DIR=/opt/groundwork \
    GROUNDWORK_LOG__FORMAT=json
USER 10001:10001
WORKDIR /data
# The Python packages (locked by hash), the embedding model (checked by SHA-256) and the compiled PDF reader.
RUN groundwork models pull --runtime bge-small-en-v1.5
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["groundwork", "health"]
ENTRYPOINT ["groundwork"]
CMD ["serve"]
