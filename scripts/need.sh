#!/usr/bin/env bash
# Makes sure that what the named task needs is installed: as root with apt, saying so first; otherwise it says
# exactly what to install, and fails.
set -euo pipefail

missing=()
want() { # package, test
    eval "$2" >/dev/null 2>&1 || missing+=("$1")
}

for need in "$@"; do
    case "$need" in
        postgres) want postgresql 'command -v initdb || ls /usr/lib/postgresql/*/bin/initdb' ;;
        docker) want docker.io 'command -v dockerd'; want iptables 'command -v iptables' ;;
        race) want gcc 'command -v gcc' ; want libc6-dev 'ls /usr/include/stdlib.h' ;;
        protoc) want protobuf-compiler 'command -v protoc' ;;
        node) want nodejs 'command -v node'; want npm 'command -v npm' ;;
        *) echo "need.sh: $need is not known" >&2; exit 2 ;;
    esac
done

[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo "Installing with apt: ${missing[*]}" >&2
    export DEBIAN_FRONTEND=noninteractive
    # A Debian package would start a server of its own; nothing here wants one.
    mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
else
    echo "Please install: ${missing[*]}   (on Debian: sudo apt-get install ${missing[*]})" >&2
    exit 1
fi
