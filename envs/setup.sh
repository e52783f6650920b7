#!/usr/bin/env bash
# Set up a fresh Debian or Ubuntu machine: uv, the locked Python environment, and the system packages named as arguments.
#
#   envs/setup.sh iverilog [more Debian packages]
#
# UV_SYNC_OPTIONS in the environment goes to `uv sync`: images are made without what tests need.
# Nothing that is already there is touched. Without root and without passwordless sudo it names the command to run.
set -euo pipefail
cd "$(dirname "$0")/.."

install_packages() {
    local missing=()
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    local command=(apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 "${missing[@]}")
    if [ "$(id -u)" -eq 0 ]; then
        apt-get update -q
        DEBIAN_FRONTEND=noninteractive "${command[@]}"
    elif sudo -n true 2>/dev/null; then
        sudo apt-get update -q
        sudo env DEBIAN_FRONTEND=noninteractive "${command[@]}"
    else
        echo "These packages are missing and need an administrator; run: sudo ${command[*]}" >&2
        exit 1
    fi
}

find_uv() {
    command -v uv 2>/dev/null || { [ -x "$HOME/.local/bin/uv" ] && echo "$HOME/.local/bin/uv"; }
}

# uv from PyPI, in an environment of its own, so that a system Python that forbids installs is left alone.
install_uv() {
    python3 -c 'import ensurepip, venv' 2>/dev/null || install_packages python3-venv
    local home="$HOME/.local/share/ibft/uv"
    python3 -m venv "$home"
    "$home/bin/pip" install --quiet uv
    local bin=/usr/local/bin
    [ -w "$bin" ] || bin="$HOME/.local/bin"
    mkdir -p "$bin"
    ln -sf "$home/bin/uv" "$bin/uv"
    case ":$PATH:" in
        *":$bin:"*) ;;
        *) echo "uv is in $bin, which is not on your PATH; add it with: export PATH=\"$bin:\$PATH\"" >&2 ;;
    esac
    echo "$bin/uv"
}

if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "Python 3.11 or newer is needed as python3; found $(python3 --version 2>/dev/null || echo none)." >&2
    exit 1
fi
install_packages "$@"
uv=$(find_uv) || uv=$(install_uv)
# Compiled ahead: where Python may not write (PYTHONDONTWRITEBYTECODE, a read-only image) it would compile at every start,
# and Snakemake starts in 5 seconds instead of 1.5.
# shellcheck disable=SC2086 # several options
"$uv" sync --frozen --quiet --compile-bytecode ${UV_SYNC_OPTIONS:-}
