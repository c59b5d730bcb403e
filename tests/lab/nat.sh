# nat.sh: tunnels through a masquerading NAT. The initiator is behind it; the responder, with a public address, sees only the NAT's.
#
#     inside 10.1.0.2 -- 10.1.0.1 nat 192.0.2.1 -- 192.0.2.2 outside     tunnel: 10.10.0.1 === 10.20.0.1
#
# Each side is ikev2d or strongSwan 6.1 (root forky), in nodes of their own for each of the three combinations with ikev2d.
. /job/nodes.sh
INSIDE=10.1.0.2 MAPPED=192.0.2.1 OUTSIDE=192.0.2.2
INSIDE_NET=10.10.0.1 OUTSIDE_NET=10.20.0.1
PSK="correct horse battery staple"

# nat NAME INSIDE-NODE OUTSIDE-NODE
nat() {
  node_add "$1"
  link "$2" eth0 $INSIDE/24 "$1" in0 10.1.0.1/24
  link "$1" out0 $MAPPED/24 "$3" eth0 $OUTSIDE/24
  ip -n "$2" addr add $INSIDE_NET/32 dev lo
  ip -n "$3" addr add $OUTSIDE_NET/32 dev lo
  ip -n "$2" route add default via 10.1.0.1
  ip -n "$2" route add $OUTSIDE_NET/32 via 10.1.0.1 src $INSIDE_NET
  ip -n "$3" route add $INSIDE_NET/32 via $MAPPED src $OUTSIDE_NET
  in_ "$1" sysctl -qw net.ipv4.ip_forward=1
  in_ "$1" nft -f - << E
table ip nat {
  chain post {
    type nat hook postrouting priority srcnat;
    oifname "out0" masquerade random
  }
  chain pass {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    iifname "in0" accept
  }
}
E
}

# configure_ikev2d NODE ID PEER-ID PEER-ADDRESS LOCAL REMOTE CONNECT
configure_ikev2d() {
  printf '[node]\nid = "%s"\npeers = "peers.d"\n' "$2" | put "$1" /etc/ikev2d/ikev2d.toml
  printf '[[peer]]\nname = "peer"\nid = "%s"\naddress = "%s"\npsk-file = "peer.psk"\nmode = "tunnel"\nlocal = "%s/32"\nremote = "%s/32"\nconnect = "%s"\n' \
    "${@:3:5}" | put "$1" /etc/ikev2d/peers.d/peer.toml
  echo "$PSK" | put "$1" /etc/ikev2d/peers.d/peer.psk
}
# configure_charon NODE ID PEER-ID PEER-ADDRESS LOCAL REMOTE
configure_charon() {
  put "$1" /etc/swanctl/swanctl.conf << E
connections {
  peer {
    version = 2
    remote_addrs = $4
    proposals = aes128gcm16-prfsha256-x25519
    local {
      auth = psk
      id = $2
    }
    remote {
      auth = psk
      id = $3
    }
    children {
      peer {
        mode = tunnel
        local_ts = $5/32
        remote_ts = $6/32
        esp_proposals = aes128gcm16
      }
    }
  }
}
secrets {
  ike-peer {
    id-1 = $2
    id-2 = $3
    secret = "$PSK"
  }
}
E
}
# start DAEMON NODE
start() { "start_$1" "$2" || exit 1; PIDS+=("$DAEMON"); }
# spis_at NODE ADDRESS ADDRESS   of its SAs in both directions, sorted: the NAT makes addresses differ, not SPIs
spis_at() { echo "$(spis "$1" "$2" "$3")$(spis "$1" "$3" "$2")" | tr ' ' '\n' | sort | tr '\n' ' '; }
same_spis_through_nat() {
  local inside
  inside=$(spis_at "$1" $INSIDE $OUTSIDE)
  [ "$(wc -w <<< "$inside")" = 2 ] && [ "$inside" = "$(spis_at "$2" $MAPPED $OUTSIDE)" ]
}
encapsulated() { [ "$(ip -n "$1" xfrm state | grep -c 'encap type espinudp')" = 2 ]; }
reaches() { in_ "$1" ping -q -c 3 -i 0.2 -W 3 -I "$2" "$3" > /dev/null; }
# on_the_wire FILE EXPRESSION   packets
on_the_wire() { tcpdump -nr "$1" "$2" 2> /dev/null; }

# through INSIDE-DAEMON OUTSIDE-DAEMON NUMBER
through() {
  local what="${1/charon/strongSwan} behind the NAT, ${2/charon/strongSwan} outside" in=in$3 out=out$3 nat=nat$3 file=$OUT/nat$3.pcap
  PIDS=()
  node_add "$in" "$([ "$1" = charon ] && echo forky || echo trixie)"
  node_add "$out" "$([ "$2" = charon ] && echo forky || echo trixie)"
  nat "$nat" "$in" "$out"
  "configure_$1" "$in" in.example.net out.example.net $OUTSIDE $INSIDE_NET $OUTSIDE_NET always
  "configure_$2" "$out" out.example.net in.example.net $MAPPED $OUTSIDE_NET $INSIDE_NET passive
  capture "$nat" out0 "$file"
  start "$2" "$out"
  start "$1" "$in"
  if [ "$1" = charon ]; then
    swan "$in" --initiate --child peer --timeout 15 > "$OUT/initiate$3.txt" 2>&1
  else
    in_ "$in" ikectl up peer > "$OUT/initiate$3.txt" 2>&1
  fi
  check "$what: connected" [ $? = 0 ]
  check "$what: both ends list the same SPIs" wait_for 10 same_spis_through_nat "$in" "$out"
  check "$what: ping from inside" reaches "$in" $INSIDE_NET $OUTSIDE_NET
  check "$what: ping from outside" reaches "$out" $OUTSIDE_NET $INSIDE_NET
  check "$what: the kernels encapsulate" eval "encapsulated $in && encapsulated $out"
  [ "$1" != ikev2d ] || check "$what: the one inside knows of the NAT" eval \
    "in_ $in ikectl status --json | jq -e '.peers[0].ike_sas[0] | .nat_local and .children[0].encapsulated' > /dev/null"
  [ "$2" != ikev2d ] || check "$what: the one outside knows of the NAT" eval \
    "in_ $out ikectl status --json | jq -e '.peers[0].ike_sas[0] | .nat_remote and .children[0].encapsulated' > /dev/null"
  for pid in "${PIDS[@]}"; do stop "$pid"; done
  end_capture
  # RFC 3948 section 2: ESP has its SPI where IKE has four octets of zero (the marker), and the one octet 0xFF keeps the NAT alive.
  check "$what: ESP in UDP port 4500" [ "$(on_the_wire "$file" 'udp port 4500 and udp[8:4] != 0 and udp[4:2] > 12' | wc -l)" -ge 12 ]
  check "$what: IKE in UDP port 4500" [ "$(on_the_wire "$file" 'udp port 4500 and udp[8:4] = 0' | wc -l)" -ge 2 ]
  check "$what: nothing else but IKE_SA_INIT on port 500" [ -z "$(on_the_wire "$file" \
    'not arp and not ip6 and not udp port 4500 and not (udp port 500 and udp[26] = 34)' | tee "$OUT/else$3.txt")" ]
  for node in "$in" "$out"; do check "$what: no SA or policy is left ($node)" no_ipsec "$node"; done
}

through ikev2d charon 1
through charon ikev2d 2
through ikev2d ikev2d 3
finish
