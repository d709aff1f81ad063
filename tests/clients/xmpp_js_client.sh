#!/usr/bin/env bash
# @xmpp/client from npm, at the versions of package-lock.json. Installs them once, beside this file.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
installed=$here/node_modules/.package-lock.json
if [[ ! -f $installed || $here/package-lock.json -nt $installed ]]; then
    (cd "$here" && npm ci >&2)
fi
options=(--dns-result-order=ipv4first)
# Debian 12's own Node, 18, hides the global that the SCRAM code wants.
[[ $(node --version) == v18.* ]] && options+=(--experimental-global-webcrypto)
NODE_EXTRA_CA_CERTS=$CA exec node "${options[@]}" "$here/xmpp_js_client.mjs"
