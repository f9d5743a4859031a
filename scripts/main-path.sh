#!/bin/sh
# Walks the main path with real curl against a running `make run`: token, API, refusals, a removed key.
# Usage: scripts/main-path.sh [folder of the demo]; ISSUER and API may be set when the demo runs on other ports.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
demo=${1:-$root/.demo}
issuer=${ISSUER:-http://127.0.0.1:8400}
api=${API:-http://127.0.0.1:8401}
audience=https://api.understory.io
answer=$(mktemp -d)
trap 'rm -rf "$answer"' EXIT

# Python reads JSON: it is there in any case.
python=$root/.venv/bin/python
json() { "$python" -c 'import json, sys; value = json.load(open(sys.argv[1])); print(eval(sys.argv[2], {"value": value}))' "$1" "$2"; }
# The demo's folder has its own configuration, which no other file or variable may stand in for.
keygrove() { KEYGROVE_CONFIG='' KEYGROVE_DATA_DIR=$demo KEYGROVE_ISSUER=$issuer "$root/.venv/bin/keygrove" "$@"; }
ok() { printf 'ok    %s\n' "$1"; }
fail() { printf 'FAIL  %s\n' "$1" >&2; sed 's/^/      /' "$answer/head" "$answer/body" >&2; exit 1; }

# call NAME STATUS CURL-ARGUMENTS…: the answer must have the status; its head and body are kept for a closer look.
call() {
    name=$1 status=$2
    shift 2
    got=$(curl -sS -D "$answer/head" -o "$answer/body" -w '%{http_code}' "$@")
    [ "$got" = "$status" ] || fail "$name: status $got instead of $status"
}
is() { [ "$(json "$answer/body" "$2")" = "$3" ] || fail "$1: $2 is not $3"; ok "$1"; }

# token SCOPE CLIENT_ID SECRET_KEY EXPECTED_STATUS: the reference's request.
token() {
    call "token for $1" "$4" -X POST "$issuer/oauth2/token" \
        -H 'Content-Type: application/x-www-form-urlencoded' -H 'User-Agent: My-Company/Marketing-Automation-App' \
        -d grant_type=client_credentials -d "scope=$1" -d "audience=$audience" -d "client_id=$2" -d "client_secret=$3"
}

[ -f "$demo/demo.json" ] || { echo "There is no demo in $demo: start it with make run." >&2; exit 1; }
curl -s -o /dev/null "$issuer/readyz" || { echo "Nobody answers at $issuer: start make run first." >&2; exit 1; }
client_id=$(json "$demo/demo.json" 'value["client_id"]')
secret=$(json "$demo/demo.json" 'value["client_secret"]')
company=$(json "$demo/demo.json" 'value["company_id"]')

token 'openid marketing.read' "$client_id" "$secret" 200
is 'token: the four members, in order' 'list(value)' "['access_token', 'expires_in', 'scope', 'token_type']"
is 'token: its life, scope and type' \
    '[value["expires_in"] in (3599, 3600), value["scope"], value["token_type"]]' "[True, 'openid marketing.read', 'bearer']"
access=$(json "$answer/body" 'value["access_token"]')

call 'who am I' 200 "$api/v1/me" -H "Authorization: Bearer $access"
is 'API: /v1/me knows the company' 'value["company_id"]' "$company"

call 'consents' 200 "$api/v1/marketing-consents?limit=2" -H "Authorization: Bearer $access"
is 'API: consents of this company only' '{each["company_id"] for each in value["items"]}' "{'$company'}"
is 'API: limit is kept' 'len(value["items"])' 2
first=$(json "$answer/body" 'value["items"][0]["id"]')
next=$(json "$answer/body" 'value["next"]')
call 'next page' 200 "$api/v1/marketing-consents?limit=2&cursor=$next" -H "Authorization: Bearer $access"
is 'API: cursor goes on' "any(each['id'] == '$first' for each in value['items'])" False
call 'one consent' 200 "$api/v1/marketing-consents/$first" -H "Authorization: Bearer $access"
is 'API: one consent by its id' 'value["id"]' "$first"

call 'no token' 401 "$api/v1/marketing-consents"
is 'API: no token is refused with code and message' 'sorted(value)' "['code', 'message']"
grep -qi '^www-authenticate: bearer' "$answer/head" || fail 'no token: no WWW-Authenticate'
token openid "$client_id" "$secret" 200
narrow=$(json "$answer/body" 'value["access_token"]')
call 'wrong scope' 403 "$api/v1/marketing-consents" -H "Authorization: Bearer $narrow"
grep -qi '^www-authenticate: .*insufficient_scope' "$answer/head" || fail 'wrong scope: not named insufficient_scope'
is 'API: a token without the scope is refused' 'sorted(value)' "['code', 'message']"
call 'status' 200 "$api/v1/status"
ok 'API: an endpoint without a token answers'

token 'order.read' "$client_id" "$secret" 400
is 'token: a permission that the key lacks is invalid_scope' 'value["error"]' invalid_scope
keygrove key create --company "$company" --name "Main path $$" --permission marketing.read --json >"$answer/key"
client_id=$(json "$answer/key" 'value["client_id"]')
secret=$(json "$answer/key" 'value["client_secret"]')
token 'marketing.read' "$client_id" "$secret" 200
ok 'key: a new one gets a token'
keygrove key remove "$client_id" --yes --json >/dev/null
token 'marketing.read' "$client_id" "$secret" 401
is 'key: a removed one is invalid_client at once' 'value["error"]' invalid_client
echo 'The main path works.'
