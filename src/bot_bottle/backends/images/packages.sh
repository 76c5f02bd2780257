#!/bin/sh
# Installs the packages named as arguments with the package manager that this image has, while it is built. roots.pem beside it holds
# the certificates that the host trusts: mirrors inside a network often have a certificate of its own authority.
set -eu
roots=$(cd "$(dirname "$0")" && pwd)/roots.pem
export SSL_CERT_FILE="$roots" SSL_CA_CERT_FILE="$roots" CURL_CA_BUNDLE="$roots" DEBIAN_FRONTEND=noninteractive
umask 022

# The image's own store too, for what it starts later in its build; the bottle replaces it when it starts.
if command -v update-ca-certificates >/dev/null 2>&1; then
    mkdir -p /usr/local/share/ca-certificates
    cp "$roots" /usr/local/share/ca-certificates/host-roots.crt
fi

if command -v apt-get >/dev/null 2>&1; then
    set -- -o "Acquire::https::CaInfo=$roots" -o Acquire::Retries=3 install -y --no-install-recommends -- "$@"
    apt-get -o "Acquire::https::CaInfo=$roots" -o Acquire::Retries=3 update
    apt-get "$@"
    rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb
elif command -v apk >/dev/null 2>&1; then
    apk add --no-cache -- "$@"
elif command -v dnf >/dev/null 2>&1; then
    dnf --setopt=sslcacert="$roots" install -y --setopt=install_weak_deps=False -- "$@"
    dnf clean all
elif command -v microdnf >/dev/null 2>&1; then
    microdnf install -y "$@"
    microdnf clean all
elif command -v yum >/dev/null 2>&1; then
    yum --setopt=sslcacert="$roots" install -y -- "$@"
    yum clean all
elif command -v zypper >/dev/null 2>&1; then
    zypper --non-interactive install --no-recommends -- "$@"
    zypper clean --all
elif command -v pacman >/dev/null 2>&1; then
    pacman -Sy --noconfirm --needed -- "$@"
    rm -rf /var/cache/pacman/pkg
else
    echo "bot-bottle: this image has no package manager that is known here (apt, apk, dnf, microdnf, yum, zypper, pacman)" >&2
    exit 3
fi
