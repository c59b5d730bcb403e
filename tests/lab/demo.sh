# demo.sh: the main job, shown. Three nodes on one switch, each with its own ikev2d and its own files; every pair's traffic is
# encrypted, and a capture on the switch proves it.
. /job/nodes.sh
declare -A ADDRESS=([web-1]=192.0.2.10 [db-1]=192.0.2.20 [app-1]=192.0.2.30)
NAMES="web-1 db-1 app-1"
PAIRS="web-1:db-1 web-1:app-1 db-1:app-1"

# configure NODE: /etc/ikev2d as configuration management would write it
configure() {
  local node=$1 peer
  put "$node" /etc/ikev2d/ikev2d.toml << E
[node]
id = "$node.example.net"
listen = ["${ADDRESS[$node]}"]
peers = "peers.d"
E
  for peer in $NAMES; do
    [ "$peer" != "$node" ] || continue
    # One key per pair, named by both ends in the same order.
    printf '%s\n' "$node" "$peer" | sort | sha256sum | cut -c1-64 | put "$node" "/etc/ikev2d/peers.d/$peer.psk"
    put "$node" "/etc/ikev2d/peers.d/$peer.toml" << E
[[peer]]
name = "$peer"
address = "${ADDRESS[$peer]}"
id = "$peer.example.net"
psk-file = "$peer.psk"
mode = "transport"
E
  done
}
# counted NODE PEER: octets that the node sent to the peer and got from it, through SAs
counted() { echo "$(esp_bytes "$1" "${ADDRESS[$1]}" "${ADDRESS[$2]}") $(esp_bytes "$1" "${ADDRESS[$2]}" "${ADDRESS[$1]}")"; }
# grew "OUT IN" "OUT IN"
grew() { [ "${2% *}" -gt "${1% *}" ] && [ "${2#* }" -gt "${1#* }" ]; }
silent_ping() { in_ "$1" ping -q -c 3 -i 0.2 -W 3 "$2" > /dev/null; }

switch wire
for node in $NAMES; do
  node_add "$node"
  plug "$node" wire "${ADDRESS[$node]}/24"
  configure "$node"
done
echo "web-1 has these files in /etc/ikev2d:"
in_ web-1 bash -c 'cd /etc/ikev2d; for file in ikev2d.toml peers.d/*.toml; do echo "# $file"; cat $file; echo; done; ls -l peers.d/*.psk'
echo

capture wire br0 "$OUT/wire.pcap"
PIDS=()
for node in $NAMES; do
  start_ikev2d "$node" || exit 1
  PIDS+=("$DAEMON")
done
for pair in $PAIRS; do
  a=${pair%:*} b=${pair#*:}
  check "$a and $b are connected and list the same SPIs" wait_for 60 same_spis "$a" "$b" "${ADDRESS[$a]}" "${ADDRESS[$b]}"
done

TABLE=$(printf '%-14s %-24s %-24s %s\n' pair "SPI there" "SPI back" "octets there, back before -> after")
for pair in $PAIRS; do
  a=${pair%:*} b=${pair#*:}
  before=$(counted "$a" "$b") before_b=$(counted "$b" "$a")
  check "$a pings $b" silent_ping "$a" "${ADDRESS[$b]}"
  check "$b pings $a" silent_ping "$b" "${ADDRESS[$a]}"
  after=$(counted "$a" "$b")
  check "the counters of $a's SAs with $b moved" grew "$before" "$after"
  check "the counters of $b's SAs with $a moved" grew "$before_b" "$(counted "$b" "$a")"
  TABLE+=$'\n'$(printf '%-14s %-24s %-24s %s -> %s' "$a $b" "$(spis "$a" "${ADDRESS[$a]}" "${ADDRESS[$b]}")" \
    "$(spis "$a" "${ADDRESS[$b]}" "${ADDRESS[$a]}")" "$before" "$after")
done
end_capture

ike=$(tcpdump -nr "$OUT/wire.pcap" 'udp port 500 or udp port 4500' 2> /dev/null | wc -l)
esp=$(tcpdump -nr "$OUT/wire.pcap" esp 2> /dev/null | wc -l)
other=$(not_ike_or_esp "$OUT/wire.pcap")
# Three pairs, three echoes and replies each, from both ends.
check "the capture holds IKE ($ike packets)" [ "$ike" -ge 12 ]
check "the capture holds ESP ($esp packets)" [ "$esp" -ge 36 ]
check "the capture holds nothing else besides ARP and neighbour discovery" [ -z "$other" ]
[ -z "$other" ] || echo "$other" | head -n 5

echo
echo "web-1: ikectl status"
in_ web-1 ikectl status
echo
echo "$TABLE"
echo "on the wire: $ike IKE, $esp ESP, $(echo -n "$other" | grep -c .) other"
echo
for pid in "${PIDS[@]}"; do stop "$pid"; done
for node in $NAMES; do check "$node's daemon took its SAs and policies with it" no_ipsec "$node"; done
finish
