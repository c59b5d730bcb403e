#!/bin/bash
# Makes kernel.pcap and sa.txt: ESP packets of a Linux kernel under static keys. Runs as root in the lab's guest
# (`cargo xtask lab --out DIR -- esp/tests/vectors/capture.sh`); make.py turns both into kernel.json.
#
# Node A sends, node B receives and decrypts: in tunnel mode the capture on B has the inner packet after the outer.
set -eu
OUT=${OUT:-.}
KEY16=000102030405060708090a0b0c0d0e0f KEY32=${KEY16}101112131415161718191a1b1c1d1e1f SALT=a0a1a2a3
MAC32=${KEY32//0/8} MAC48=$MAC32$KEY16 MAC64=$MAC32$KEY32
GCM='rfc4106(gcm(aes))' CHACHA='rfc7539esp(chacha20,poly1305)'

ip netns add A; ip netns add B
ip -n A link add veth0 type veth peer name veth0 netns B
addresses() { # node, number
    ip -n $1 link set lo up; ip -n $1 link set veth0 up mtu 9200
    ip -n $1 addr add 10.0.0.$2/24 dev veth0; ip -n $1 addr add 10.$2.0.1/32 dev lo
    ip -n $1 addr add fd00:$2::1/128 dev lo nodad
}
addresses A 1; addresses B 2
ip -n A route add 10.2.0.1 via 10.0.0.2 src 10.1.0.1
ip -n A route add fd00:2::1 dev veth0 src fd00:1::1
for node in A B; do # no router or neighbour discovery in the capture
    ip netns exec $node sysctl -qw net.ipv6.conf.veth0.router_solicitations=0 net.ipv6.conf.veth0.mldv2_unsolicited_report_interval=0
done

sa() { # name, spi, mode, first sequence number less one, its high half, arguments of both ends
    local name=$1 spi=$2 mode=$3 low=$4 high=$5 node; shift 5
    echo "$name $spi $mode $low $high $*" >> $OUT/sa.txt
    for node in A B; do
        ip -n $node xfrm state flush; ip -n $node xfrm policy flush
        ip -n $node xfrm state add src 10.0.0.1 dst 10.0.0.2 proto esp spi $spi reqid 1 mode $mode "$@" \
            replay-oseq $low replay-oseq-hi $high replay-seq $low replay-seq-hi $high
    done
    local outer="src 10.0.0.1 dst 10.0.0.2"
    for inner in "src 10.1.0.1 dst 10.2.0.1" "src fd00:1::1 dst fd00:2::1" "$outer"; do
        [ "$mode" = tunnel ] && [ "$inner" = "$outer" ] && continue
        [ "$mode" = transport ] && [ "$inner" != "$outer" ] && continue
        ip -n A xfrm policy add $inner dir out tmpl $outer proto esp reqid 1 mode $mode
        ip -n B xfrm policy add $inner dir in tmpl $outer proto esp reqid 1 mode $mode
    done
}
pings() { # sizes of the data; nobody answers
    for size in "$@"; do ip netns exec A ping -q -c 1 -W 0.05 -s $size 10.2.0.1 >/dev/null || true; done
}
text() { ip netns exec A bash -c "printf %s 'the quick brown fox' > /dev/udp/$1/9"; }
short="replay-window 32" esn="flag esn replay-window 128"

ip netns exec B tcpdump -U -n -p -s 0 -i veth0 -w $OUT/kernel.pcap 'ip proto 50 or udp port 4500 or net 10.1.0.0/16 or net fd00:1::/32' &
capture=$!; sleep 1
sa gcm128 0x1001 tunnel 0 0 $short aead $GCM 0x$KEY16$SALT 128;                           pings 0 1 2 3 100 1400
sa gcm256 0x1002 tunnel 0 0 $short aead $GCM 0x$KEY32$SALT 128;                           pings 0 57 8900
sa gcm128-esn 0x1003 tunnel 0xfffffffd 0 $esn aead $GCM 0x$KEY16$SALT 128;                    pings 8 9 10 11
sa gcm256-esn-high 0x1004 tunnel 0x7 0x12345678 $esn aead $GCM 0x$KEY32$SALT 128;             pings 64
sa chacha 0x1005 tunnel 0 0 $short aead $CHACHA 0x$KEY32$SALT 128;                        pings 0 61 1400
sa chacha-esn 0x1006 tunnel 0xfffffffd 0 $esn aead $CHACHA 0x$KEY32$SALT 128;                 pings 8 9 10 11
sa cbc128-sha256 0x1007 tunnel 0 0 $short enc 'cbc(aes)' 0x$KEY16 auth-trunc 'hmac(sha256)' 0x$MAC32 128;   pings 0 5 6 7 100 1400
sa cbc256-sha384 0x1008 tunnel 0 0 $short enc 'cbc(aes)' 0x$KEY32 auth-trunc 'hmac(sha384)' 0x$MAC48 192;   pings 0 99
sa cbc256-sha512 0x1009 tunnel 0 0 $short enc 'cbc(aes)' 0x$KEY32 auth-trunc 'hmac(sha512)' 0x$MAC64 256;   pings 0 99
sa cbc128-sha256-esn 0x100a tunnel 0xfffffffd 0 $esn enc 'cbc(aes)' 0x$KEY16 auth-trunc 'hmac(sha256)' 0x$MAC32 128; pings 8 9 10 11
sa gcm128-ipv6 0x100b tunnel 0 0 $short flag af-unspec aead $GCM 0x$KEY16$SALT 128
ip netns exec A ping -6 -q -c 1 -W 1 -s 33 fd00:2::1 >/dev/null || true
sa gcm128-transport 0x100c transport 0 0 $short aead $GCM 0x$KEY16$SALT 128;              text 10.0.0.2
sa chacha-transport-esn 0x100d transport 0 1 $esn aead $CHACHA 0x$KEY32$SALT 128;             text 10.0.0.2
sa gcm128-udp 0x100e tunnel 0 0 $short aead $GCM 0x$KEY16$SALT 128 encap espinudp 4500 4500 0.0.0.0; text 10.2.0.1
sa gcm128-tfc 0x100f tunnel 0 0 $short aead $GCM 0x$KEY16$SALT 128 tfcpad 700;            pings 0 56
sleep 1; kill $capture; wait $capture || true
uname -r > $OUT/kernel.txt
cat $OUT/kernel.txt; tcpdump -n -r $OUT/kernel.pcap | tail -80
