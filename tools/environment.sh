# Sourced by the scripts in the root directory: gets a virtual environment ready and sets `python` to its interpreter.
# Only what a POSIX shell has; the way taken at every start runs two small commands, `cat` and `cmp`.

fail() {
    printf 'parlour: %s\n' "$*" >&2
    exit 1
}

fanout=src/parlour/net/fanout # the one part in C, compiled where there is a compiler

# ready_environment DIR LOCK: the environment in DIR holds exactly what the file LOCK pins, or this fails with a reason.
ready_environment() {
    python=$1/bin/python
    if [ -x "$python" ] && { printf '%s\n' "$root" && cat "$2" "$root/$fanout.c"; } | cmp -s - "$1/parlour.stamp"; then
        return
    fi
    find_python
    "$base" -I "$root/tools/environment.py" "$root" "$1" "$2" "$root/$fanout.c" || exit 1
}

# find_python: sets `base` to a Python from 3.11 up that can make virtual environments.
find_python() {
    without_venv=
    for base in ${PARLOUR_PYTHON:+"$PARLOUR_PYTHON"} python3.14 python3.13 python3.12 python3.11 python3 python; do
        "$base" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
        if "$base" -I -c 'import ensurepip, venv' 2>/dev/null; then
            return
        fi
        without_venv=${without_venv:-$base}
    done
    [ -n "$without_venv" ] || fail "Python 3.11 or newer is needed and was not found. On Debian and Ubuntu:" \
        "apt-get install python3 python3-venv. To use one at a special place: PARLOUR_PYTHON=/path/to/python $0 …"
    base=$without_venv
    package=$("$base" -I -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    install_packages "$package" || fail "$base cannot make virtual environments:" \
        "its module ensurepip is missing. On Debian and Ubuntu install it with: apt-get install $package"
}

# install_packages PACKAGE…: with apt-get, if this is root on a Debian.
install_packages() {
    [ "$(id -u)" = 0 ] && [ -f /etc/debian_version ] || return 1
    printf 'parlour: installing %s\n' "$*" >&2
    {
        DEBIAN_FRONTEND=noninteractive apt-get update -qq &&
            DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
    } </dev/null >&2
}
