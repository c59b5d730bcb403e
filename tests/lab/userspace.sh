# userspace.sh: a daemon that carries ESP itself, with peers whose kernels do: ikev2d and strongSwan 6.1 (root forky).
#
#     user 10.0.0.1 -- middle -- 10.0.0.2 kernel, 10.0.0.3 swan
. /job/nodes.sh
PSK="correct horse battery staple"

# peer NODE NAME ID ADDRESS   adds a peer file
peer() {
  printf '[[peer]]\nname = "%s"\nid = "%s"\naddress = "%s"\npsk-file = "%s.psk"\n' "$2" "$3" "$4" "$2" | put "$1" "/etc/ikev2d/peers.d/$2.toml"
  echo "$PSK" | put "$1" "/etc/ikev2d/peers.d/$2.psk"
}
# state PEER   how the userspace node sees it
state() { in_ user ikectl status --json | jq -r --arg name "$1" '.peers[] | select(.name == $name).state'; }
is_up() { [ "$(state "$1")" = up ]; }
reaches() { in_ "$1" ping -q -c 5 -i 0.2 -W 3 "$2" > /dev/null; }
# packets EXPRESSION   of the capture in the middle
packets() { tcpdump -nr "$OUT/middle.pcap" "$1" 2> /dev/null | wc -l; }

switch middle
node_add user; node_add kernel; node_add swan forky
plug user middle 10.0.0.1/24; plug kernel middle 10.0.0.2/24; plug swan middle 10.0.0.3/24

printf '[node]\nid = "user.test"\npeers = "peers.d"\ndataplane = "userspace"\n' | put user /etc/ikev2d/ikev2d.toml
peer user kernel kernel.test 10.0.0.2
peer user swan swan.test 10.0.0.3
printf '[node]\nid = "kernel.test"\npeers = "peers.d"\ndataplane = "kernel"\n' | put kernel /etc/ikev2d/ikev2d.toml
peer kernel user user.test 10.0.0.1
put swan /etc/swanctl/swanctl.conf << E
connections {
  user {
    version = 2
    local_addrs = 10.0.0.3
    remote_addrs = 10.0.0.1
    proposals = aes128gcm16-prfsha256-x25519
    local {
      auth = psk
      id = swan.test
    }
    remote {
      auth = psk
      id = user.test
    }
    children {
      user {
        mode = transport
        esp_proposals = aes128gcm16
      }
    }
  }
}
secrets {
  ike-user {
    id-1 = user.test
    id-2 = swan.test
    secret = "$PSK"
  }
}
E

capture middle br0 "$OUT/middle.pcap"
start_ikev2d kernel || exit 1; KERNEL=$DAEMON
start_charon swan || exit 1; SWAN=$DAEMON
start_ikev2d user || exit 1; USER_PID=$DAEMON
grep -m1 'data plane' "$OUT/ikev2d.user.log"

for node in kernel swan; do
  address=10.0.0.$([ $node = kernel ] && echo 2 || echo 3)
  check "$node is up" wait_for 30 is_up $node
  check "user reaches $node" reaches user "$address"
  check "$node reaches user" reaches $node 10.0.0.1
  check "$node's kernel has SAs in UDP" bash -c "ip -n $node xfrm state | grep -q 'encap type espinudp'"
done
check "swan rekeys the Child SA" swan swan --rekey --child user
sleep 3
check "and user still reaches it" reaches user 10.0.0.3
check "and the other way" reaches swan 10.0.0.1
in_ user ikectl status

stop "$USER_PID"; stop "$KERNEL"; stop "$SWAN"
end_capture
check "ESP went in UDP" [ "$(packets 'udp port 4500 and udp[8:4] != 0')" -gt 20 ]
check "and no ping in clear" [ "$(packets 'icmp[icmptype] == icmp-echo or icmp[icmptype] == icmp-echoreply')" = 0 ]
finish
