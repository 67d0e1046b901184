#!/bin/sh
# Makes the calls of calls.txt: calls.sh URL FOLDER, where FOLDER/NAME.token holds the token of each caller.
# Prints what came otherwise than expected; exits with 1 if anything did.
set -eu
url=$1 tokens=$2 wrong=0 made=0
while read -r who method path expected body; do
    case $who in '' | '#'*) continue ;; esac
    set -- --silent --output /dev/null --write-out '%{http_code}' --request "$method"
    [ "$who" = nobody ] || set -- "$@" --header "Authorization: Bearer $(cat "$tokens/$who.token")"
    [ -z "$body" ] || set -- "$@" --header 'Content-Type: application/json' --data "$body"
    came=$(curl "$@" "$url$path")
    made=$((made + 1))
    if [ "$came" != "$expected" ]; then
        echo "$who $method $path $body: expected $expected, came $came"
        wrong=1
    fi
done < "$(dirname "$0")/calls.txt"
echo "$made calls"
exit "$wrong"
