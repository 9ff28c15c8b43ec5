# tools/lib/stages.sh - what quickstart and check share: stages with progress, and packages.
#
# A stage prints its name and how long it took; its output goes to a log that is shown only when the
# stage fails. Sourced by bash with $top (the repository) and $logs (a directory) set.

say() {
    printf '%s\n' "$*"
}

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

# stage NAME COMMAND... - runs it, with one line of progress. Returns the command's status; on
# failure the end of the log is printed too.
stage() {
    local name=$1 start=$SECONDS log status pid
    shift
    log=$logs/${name//[^a-z0-9]/-}.log
    if [ -t 1 ]; then
        "$@" >"$log" 2>&1 </dev/null &
        pid=$!
        while kill -0 "$pid" 2>/dev/null; do
            printf '\r  %-40s %4ds' "$name" $((SECONDS - start))
            sleep 0.2
        done
        wait "$pid" && status=0 || status=$?
        printf '\r'
    else
        "$@" >"$log" 2>&1 </dev/null && status=0 || status=$?
    fi
    if [ "$status" -eq 0 ]; then
        printf '  %-40s %4ds\n' "$name" $((SECONDS - start))
    else
        printf '  %-40s %4ds  FAILED\n' "$name" $((SECONDS - start))
        tail -n 400 "$log" | sed 's/^/    /' >&2
        printf '%s failed (%s)\n' "$name" "$log" >&2
    fi
    return "$status"
}

# The build directory must be ours to write.
make_logs() {
    mkdir -p "$logs" 2>/dev/null && [ -w "$logs" ] && [ -w "$top/build" ] ||
        die "$top/build belongs to another user (a run as root?): remove it, or run as that user"
}

# Packages -----------------------------------------------------------------------------------------

has_command() {
    command -v "$1" >/dev/null 2>&1
}

has_file() {
    [ -e "$1" ]
}

has_library() {
    has_command pkg-config && pkg-config --exists "$1"
}

has_header() {
    has_command gcc && printf '#include <%s>\n' "$1" | gcc -E -x c - >/dev/null 2>&1
}

has_perl_module() {
    perl "-M$1" -e 1 >/dev/null 2>&1
}

# Adds PACKAGE to missing unless the probe (has_...) succeeds.
need() {
    local package=$1
    shift
    "$@" || missing+=("$package")
}

# The same for what a build may do without: taken where it is easily had.
want() {
    ! has_command apt-get || need "$@"
}

need_for_build() {
    need gcc has_command gcc
    need libc6-dev has_header stdio.h
    need cmake has_command cmake
    need ninja-build has_command ninja
    need pkg-config has_command pkg-config
    need libssl-dev has_library openssl
    need zlib1g-dev has_library zlib
    need libpcre2-dev has_library libpcre2-8
    need libcap-dev has_library libcap
    want libc-ares-dev has_library libcares
    want libbrotli-dev has_library libbrotlienc
    want libzstd-dev has_library libzstd
    need libnghttp2-dev has_library libnghttp2
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

apt_install() {
    local options=(-o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
    as_root apt-get "${options[@]}" -qq update &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" -qq -y \
            --no-install-recommends install "$@"
}

# Installs what need() found missing; says what to do where it cannot.
install_missing() {
    [ ${#missing[@]} -gt 0 ] || return 0
    has_command apt-get ||
        die "Missing: what Debian calls ${missing[*]}. Install it, then run this again."
    if [ "$(id -u)" -ne 0 ]; then
        has_command sudo ||
            die "Missing packages, and no sudo. As root: apt-get install ${missing[*]}"
        if [ -t 0 ]; then
            say "  sudo, to install ${missing[*]}"
            sudo -v || exit 1
        fi
    fi
    stage 'install packages' apt_install "${missing[@]}"
}

# Building -----------------------------------------------------------------------------------------

# The server alone, as packages ship it.
build_server() {
    cd "$top" && cmake --preset release && cmake --build build/release --target weir
}

build_preset() {
    local preset=$1
    shift
    cd "$top" && cmake --preset "$preset" "$@" && cmake --build "build/$preset"
}
