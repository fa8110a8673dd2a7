# Starts propstore on an empty database, for the other examples: source it, then call `start [BIN]` and `stop`.
# It sets $work (a folder that goes away at the end), $address and $PROPSTORE_ADMIN_PASSWORD.

work=$(mktemp -d)
server=
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ -z "$server" ] || wait "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

say() { printf '\n== %s\n' "$*"; }

# BIN: the program (default: built by cargo)
start() {
    bin=${1:-}
    if [ -z "$bin" ]; then
        cargo build --quiet --release
        bin=${CARGO_TARGET_DIR:-target}/release/propstore
    fi
    export PROPSTORE_ADMIN_PASSWORD=quick-start
    mkfifo "$work/log"
    "$bin" serve --db "$work/propstore.db" --listen 127.0.0.1:0 >"$work/out" 2>"$work/log" &
    server=$!
    # It says where it listens as soon as it can serve. The rest of its log is read to the end, so that it can go on writing.
    exec 3<"$work/log"
    address=
    while read -r line <&3; do
        case $line in *"listening on "*) address=${line##*listening on } && break ;; esac
    done
    [ -n "$address" ] || { echo "the server did not start" >&2; exit 1; }
    cat <&3 >/dev/null &
}

stop() {
    kill "$server"
    wait "$server"
    server=
    echo "stopped with status 0"
}
