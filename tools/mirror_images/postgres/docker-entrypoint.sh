#!/bin/bash
# Starts PostgreSQL; makes the database first where the data folder is empty. The variables and the folder
# /docker-entrypoint-initdb.d are those of the official image.
set -euo pipefail

# A secret from its variable, or from the file that VARIABLE_FILE names.
secret() {
  local file="$1_FILE"
  if [ -n "${!1:-}" ] && [ -n "${!file:-}" ]; then
    echo "Set $1 or $file, not both." >&2
    exit 1
  fi
  if [ -n "${!file:-}" ]; then
    export "$1"="$(<"${!file}")"
  fi
  unset "$file"
}

if [ "${1:-}" = "" ] || [ "${1#-}" != "${1:-}" ]; then
  set -- postgres "$@"
fi
[ "$1" = postgres ] || exec "$@"

if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA"
  chmod 700 "$PGDATA"
  find "$PGDATA" /var/run/postgresql \! -user postgres -exec chown postgres '{}' +
  exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$0" "$@"
fi
mkdir -p "$PGDATA"

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  secret POSTGRES_PASSWORD
  secret POSTGRES_USER
  secret POSTGRES_DB
  secret POSTGRES_INITDB_ARGS
  user="${POSTGRES_USER:-postgres}"
  database="${POSTGRES_DB:-$user}"
  method="${POSTGRES_HOST_AUTH_METHOD:-}"
  if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "$method" != trust ]; then
    echo "Error: the database is not made and no password is given: set POSTGRES_PASSWORD" >&2
    echo "(or POSTGRES_HOST_AUTH_METHOD=trust, which lets everyone in)." >&2
    exit 1
  fi
  # shellcheck disable=SC2086 # several arguments may be given
  initdb --username="$user" --pwfile=<(printf '%s\n' "${POSTGRES_PASSWORD:-}") ${POSTGRES_INITDB_ARGS:-} \
    ${POSTGRES_INITDB_WALDIR:+--waldir="$POSTGRES_INITDB_WALDIR"}
  printf '\nhost all all all %s\n' "${method:-$(postgres -C password_encryption)}" >> "$PGDATA/pg_hba.conf"

  # Nobody but this script reaches it until everything is made.
  export PGUSER="$user" PGPASSWORD="${POSTGRES_PASSWORD:-}"
  pg_ctl --wait --options "-c listen_addresses='' -p 5432" start
  sql() { psql -v ON_ERROR_STOP=1 --no-password --no-psqlrc --dbname "$database" "$@"; }
  if [ "$database" != postgres ]; then
    psql -v ON_ERROR_STOP=1 --no-password --no-psqlrc --dbname postgres --set db="$database" \
      <<< 'CREATE DATABASE :"db";'
  fi
  for file in /docker-entrypoint-initdb.d/*; do
    case "$file" in
      *.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
      *.sql) sql --file "$file" ;;
      *.sql.gz) gunzip --stdout "$file" | sql ;;
      *.sql.xz) xzcat "$file" | sql ;;
      *.sql.zst) zstd -dc "$file" | sql ;;
    esac
  done
  pg_ctl --wait --mode fast stop
  unset PGUSER PGPASSWORD
fi

unset POSTGRES_PASSWORD
exec "$@"
