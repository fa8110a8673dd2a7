#!/usr/bin/env bash
# The life of a folder in the Redu API, with real curl: people, a space, a folder, a file that comes back byte for byte by
# its raw link, a property of the folder by way of the MindTouch API, another name, and the end of it.
#
#   examples/redu.sh [BIN]     BIN: the program (default: built by cargo)
set -euo pipefail
cd "$(dirname "$0")/.."
. examples/server.sh

say "Start a server on an empty database"
start "$@"
host=${address#http://}
echo "$host"

as_admin=(-sS -u "admin:$PROPSTORE_ADMIN_PASSWORD")
json=(-H "Content-Type: application/json")
# The number of what an answer describes, and the address of one of its links.
id() { sed -n 's/^{"id":\([0-9]*\),.*/\1/p'; }
link() { sed -n 's/.*"href":"\([^"]*\)","rel":"'"$1"'".*/\1/p'; }

say "Make an account for tess, and a space in which she is a teacher"
curl "${as_admin[@]}" "${json[@]}" -d '{"user": {"login": "tess", "password": "a password", "name": "Tess Teacher"}}' \
    "http://$host/api/users"
echo
space=$(curl "${as_admin[@]}" "${json[@]}" -d '{"space": {"name": "Biology"}}' "http://$host/api/spaces" | id)
curl "${as_admin[@]}" "${json[@]}" -d '{"enrollment": {"login": "tess", "role": "teacher"}}' \
    "http://$host/api/spaces/$space/enrollments"
echo

say "Tess signs in once; from then on her token is enough"
token=$(curl -sS -u "tess:a password" "http://$host/@api/deki/users/authenticate")
curl -sS -H "Authorization: OAuth $token" "http://$host/api/spaces/$space/folders" | tee "$work/folders.json"
root=$(sed 's/^\[//' "$work/folders.json" | id)
echo

say "Make a folder (the first command of the documentation)"
curl -H "Authorization: OAuth $token" -H 'Content-type: application/json' -X 'POST' \
    -d '{ "folder" : { "name" : "new folder" } }' "http://$host/api/folders/$root/folders" -vv 2>"$work/verbose" \
    | tee "$work/folder.json"
echo
grep -i '^< \(HTTP\|location\)' "$work/verbose"
folder=$(id <"$work/folder.json")

say "Put a file into it (the second command of the documentation)"
head -c 12213 /dev/urandom >"$work/pdf_example.pdf"
curl -H "Authorization: OAuth $token" -F "file[content]=@$work/pdf_example.pdf;type=application/pdf" \
    "http://$host/api/folders/$folder/files" -vv 2>"$work/verbose" | tee "$work/file.json"
echo

say "Fetch it by its raw link, which needs no account"
curl -sS -o "$work/back.pdf" "$(link raw <"$work/file.json")"
cmp "$work/pdf_example.pdf" "$work/back.pdf" && echo "it came back byte for byte"

say "Hang a property on the folder by way of the MindTouch API, with the number of the folder"
curl -sS -u "tess:a password" -H "Slug: reviewed" -H "Content-Type: text/plain" --data-binary yes \
    "http://$host/@api/deki/pages/$folder/properties"
echo

say "Give the folder another name: number, UUID and properties stay"
curl -sS -H "Authorization: OAuth $token" "${json[@]}" -X PUT -d '{"folder": {"name": "Week 3"}}' \
    "http://$host/api/folders/$folder"
echo
curl -sS -u "tess:a password" "http://$host/@api/deki/pages/$folder/properties/reviewed"
echo

say "Delete it with all that is in it"
curl -sS -H "Authorization: OAuth $token" -X DELETE -o /dev/null -w '%{http_code}\n' "http://$host/api/folders/$folder"
for path in "api/folders/$folder" "api/files/$(id <"$work/file.json")" "@api/deki/pages/$folder/properties"; do
    curl -sS -u "tess:a password" -o /dev/null -w "%{http_code} $path\n" "http://$host/$path"
done

say "Stop the server"
stop
