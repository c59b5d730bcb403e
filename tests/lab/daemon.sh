# daemon.sh: what ikev2d promises its operator, on a kernel with ESP: it fails closed, reloads without interruption, cleans
# up what is its own and nothing else, comes back after a crash, and says in one line what is wrong.
#
# a, b, c and the pairs d-e, f-g are nodes on one switch, 10.1.0.N and fd01::N. a has a second address, 10.1.0.11.
. /job/nodes.sh
declare -A V4=([a]=10.1.0.1 [b]=10.1.0.2 [c]=10.1.0.3 [d]=10.1.0.4 [e]=10.1.0.5 [f]=10.1.0.6 [g]=10.1.0.7)
declare -A V6=([a]=fd01::1 [b]=fd01::2 [c]=fd01::3 [d]=fd01::4 [e]=fd01::5 [f]=fd01::6 [g]=fd01::7)
declare -A PID
SECOND=10.1.0.11
FOLDER=/etc/ikev2d
# Settings with which a peer that does not answer is given up after two seconds, and tried again soon.
IMPATIENT=$'liveness = "1s"\nretransmit = "200ms"\nretransmissions = 2\nretry-first = "1s"\nretry-most = "1s"'

# ---- files, daemons, and what can be seen of them

# node_file NODE [LINES]
node_file() { printf '[node]\nid = "%s.example.net"\npeers = "peers.d"\n%s\n' "$1" "${2:-}" | put "$1" $FOLDER/ikev2d.toml; }
# peer_file NODE PEER [ADDRESS [LINES]]
peer_file() {
  printf '[[peer]]\nname = "%s"\naddress = "%s"\nid = "%s.example.net"\npsk-file = "%s.psk"\n%s' \
    "$2" "${3:-${V4[$2]}}" "$2" "$2" "${4:+$4$'\n'}" | put "$1" $FOLDER/peers.d/"$2".toml
  printf '%s\n' "$1" "$2" | sort | sha256sum | cut -c1-64 | put "$1" $FOLDER/peers.d/"$2".psk
}
no_peers() { in_ "$1" rm -rf $FOLDER/peers.d; in_ "$1" mkdir -p $FOLDER/peers.d; }
# start NODE   the log of an earlier run stays beside the new one
start() {
  local log=$OUT/ikev2d.$1.log
  [ ! -e "$log" ] || mv "$log" "$log.until-$SECONDS"
  start_ikev2d "$1" || exit 1
  PID[$1]=$DAEMON
}
end() { local node; for node in "$@"; do stop "${PID[$node]}"; done; }
kill_hard() { kill -KILL "${PID[$1]}"; wait "${PID[$1]}" 2> /dev/null; }
ctl() { local node=$1; shift; in_ "$node" ikectl "$@"; }
log_of() { cat "$OUT/ikev2d.$1.log"; }
logged() { log_of "$1" | grep -qF -- "$2"; }

not() { ! "$@"; }
# connected A B [addrA addrB]   both ends list the same SAs;   pair A B   their SPIs there and back
connected() { wait_for 60 same_spis "$1" "$2" "${3:-${V4[$1]}}" "${4:-${V4[$2]}}"; }
pair() { echo "$(spis "$1" "${V4[$1]}" "${V4[$2]}")$(spis "$1" "${V4[$2]}" "${V4[$1]}")"; }
no_sas() { [ -z "$(pair "$1" "$2")" ]; }
reaches() { in_ "$1" ping -q -c 3 -i 0.2 -W 3 "${@:2}" > /dev/null; }
blocked() { ! in_ "$1" ping -q -c 2 -i 0.2 -W 1 "${@:2}" > /dev/null 2>&1; }
# guarded NODE ADDRESS   policies that need an SA for the address, in both directions
guarded() {
  local all
  all=$(ip -n "$1" xfrm policy | awk '/^src/ { pair = $0 } /dir (in|out)/ { which = $2 } /proto esp/ { print which, pair }')
  grep -q "^out .*dst $2/" <<< "$all" && grep -q "^in src $2/" <<< "$all"
}
# state PEER   how a sees it
state() { ctl a status --json | jq -r --arg name "$1" '.peers[] | select(.name == $name).state'; }
is_state() { [ "$(state "$1")" = "$2" ]; }
# xfrm NODE   its SAs and policies, without what traffic changes
xfrm() {
  ip -n "$1" xfrm state 2> /dev/null | awk '
    /^src/ { pair = $0; next }
    /proto esp spi/ { ours = $4 != "0x00000000"; if (ours) print pair, $0; next }
    ours && /^\t(aead|enc|auth-trunc|encap|sel|dir|if_id) / { print pair, $0 }'
  ip -n "$1" xfrm policy 2> /dev/null | awk '/^src/ { pair = $0; next } /^\tsocket/ { next } { print pair, $0 }'
}
# same_xfrm NODE BEFORE   they are as before; or how they differ
same_xfrm() { diff <(echo "$2") <(echo "$(xfrm "$1")"); }
# clear_from FILE NODE...   packets of the nodes that are neither IKE nor ESP
clear_from() {
  local file=$1 node; shift
  for node in "$@"; do not_ike_or_esp "$file" | grep -E " IP6? (${V4[$node]}|${V6[$node]})(\.[0-9]+)? >"; done
}
nothing_clear_from() {
  local found
  found=$(clear_from "$@" | head -n 5)
  [ -z "$found" ] || { echo "$found"; return 1; }
}
# fails_with STATUS TEXT COMMAND...   ends with the status within 20 s, says the text, and leaves a's kernel as it was
fails_with() {
  local wanted=$1 text=$2 before status said; shift 2
  before=$(xfrm a)
  said=$(timeout 20 nsenter --mount=$NODES/a/mnt --net=/run/netns/a "$@" 2>&1) && status=0 || status=$?
  [ "$status" = "$wanted" ] && grep -qF -- "$text" <<< "$said" && same_xfrm a "$before" && return
  printf '  exit status %s, says:\n%s\n' "$status" "$said" | head -n 8
  return 1
}

# ---- the parts

# IKE SAs that live for a minute, while all else is tried. Pinged all the time: is a packet lost when they are replaced?
lifetimes_begin() {
  local node
  for node in d e f g; do node_file $node; done
  peer_file d e "" 'ike-lifetime = "1m"'
  peer_file e d
  peer_file f g "" 'ike-lifetime = "1m"'
  peer_file g f "" 'ike-lifetime = "1m"'
  for node in d e f g; do start $node; done
  connected d e && connected f g || exit 1
  FIRST_DE=$(pair d e) FIRST_FG=$(pair f g)
  # 80 seconds; a lifetime is a minute less up to a tenth.
  background d "$OUT/ping.d-e.txt" ping -q -i 0.05 -c 1600 -W 5 ${V4[e]}
  PING_DE=$!
  background f "$OUT/ping.f-g.txt" ping -q -i 0.05 -c 1600 -W 5 ${V4[g]}
  PING_FG=$!
}
# lost_nothing FILE NODE...   no ping; or what the nodes' kernels say of packets that they dropped
lost_nothing() {
  local node
  grep -q ' 0% packet loss' "$1" && return
  cat "$1"
  for node in "${@:2}"; do echo "$node:"; ip netns exec "$node" awk '$2 > 0' /proc/net/xfrm_stat; done
  return 1
}
lifetimes_end() {
  wait $PING_DE $PING_FG
  check "the SAs of d and e were replaced when d's lifetime ended" [ "$(pair d e)" != "$FIRST_DE" ]
  check "no ping from d to e was lost meanwhile" lost_nothing "$OUT/ping.d-e.txt" d e
  check "d and e list the same SPIs afterwards" connected d e
  check "the SAs of f and g were replaced when a lifetime at either end was over" [ "$(pair f g)" != "$FIRST_FG" ]
  check "no ping from f to g was lost meanwhile" lost_nothing "$OUT/ping.f-g.txt" f g
  check "f and g list the same SPIs afterwards" connected f g
  end d e f g
}

only_reads() {
  in_ a strace -f -o "$OUT/check.strace" ikev2d --check > "$OUT/check.txt" 2>&1 || { cat "$OUT/check.txt"; return 1; }
  # Nothing opened for writing, made or removed, and no socket but the one that asks for the host's addresses.
  ! grep -E 'socket\(|(mkdir|unlink|rename|link|chmod|chown)\w*\(|O_WRONLY|O_RDWR|O_CREAT' "$OUT/check.strace" |
    grep -v ', NETLINK_ROUTE)'
}
broken() { fails_with 2 "$1" ikev2d --check; }
bad_starts() {
  local key=$FOLDER/peers.d/b.psk
  node_file a
  peer_file a b
  check "--check of a good configuration changes nothing and opens no socket of its own" only_reads

  in_ a chmod 644 $key
  check "a key file that others can read is refused" broken "b.psk"
  check "the daemon does not start with it either" fails_with 2 "b.psk" ikev2d
  put a $key < /dev/null
  check "an empty key file is refused" broken "b.psk"
  in_ a rm $key
  check "a missing key file is refused" broken "b.psk"
  peer_file a b
  peer_file a c ${V4[b]}
  check "two peers with one address are refused" broken "${V4[b]}"
  peer_file a c ${V4[a]}
  check "a peer with an address of our own is refused" broken "c.toml:3:"
  peer_file a c "" 'id = "b.example.net"'
  check "a field given twice is refused" broken "c.toml:6:"
  peer_file a c "" 'spk-file = "c.psk"'
  check "an unknown field is refused, with file, line and column" broken "c.toml:6:1"
  in_ a rm $FOLDER/peers.d/c.toml

  check "without CAP_NET_ADMIN it says so" fails_with 1 CAP_NET_ADMIN setpriv --bounding-set -net_admin ikev2d
  background a "$OUT/socat.txt" socat UDP4-RECVFROM:500,bind=${V4[a]} STDOUT
  local other=$!
  wait_for 10 eval 'ip netns exec a ss -ulnH "sport = :500" | grep -q 500'
  check "when another program has port 500, it says so" fails_with 1 "port 500" ikev2d
  kill $other; wait $other 2> /dev/null

  # Nothing in any node uses ESP yet; and nobody loads modules on demand.
  echo /bin/false > /proc/sys/kernel/modprobe
  modprobe -r esp4 || return
  check "without the kernel's ESP it names the module" fails_with 1 esp4 ikev2d --data-plane kernel
  modprobe esp4
  modprobe -r xfrm_user && check "without the kernel's XFRM it names the module" fails_with 1 xfrm_user ikev2d --data-plane kernel
  modprobe -a xfrm_user
  echo /sbin/modprobe > /proc/sys/kernel/modprobe
}

fails_closed() {
  peer_file a b "" "$IMPATIENT"
  capture wire br0 "$OUT/closed.pcap"
  start a
  check "policies are there before the peer's daemon runs" guarded a ${V4[b]}
  check "a ping to the peer is held back" blocked a ${V4[b]}
  check "so is one from a second address" blocked a -I $SECOND ${V4[b]}
  check "the peer is tried again and again" wait_for 30 fields '.peers[0] | .attempts >= 3 and .retry_seconds <= 1 and .state != "up"'
  check "the log says once that it does not answer" [ "$(log_of a | grep -c 'b: cannot connect')" = 1 ]
  check "status names the reason" fields '.peers[0].last_failure.reason | test("answer|respon|time"; "i")'
  end_capture
  check "nothing left a in clear" nothing_clear_from "$OUT/closed.pcap" a
  check "not from the second address either" not grep -q "IP $SECOND" <(not_ike_or_esp "$OUT/closed.pcap")
  node_file b
  peer_file b a "" 'connect = "passive"'
  start b
  check "the peer comes up once its daemon runs" connected a b
  check "a reaches b" reaches a ${V4[b]}
  check "b reaches a" reaches b ${V4[a]}
  capture wire br0 "$OUT/second.pcap"
  check "a second address, for which there is no SA, is held back still" blocked a -I $SECOND ${V4[b]}
  end_capture
  check "and does not leave in clear" [ -z "$(not_ike_or_esp "$OUT/second.pcap" | tee "$OUT/second.txt")" ]
  check "a second daemon is refused, and the first goes on" fails_with 1 "ikev2d is already running" ikev2d
  check "connected as before" same_spis a b ${V4[a]} ${V4[b]}
}

# fields FILTER   jq's answer about a's status is true
fields() { ctl a status --json | jq -e "$1" > /dev/null; }
status() {
  local spis
  spis=$(pair a b)
  check "status --json: the node" fields '.node == "a.example.net" and .data_plane == "xfrm" and .warnings == []
    and (.daemon | test("^[0-9]+[.]")) and .uptime_seconds >= 0 and (.listen | index("0.0.0.0:500") != null) and .half_open == 0'
  check "status --json: the peer" fields '.peers | length == 1 and (.[0] | .name == "b" and .id == "b.example.net"
    and .address == "10.1.0.2" and .mode == "transport" and .connect == "always" and .reqid > 0 and .state == "up"
    and .since_seconds >= 0 and .attempts == 0 and (has("last_failure") | not) and (has("policy_error") | not))'
  check "status --json: the IKE SA" fields '.peers[0].ike_sas | length == 1 and (.[0] | (.local_spi | test("^[0-9a-f]{16}$"))
    and .phase == "established" and .local == "10.1.0.1:500" and .remote == "10.1.0.2:500" and .nat_local == false
    and .nat_remote == false and .established_seconds >= 0 and (.algorithms | test("-x25519$")))'
  check "status --json: the Child SA" fields '.peers[0].ike_sas[0].children | length == 1 and (.[0] | .mode == "transport"
    and .encapsulated == false and .packets_in > 0 and .bytes_in > 0 and .packets_out > 0 and .bytes_out > 0)'
  check "status --json: the kernel's SPIs" [ "$(ctl a status --json | jq -r '.peers[0].ike_sas[0].children[0] |
    "\(.outbound_spi) \(.inbound_spi) "')" = "$spis" ]
  check "an unknown peer is an error" fails_with 1 'no peer is named "x"' ikectl status x
}

# Any octets at all, to both ports.
garbage() {
  local spis length
  spis=$(pair a b)
  # On port 4500 the kernel takes what does not begin with four octets of zero for ESP.
  throw_octets() {
    for length in 1 27 28 29 500 1400; do
      head -c $length /dev/urandom | in_ c socat -u -b 2000 STDIN UDP4-SENDTO:${V4[a]}:500
      { head -c 4 /dev/zero; head -c $length /dev/urandom; } > "$OUT/octets"
      in_ c socat -u -b 2000 OPEN:"$OUT/octets" UDP4-SENDTO:${V4[a]}:4500
    done
    fields '[.drops[]] | add >= 12'
  }
  # A link that is just up may lose some, and one octet of 0xFF is a keepalive: then once more.
  check "datagrams of any octets are counted" wait_for 20 throw_octets
  check "and change nothing else" [ "$(pair a b)" = "$spis" ]
}

reload() {
  local spis before
  spis=$(pair a b)
  node_file c
  peer_file c a "" 'connect = "passive"'
  start c
  peer_file a c
  check "reload takes a new peer" grep -q '1 added, 0 removed, 0 changed, 0 touched, 1 unchanged' <(ctl a reload)
  check "the new peer comes up" connected a c
  check "the unchanged peer keeps its SAs" [ "$(pair a b)" = "$spis" ]

  before=$(xfrm a)
  in_ a bash -c "echo 'spk-file = 1' >> $FOLDER/peers.d/c.toml; rm $FOLDER/peers.d/b.psk"
  check "a broken file is named with line and column" fails_with 1 "c.toml:6:1" ikectl reload
  check "another error is named at once" fails_with 1 "b.psk" ikectl reload
  kill -HUP "${PID[a]}"
  check "SIGHUP says the same in the log" wait_for 10 eval 'log_of a | grep -A 9 "the configuration is not changed" | grep -q c.toml:6:1'
  check "SAs and policies are as before" same_xfrm a "$before"

  peer_file a b "" "$IMPATIENT"
  in_ a rm $FOLDER/peers.d/c.toml $FOLDER/peers.d/c.psk
  kill -HUP "${PID[a]}"
  check "SIGHUP removes a peer's SAs at this end" wait_for 10 no_sas a c
  check "and politely at the other" wait_for 10 no_sas c a
  check "the other end names the reason" wait_for 10 logged c "a: IKE SA ended: deleted by the peer"
  check "the removed peer's policies are gone" wait_for 10 not guarded a ${V4[c]}
  check "the other peer keeps its SAs" [ "$(pair a b)" = "$spis" ]
  check "status does not list the removed peer" fields '[.peers[].name] == ["b"]'
  end c
}

down() {
  capture wire br0 "$OUT/down.pcap"
  ctl a down b > /dev/null
  ctl b down a > /dev/null
  check "after down, no SA is left at either end" wait_for 10 eval 'no_sas a b && no_sas b a'
  check "the policies stay" guarded a ${V4[b]}
  check "traffic is held back" blocked a ${V4[b]}
  check "at the other end too" blocked b ${V4[a]}
  check "traffic does not bring the peer up again" not is_state b up
  end_capture
  check "nothing left in clear" nothing_clear_from "$OUT/down.pcap" a b
  check "up brings the peer back" eval 'ctl a up b > /dev/null'
  check "traffic passes again" reaches a ${V4[b]}
}

FOREIGN_SA="src 198.51.100.1 dst 198.51.100.2 proto esp spi 0x77 reqid 77 mode transport"
foreign_begin() {
  # shellcheck disable=SC2086
  ip -n a xfrm state add $FOREIGN_SA aead 'rfc4106(gcm(aes))' 0x0102030405060708090a0b0c0d0e0f1011121314 128
  ip -n a xfrm policy add src 198.51.100.1/32 dst 198.51.100.2/32 dir out priority 7 tmpl src 0.0.0.0 dst 0.0.0.0 proto esp reqid 77 mode transport
  ip -n a xfrm policy add src 198.51.100.3/32 dst 198.51.100.2/32 dir in action block priority 8
}
# shellcheck disable=SC2086
foreign() { ip -n a xfrm state get ${FOREIGN_SA% reqid*}; xfrm a | grep -F 198.51.100; }
crash() {
  local spis ours
  foreign_begin
  ours=$(foreign)
  spis=$(pair a b)
  capture wire br0 "$OUT/crash.pcap"
  background a "$OUT/ping.a-b.txt" ping -q -i 0.02 ${V4[b]}
  local there=$!
  background b "$OUT/ping.b-a.txt" ping -q -i 0.02 ${V4[a]}
  local back=$!
  background a "$OUT/ping.second.txt" ping -q -i 0.02 -I $SECOND ${V4[b]}
  local second=$!
  sleep 0.5
  kill_hard a
  check "policies outlive a crash" guarded a ${V4[b]}
  sleep 0.5
  start a
  check "after a crash the next start connects again" connected a b
  sleep 0.5
  kill -INT $there $back $second; wait $there $back $second
  end_capture
  check "what the crashed daemon had left is replaced" not grep -qFf <(tr ' ' '\n' <<< "$spis" | grep .) <(pair a b)
  check "the log tells of it" logged a "an earlier run left 2 SAs, deleted, and 2 policies, taken over"
  check "nothing left in clear before, while and after" nothing_clear_from "$OUT/crash.pcap" a b
  check "nor from the second address" not grep -q "IP $SECOND" <(not_ike_or_esp "$OUT/crash.pcap")
  check "traffic passes" reaches a ${V4[b]}
  check "others' SAs and policies are untouched by a start" [ "$(foreign)" = "$ours" ]
  ctl a reload > /dev/null
  check "and by a reload" [ "$(foreign)" = "$ours" ]
  end a
  check "and by SIGTERM" [ "$(foreign)" = "$ours" ]
  check "and tells the peer" wait_for 10 no_sas b a
  check "the control socket is gone" fails_with 3 "not running" ikectl status
  # shellcheck disable=SC2086
  ip -n a xfrm state delete ${FOREIGN_SA% reqid*}
  ip -n a xfrm policy delete src 198.51.100.1/32 dst 198.51.100.2/32 dir out
  ip -n a xfrm policy delete src 198.51.100.3/32 dst 198.51.100.2/32 dir in
  check "SIGTERM leaves nothing of ours" no_ipsec a
}

# A peer that dies without a word is noticed, tried again, and comes back.
dead_peer() {
  start a
  connected a b
  kill_hard b
  check "a peer that dies is noticed" wait_for 30 is_state b down
  check "and its traffic held back" blocked a ${V4[b]}
  start b
  check "it comes up when it is back" connected a b
  check "traffic passes again" reaches a ${V4[b]}
  end a b
}

# on_address LISTEN...   b speaks to a's second address; answers must come from there.
on_address() {
  local what=$1
  node_file a "$2"
  no_peers a; no_peers b
  peer_file a b "" 'connect = "passive"'
  peer_file b a $SECOND
  capture wire br0 "$OUT/address.pcap"
  start a; start b
  check "$what: the peer comes up on a second address" connected a b $SECOND ${V4[b]}
  check "$what: traffic passes" reaches b $SECOND
  end_capture
  check "$what: no answer leaves from another address" [ -z "$(tcpdump -nr "$OUT/address.pcap" "src host ${V4[a]} and udp" 2> /dev/null)" ]
  end a b
}

ipv6() {
  node_file a; node_file b
  no_peers a; no_peers b
  peer_file a b ${V6[b]}
  peer_file b a ${V6[a]}
  start a; start b
  check "IPv6: the peer comes up" connected a b ${V6[a]} ${V6[b]}
  check "IPv6: traffic passes" reaches a ${V6[b]}
  capture wire br0 "$OUT/ipv6.pcap"
  ip -n a neigh flush all; ip -n b neigh flush all
  check "IPv6: traffic passes after both ends forgot their neighbours" reaches a ${V6[b]}
  ip -n a neigh flush all; ip -n b neigh flush all
  check "IPv6: the other way, too" reaches b ${V6[a]}
  end_capture
  check "IPv6: nothing but ESP, IKE and neighbour discovery" nothing_clear_from "$OUT/ipv6.pcap" a b
  end a b
  for node in a b; do check "IPv6: $node's daemon took its SAs and policies with it" no_ipsec $node; done
}

switch wire
for node in "${!V4[@]}"; do
  node_add "$node"
  plug "$node" wire "${V4[$node]}/24,${V6[$node]}/64"
done
address a eth0 $SECOND/24
bad_starts
lifetimes_begin
fails_closed
status
garbage
reload
down
crash
dead_peer
on_address "listening on two addresses" "listen = [\"${V4[a]}\", \"$SECOND\"]"
on_address "listening on all addresses" ""
ipv6
lifetimes_end
finish
