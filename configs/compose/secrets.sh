#!/bin/sh
# Makes the secrets that docker-compose.yml mounts, below ./secrets; what is there already stays.
# The folder is for its owner only. The files are readable, because each container reads its own ones as another user.
set -eu
umask 022
mkdir -p secrets
chmod 700 secrets

random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
make() { [ -s "secrets/$1" ] || printf '%s' "$2" >"secrets/$1"; }

make postgres_password "$(random)"
make postgres_url "postgres://groundwork:$(cat secrets/postgres_password)@postgres:5432/groundwork?sslmode=disable"
make qdrant_api_key "$(random)"
make s3_access_key groundwork
make s3_secret_key "$(random)"
make chat_api_key "$(random)"
make grafana_password "$(random)"
# The hub's token for models behind a licence (--profile gpu); put your own in.
[ -e secrets/hf_token ] || : >secrets/hf_token
