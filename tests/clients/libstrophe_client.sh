#!/usr/bin/env bash
# libstrophe, Debian's 0.12.2: the C library below profanity. Compiles its client, runs it.
set -euo pipefail
here=$(dirname "$0")
cc -std=c11 -D_GNU_SOURCE -Wall -Wextra -o "$SCRATCH/libstrophe_client" "$here/libstrophe_client.c" -lstrophe
exec "$SCRATCH/libstrophe_client"
