# nodes.sh: helpers for scripts in the guest.   . /job/nodes.sh
#
# A node is a network namespace and a private mount namespace with its own /run, /tmp, /var/lib, /var/log and /etc (an
# overlay), so that any number of daemons with their stock paths (/etc/ikev2d, /run/charon.vici ...) run side by side.
# node_add B forky: the same, and strongSwan's programs of node B are those of /roots/forky.

NODES=/run/nodes
mkdir -p $NODES
mountpoint -q $NODES || { mount -t tmpfs -o mode=755 nodes $NODES; mount --make-private $NODES; }

# node_add NODE [ROOT]     ROOT: trixie (the guest itself, the default), forky, bookworm
node_add() {
  local node=$1 root=/roots/${2:-trixie} base=$NODES/$1
  [ "$root" != /roots/trixie ] || root=
  mkdir -p "$base"/{up,work,log,run,tmp,lib}
  echo "$root" > "$base/root"
  : > "$base/mnt"
  ip netns add "$node"
  unshare --mount="$base/mnt" --propagation private nsenter --net="/run/netns/$node" bash -ec '
    base=$1 root=$2
    mount -t overlay overlay -o lowerdir=/etc,upperdir=$base/up,workdir=$base/work /etc
    mount -t sysfs sys /sys
    if [ "$root" ]; then
      mount -t proc proc $root/proc
      for dir in /dev /sys /etc /mnt /job; do mkdir -p $root$dir; mount --rbind $dir $root$dir; done
      for dir in tmp log:var/log lib:var/lib run; do mount --bind $base/${dir%%:*} $root/${dir#*:}; done
    fi
    for dir in tmp log:var/log lib:var/lib run; do mount --bind $base/${dir%%:*} /${dir#*:}; done
    mkdir -p /run/lock /run/netns
    ip link set lo up' _ "$base" "$root" || { echo "node_add $node failed" >&2; return 1; }
}

# in_ NODE CMD...   runs in the node and waits;   in_root NODE CMD...   the same with the programs of the node's own root
in_() { local node=$1; shift; nsenter --mount="$NODES/$node/mnt" --net="/run/netns/$node" "$@"; }
in_root() {
  local node=$1 root; shift
  read -r root < "$NODES/$node/root"
  # shellcheck disable=SC2086
  in_ "$node" ${root:+chroot $root} "$@"
}
# background NODE LOG CMD...   as in_root, in the background: nsenter and chroot become the program, so $! is its own pid
background() {
  local node=$1 log=$2 root; shift 2
  read -r root < "$NODES/$node/root"
  # shellcheck disable=SC2086
  nsenter --mount="$NODES/$node/mnt" --net="/run/netns/$node" ${root:+chroot $root} "$@" > "$log" 2>&1 < /dev/null &
}
# put NODE /path < content   a file in the node, readable by its owner alone
put() { in_ "$1" bash -c 'mkdir -p "${1%/*}"; umask 077; cat > "$1"' _ "$2"; }

# link A ifA addr[,addr..] B ifB addr[,addr..]   a cable between two nodes
link() {
  ip link add "$2" netns "$1" type veth peer name "$5" netns "$4"
  address "$1" "$2" "$3"
  address "$4" "$5" "$6"
}
# switch NAME   a network namespace with a bridge;   plug NODE SWITCH [addr[,addr..]]   the node's eth0 on it
switch() { ip netns add "$1"; ip -n "$1" link add br0 type bridge; ip -n "$1" link set br0 up; }
plug() {
  ip link add eth0 netns "$1" type veth peer name "to-$1" netns "$2"
  ip -n "$2" link set "to-$1" master br0 up
  address "$1" eth0 "${3:-}"
}
# address NODE IF addr[,addr..]
address() {
  local one
  ip -n "$1" link set "$2" up
  for one in ${3//,/ }; do
    case $one in *:*) ip -n "$1" addr add "$one" dev "$2" nodad ;; *) ip -n "$1" addr add "$one" dev "$2" ;; esac
  done
}

# wait_for SECS CMD...   until the command succeeds; fails when the time is up
wait_for() {
  local end=$((SECONDS + $1)); shift
  until "$@" > /dev/null 2>&1; do [ $SECONDS -lt $end ] || return 1; sleep 0.1; done
}

# check WHAT CMD...   counts;   finish   gives the counts to `cargo xtask` and ends the script
PASSED=0 FAILED=0
check() {
  local what=$1; shift
  if "$@"; then PASSED=$((PASSED + 1)); echo "ok   - $what"; else FAILED=$((FAILED + 1)); echo "FAIL - $what"; fi
}
finish() {
  echo "$PASSED $FAILED" > "$OUT/.counts"
  echo "== $PASSED passed, $FAILED failed"
  exit $((FAILED > 0))
}

# start_ikev2d NODE   the daemon with the node's /etc/ikev2d; log in $OUT/ikev2d.NODE.log, pid in $DAEMON
start_ikev2d() {
  background "$1" "$OUT/ikev2d.$1.log" /job/bin/ikev2d --config /etc/ikev2d/ikev2d.toml
  DAEMON=$!
  wait_for 30 in_ "$1" ikectl status --json || { echo "ikev2d of $1 does not answer:"; tail -n 20 "$OUT/ikev2d.$1.log"; return 1; }
}
# start_charon NODE   strongSwan with the node's /etc/swanctl; log in $OUT/charon.NODE.log, pid in $DAEMON
start_charon() {
  put "$1" /etc/strongswan.conf < /job/strongswan.conf
  background "$1" "$OUT/charon.$1.log" /usr/lib/ipsec/charon
  DAEMON=$!
  wait_for 60 test -S "$NODES/$1/run/charon.vici" || { echo "charon of $1 did not start:"; tail -n 20 "$OUT/charon.$1.log"; return 1; }
  swan "$1" --load-all > "$OUT/charon.$1.load" 2>&1 || { echo "charon of $1 did not load its configuration:"; cat "$OUT/charon.$1.load"; return 1; }
}
# stop PID   asks a daemon to end and waits until it did
stop() { kill "$1"; wait "$1"; }
# no_ipsec NODE   the node has no SA and no policy left; what is left is printed. Not counted: sockets have policies of
# their own, and SPI 0 is the kernel's own placeholder for a packet that found no SA, which times out by itself.
no_ipsec() {
  local left
  left=$(ip -n "$1" xfrm state | grep 'proto esp' | grep -v 'spi 0x00000000'
    ip -n "$1" xfrm policy | awk '/^src/ { pair = $0 } /dir (in|out|fwd)/ { print pair, $0 }')
  [ -z "$left" ] || { echo "$left"; return 1; }
}
# swan NODE ARGS...   swanctl of the node's strongSwan
swan() { local node=$1; shift; in_root "$node" swanctl "$@"; }

# capture NODE IF FILE   starts a capture (pid in $CAPTURE);   end_capture
capture() {
  ip netns exec "$1" tcpdump --immediate-mode -Uni "$2" -w "$3" 2> "$3.err" &
  CAPTURE=$! CAPTURE_FILE=$3
  wait_for 30 grep -q 'listening on' "$3.err"
}
# The capture lags behind the wire on a busy host: it ends when its file has not grown for a second.
end_capture() {
  local size=-1 now
  for _ in $(seq 15); do
    now=$(stat -c %s "$CAPTURE_FILE")
    [ "$now" != "$size" ] || break
    size=$now
    sleep 1
  done
  stop "$CAPTURE"
}
# not_ike_or_esp FILE   the packets that are neither IKE nor ESP nor ARP, NDP or MLD, without which no link works
not_ike_or_esp() {
  tcpdump -nr "$1" 'not (arp or esp or ip6 proto 50 or udp port 500 or udp port 4500
    or (icmp6 and ip6[40] >= 130 and ip6[40] <= 137) or (ip6[6] = 0 and ip6[40] = 58))' 2> /dev/null
}

# esp_bytes NODE SRC DST   octets through the SAs from SRC to DST;   spis NODE SRC DST   their SPIs, sorted
esp_bytes() {
  ip -n "$1" -s xfrm state list src "$2" dst "$3" proto esp |
    awk '/^\t  [0-9]+\(bytes\)/ { split($1, n, "("); sum += n[1] } END { print sum + 0 }'
}
spis() { ip -n "$1" xfrm state list src "$2" dst "$3" proto esp | awk '/proto esp spi/ { print $4 }' | sort | tr '\n' ' '; }
# same_spis A B addrA addrB   both ends list the same SAs, at least one each way
same_spis() {
  local there back
  there=$(spis "$1" "$3" "$4") back=$(spis "$1" "$4" "$3")
  [ -n "$there" ] && [ -n "$back" ] && [ "$there" = "$(spis "$2" "$3" "$4")" ] && [ "$back" = "$(spis "$2" "$4" "$3")" ]
}
