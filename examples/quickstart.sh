#!/usr/bin/env bash
# The main job from end to end, with real curl: starts propstore on an empty database, puts a file on the page home,
# sends the two documented batches, shows what happens to an etag that is out of date, and stops the server.
#
#   examples/quickstart.sh [BIN]     BIN: the program (default: built by cargo)
set -euo pipefail
cd "$(dirname "$0")/.."

. examples/server.sh

say "Start a server on an empty database"
start "$@"
api="$address/@api/deki"
echo "$api"

as_admin=(-sS -u "admin:$PROPSTORE_ADMIN_PASSWORD")
xml=(-H "Content-Type: application/xml")

say "Put a file on the page home"
printf 'not really a picture' >"$work/picture.jpg"
curl "${as_admin[@]}" -H "Content-Type: image/jpeg" -T "$work/picture.jpg" "$api/pages/home/files/=picture.jpg" \
    | tee "$work/file.xml"
file=$(sed -n 's/^<file id="\([0-9]*\)".*/\1/p' "$work/file.xml")
echo

say "Put one property on it: iscopyright=no"
curl "${as_admin[@]}" -H "Slug: iscopyright" -H "Content-Type: text/plain" --data-binary no \
    "$api/files/$file/properties"
echo

say "Send examples/fileprop.xml: two properties are added, iscopyright is removed"
curl "${as_admin[@]}" "${xml[@]}" -T examples/fileprop.xml -i "$api/files/$file/properties"
echo

say "List what is there now; reading needs no account"
curl -sS "$api/files/$file/properties"
echo

say "Make the property myprop, and note its etag"
curl "${as_admin[@]}" -H "Slug: myprop" -H "Content-Type: text/plain" --data-binary "initial value" \
    "$api/files/$file/properties" | tee "$work/myprop.xml"
etag=$(sed -n 's/.* etag="\([^"]*\)".*/\1/p' "$work/myprop.xml")
echo

say "Send examples/properties.xml with that etag: one property is updated, one cannot be deleted (207)"
sed "s/etag=\"ETAG\"/etag=\"$etag\"/" examples/properties.xml >"$work/properties.xml"
curl "${as_admin[@]}" "${xml[@]}" -T "$work/properties.xml" -i "$api/files/$file/properties"
echo

say "Send it again: the etag is out of date now, so the property stays as it is (409 for that property)"
curl "${as_admin[@]}" "${xml[@]}" -T "$work/properties.xml" -i "$api/files/$file/properties"
echo

say "Stop the server"
stop
