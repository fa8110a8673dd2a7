#!/usr/bin/env bash
# The commands of the LumiNUS API, with real curl: a folder gets its settings, is closed and opened with another one, and is
# found by a search, with the file in it; the settings are properties that the MindTouch API sees as well.
#
#   examples/luminus.sh [BIN]     BIN: the program (default: built by cargo)
set -euo pipefail
cd "$(dirname "$0")/.."
. examples/server.sh

say "Start a server on an empty database"
start "$@"
host=${address#http://}
echo "$host"

as_admin=(-sS -u "admin:$PROPSTORE_ADMIN_PASSWORD" -H "Content-Type: application/json")
# The first value of a field that is a string, and the number of what an answer describes.
field() { grep -o "\"$1\":\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4; }
id() { sed -n 's/^{"id":\([0-9]*\),.*/\1/p'; }

say "Make an account for tess, a space in which she is a teacher, and two folders"
curl "${as_admin[@]}" -d '{"user": {"login": "tess", "password": "a password", "name": "Tess Teacher"}}' \
    "http://$host/api/users" >/dev/null
curl "${as_admin[@]}" -d '{"space": {"name": "Biology"}}' "http://$host/api/spaces" >"$work/space.json"
space=$(id <"$work/space.json")
curl "${as_admin[@]}" -d '{"enrollment": {"login": "tess", "role": "teacher"}}' \
    "http://$host/api/spaces/$space/enrollments" >/dev/null
token=$(curl -sS -u "tess:a password" "http://$host/@api/deki/users/authenticate")
for name in "Week 3" "Week 4"; do
    curl -sS -H "Authorization: Bearer $token" -H "Content-Type: application/json" -d "{\"folder\": {\"name\": \"$name\"}}" \
        "http://$host/api/folders/$((space + 1))/folders" >"$work/$name.json"
    echo "$name: $(field uuid <"$work/$name.json")"
done
first=$(field uuid <"$work/Week 3.json")
second=$(field uuid <"$work/Week 4.json")

say "Update a folder (the command of the documentation)"
curl -sS -X PUT "http://$host/files/" -H 'Content-Type: application/json-patch+json' \
    -H "Ocp-Apim-Subscription-Key: $token" --data-ascii '
{"id":"'"$first"'","name":"Week 3","startDate":"2026-01-12T00:00:00+08:00","endDate":"2126-05-01T00:00:00+08:00",
 "publish":true,"sortFilesBy":"Name","allowUpload":true,"uploadDisplayOption":"Name","viewAll":false,"folderScore":10,
 "submissionDeadline":"2026-02-01T23:59:00+08:00","allowedFileType":["pdf"]}' | tee "$work/updated.json"
echo

say "Send the answer back: nothing changes, so no property gets a revision"
curl -sS -X PUT "http://$host/files/" -H "Ocp-Apim-Subscription-Key: $token" --data-binary @"$work/updated.json" \
    >"$work/again.json"
cmp "$work/updated.json" "$work/again.json" && echo "the same answer"

say "Close both folders (the command of the documentation)"
curl -sS -X PATCH "http://$host/files/status" -H 'Content-Type: application/json-patch+json' \
    -H "Ocp-Apim-Subscription-Key: $token" --data-ascii '{"folderIds":["'"$first"'","'"$second"'"],"open":false}'
echo

say "One that is not there: none of them is opened"
curl -sS -X PATCH "http://$host/files/status" -H "Ocp-Apim-Subscription-Key: $token" \
    --data-ascii '{"folderIds":["'"$first"'","51c1f0f1-64e9-4a0a-8d38-1c1c36a9a001"],"open":true}'
echo

say "Put a file into the folder, with a comment, and search for it (the command of the documentation)"
head -c 12213 /dev/urandom >"$work/lecture-01.pdf"
file=$(curl -sS -H "Authorization: Bearer $token" -F "file[content]=@$work/lecture-01.pdf;type=application/pdf" \
    "http://$host/api/folders/$(id <"$work/Week 3.json")/files" | id)
curl -sS -u "tess:a password" -H "Slug: luminus.comment.7e570000-0000-4000-8000-000000000001" \
    -H "Content-Type: text/plain" --data-binary '{"remark": "well done", "mark": 8, "moderation": 0.5}' \
    "http://$host/@api/deki/files/$file/properties" >/dev/null
curl -sS -H "Ocp-Apim-Subscription-Key: $token" \
    "http://$host/files/$(field uuid <"$work/space.json")/search?SearchText=LECTURE&populate=comment"
echo
curl -sS -H "Ocp-Apim-Subscription-Key: $token" "http://$host/files/$first/search?SearchText=ab"
echo

say "The settings are properties of the folder, with etags"
curl -sS -u "tess:a password" "http://$host/@api/deki/pages/$(id <"$work/Week 3.json")/properties?names=luminus.open"
echo

say "Stop the server"
stop
