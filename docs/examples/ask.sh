#!/usr/bin/env bash
# Asks the hub one signed question with curl and openssl alone, and checks the answer's signature.
#
#   ask.sh URL KEY.pem HUB_JWKS.json PATH <question.json >answer.json
#
# KEY.pem: Ed25519 or P-256, made by `openssl genpkey -algorithm ed25519` or `openssl ecparam -name prime256v1 -genkey -noout`.
# HUB_JWKS.json: the hub's key set as handed over at registration. The question comes in by the standard input: ids of people
# never stand in an address or among a program's arguments. Exit code 0: answered; 1: refused; 3: the answer does not verify.
set -euo pipefail
umask 077
url=${1%/} key=$2 jwks=$3 path=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { printf 'not verified: %s\n' "$1" >&2; exit 3; }
base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
digest() { printf 'sha-256=:%s:' "$(openssl dgst -sha256 -binary "$1" | openssl base64 -A)"; }
unhex() { printf '%b' "$(sed 's/../\\x&/g')"; }

# 1. the key's id: its RFC 7638 thumbprint
openssl pkey -in "$key" -pubout -outform DER >"$work/public.der"
if openssl pkey -in "$key" -noout -text | grep -qi ed25519; then
    kind=ed25519
    jwk=$(printf '{"crv":"Ed25519","kty":"OKP","x":"%s"}' "$(tail -c 32 "$work/public.der" | base64url)")
else
    kind=p256
    x=$(tail -c 64 "$work/public.der" | head -c 32 | base64url) y=$(tail -c 32 "$work/public.der" | base64url)
    jwk=$(printf '{"crv":"P-256","kty":"EC","x":"%s","y":"%s"}' "$x" "$y")
fi
keyid=$(printf '%s' "$jwk" | openssl dgst -sha256 -binary | base64url)

# 2. what is signed: seven components and the parameters, one a line, no newline at the end
cat >"$work/body"
request_id=${REQUEST_ID:-$(cat /proc/sys/kernel/random/uuid)}
authority=${url#*://}
created=$(date +%s)
covered='("@method" "@authority" "@path" "@query" "content-type" "content-digest" "x-request-id")'
params="$covered;created=$created;keyid=\"$keyid\";expires=$((created + 300));nonce=\"$(openssl rand 18 | base64url)\";tag=\"hub-req\""
asked_digest=$(digest "$work/body")
printf '"@method": POST\n"@authority": %s\n"@path": %s\n"@query": ?\n"content-type": application/json\n"content-digest": %s\n"x-request-id": %s\n"@signature-params": %s' \
    "$authority" "$path" "$asked_digest" "$request_id" "$params" >"$work/base"

# 3. the signature: 64 bytes; openssl gives that of P-256 as two numbers in DER, the protocol wants r and s of 32 bytes each
if [ "$kind" = ed25519 ]; then
    openssl pkeyutl -sign -rawin -inkey "$key" -in "$work/base" >"$work/signature"
else
    openssl dgst -sha256 -sign "$key" "$work/base" | openssl asn1parse -inform DER |
        sed -n 's/.*INTEGER *://p' | while read -r number; do printf '%64s' "$number" | tr ' ' 0; done | unhex >"$work/signature"
fi
signature=":$(openssl base64 -A <"$work/signature"):"

# 4. send it
curl --silent --show-error --max-time 30 --dump-header "$work/headers" --output "$work/answer" \
    --header "Content-Type: application/json" --header "X-Request-Id: $request_id" --header "Content-Digest: $asked_digest" \
    --header "Signature-Input: sig1=$params" --header "Signature: sig1=$signature" --data-binary @"$work/body" "$url$path"

# 5. check the answer: its digest, then the hub's signature over it and over this very question
header() { tr -d '\r' <"$work/headers" | sed -n "s/^$1: *//Ip" | tail -n 1; }
status=$(sed -n '1s/^[^ ]* \([0-9]*\).*/\1/p' "$work/headers")
[ "$(header content-digest)" = "$(digest "$work/answer")" ] || fail "the body does not fit its digest"
[ "$(header x-request-id)" = "$request_id" ] || fail "the answer is to another question"
hub_params=$(header signature-input) && hub_params=${hub_params#hub=}
hub_keyid=$(printf '%s' "$hub_params" | sed -n 's/.*;keyid="\([^"]*\)".*/\1/p')
hub_x=$(tr -d ' \n' <"$jwks" | tr '{' '\n' | grep -F "\"kid\":\"$hub_keyid\"" | grep -Ev '"hutong:state":"(revoked|retired)"' | sed -n 's/.*"x":"\([^"]*\)".*/\1/p' || true)
[ -n "$hub_x" ] || fail "key $hub_keyid is not among the hub's"
bound='"@method";req "@authority";req "@path";req "@query";req "content-digest";req "signature";req;key="sig1"'
case $hub_params in
"(\"@status\" \"content-type\" \"content-digest\" \"x-request-id\" \"x-receipt\" $bound);"*) ;;
*) fail "the answer does not cover what it must" ;;
esac
{ printf '302a300506032b6570032100' | unhex; printf '%s=' "$hub_x" | tr -- '-_' '+/' | openssl base64 -d -A; } |
    openssl pkey -pubin -inform DER -out "$work/hub.pem"
printf '"@status": %s\n"content-type": %s\n"content-digest": %s\n"x-request-id": %s\n"x-receipt": %s\n"@method";req: POST\n"@authority";req: %s\n"@path";req: %s\n"@query";req: ?\n"content-digest";req: %s\n"signature";req;key="sig1": %s\n"@signature-params": %s' \
    "$status" "$(header content-type)" "$(header content-digest)" "$(header x-request-id)" "$(header x-receipt)" \
    "$authority" "$path" "$asked_digest" "$signature" "$hub_params" >"$work/hub.base"
header signature | sed 's/^hub=:\(.*\):$/\1/' | openssl base64 -d -A >"$work/hub.signature"
openssl pkeyutl -verify -rawin -pubin -inkey "$work/hub.pem" -in "$work/hub.base" -sigfile "$work/hub.signature" >/dev/null 2>&1 ||
    fail "the hub's signature is wrong"

printf 'verified: status %s, receipt %s\n' "$status" "$(header x-receipt)" >&2
cat "$work/answer"
[ "$status" -lt 400 ]
