#!/usr/bin/env bash
# Runs every fuzz target of the module for a time, one after the other, and builds each package once. A finding is written
# to testdata/fuzz beside its target, where `make test` runs it from then on, and fails the run after the other targets.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-60s}

bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
module=$(go list -m)
cache=$(go env GOCACHE)/fuzz

packages=$(grep -rlE '^func Fuzz[^a-z].*\*testing\.F\)' --include='*_test.go' . | xargs -r -n1 dirname | sort -u)
[ -n "$packages" ] || { echo "fuzz.sh: there is no fuzz target in the module" >&2; exit 1; }

ran=0 failed=()
for package in $packages; do
    go test -c -fuzz=. -o "$bin/fuzz.test" "$package"
    targets=$(cd "$package" && "$bin/fuzz.test" -test.list='^Fuzz' | grep '^Fuzz')
    for target in $targets; do
        echo "== $package $target, for $time"
        ran=$((ran + 1))
        (cd "$package" && "$bin/fuzz.test" -test.run='^$' -test.fuzz="^$target\$" -test.fuzztime="$time" -test.fuzzminimizetime=10s \
            -test.fuzzcachedir="$cache/$module/${package#./}") || failed+=("$package $target")
    done
done

echo "$ran targets, ${#failed[@]} with findings"
for target in ${failed[@]+"${failed[@]}"}; do
    echo "FOUND in $target: mend it, and commit the new file in its testdata/fuzz" >&2
done
[ ${#failed[@]} -eq 0 ]
