# interop.sh [ROOT...]: the interoperation matrix. strongSwan of each root (trixie 6.0, forky 6.1, bookworm 5.9) against us.
#
# One charon per root and one of our daemons, each started once. Every case is a connection of its own, with an address
# of its own at strongSwan's end, and stays up when the next one comes.
#
#   a case works when   the initiator's command brings it up; ping passes both ways; the octets of the SAs moved in both
#                       directions at both ends; both kernels and both daemons list the same SPIs, with the cipher and
#                       mode asked for
#   a case is refused   when the named notify went over the wire, our log and our status name it, no SA exists, and no
#                       ping leaves in clear
# In the end, a capture of it all holds IKE and ESP and nothing else.
#
# US selects who plays us: ikev2d (the default) or a root's strongSwan, which proves the matrix itself.
. /job/nodes.sh
US=${US:-ikev2d}
ROOTS=${*:-forky trixie bookworm}
PSK="correct horse battery staple"
US_ID=us.lab.test

# role (ours) mode family key-exchange cipher expected
# The first eight are every combination of role, mode and family. The next eight are every other combination of key
# exchange and cipher, spread so that each key exchange and each cipher meets each role, mode and family.
CASES="
initiator transport v4 x25519   gcm     works
initiator transport v6 x25519   gcm     works
initiator tunnel    v4 x25519   gcm     works
initiator tunnel    v6 x25519   gcm     works
responder transport v4 x25519   gcm     works
responder transport v6 x25519   gcm     works
responder tunnel    v4 x25519   gcm     works
responder tunnel    v6 x25519   gcm     works
initiator transport v6 x25519   chacha  works
responder tunnel    v4 x25519   cbc     works
responder transport v6 ecp256   gcm     works
responder tunnel    v4 ecp256   chacha  works
initiator transport v4 ecp256   cbc     works
initiator tunnel    v4 modp2048 gcm     works
responder transport v6 modp2048 chacha  works
initiator tunnel    v6 modp2048 cbc     works
initiator transport v4 x25519   gcm     wrong-psk
responder transport v4 x25519   gcm     wrong-psk
initiator transport v4 x25519   gcm     no-ike-proposal
responder transport v4 x25519   gcm     no-ike-proposal
initiator transport v4 x25519   gcm     no-esp-proposal
responder transport v4 x25519   gcm     no-esp-proposal
initiator tunnel    v4 x25519   gcm     other-selectors
responder tunnel    v4 x25519   gcm     other-selectors
"

# ---- one case: select_case ROOT NUMBER ROLE MODE FAMILY KE CIPHER EXPECTED sets what the rest reads

select_case() {
  ROOT=$1 NUMBER=$2 ROLE=$3 MODE=$4 FAMILY=$5 KE=$6 CIPHER=$7 EXPECTED=$8
  NAME=$ROOT-$NUMBER THEM_ID=$ROOT-$NUMBER.lab.test
  local subnet
  case $ROOT in trixie) subnet=1 ;; forky) subnet=2 ;; bookworm) subnet=3 ;; esac
  if [ "$FAMILY" = v4 ]; then
    OUR=10.9.0.1 THEIR=10.9.$subnet.$NUMBER FULL=32
    OUR_INNER=10.7.$subnet.$NUMBER THEIR_INNER=10.8.$subnet.$NUMBER OTHER_INNER=10.6.$subnet.$NUMBER
  else
    OUR=fd09::1 THEIR=fd09::$subnet:$NUMBER FULL=128
    OUR_INNER=fd07::$subnet:$NUMBER THEIR_INNER=fd08::$subnet:$NUMBER OTHER_INNER=fd06::$subnet:$NUMBER
  fi
  [ "$MODE" = tunnel ] || { OUR_INNER=$OUR THEIR_INNER=$THEIR; }
  case $CIPHER in
    gcm) IKE=aes128gcm16-prfsha256-$KE ESP=aes128gcm16 KERNEL_NAME='rfc4106(gcm(aes))' ;;
    chacha) IKE=chacha20poly1305-prfsha256-$KE ESP=chacha20poly1305 KERNEL_NAME='rfc7539esp(chacha20,poly1305)' ;;
    cbc) IKE=aes128-sha256-prfsha256-$KE ESP=aes128-sha256 KERNEL_NAME='hmac(sha256)' ;;
  esac
  # What strongSwan has otherwise than we in the cases that must be refused, the notify, and charon's short name for it.
  THEIR_PSK=$PSK THEIR_IKE=$IKE THEIR_ESP=$ESP THEIR_SELECTOR=$THEIR_INNER NOTIFY='' SHORT=''
  case $EXPECTED in
    wrong-psk) THEIR_PSK=wrong NOTIFY=AUTHENTICATION_FAILED SHORT=AUTH_FAILED ;;
    no-ike-proposal) THEIR_IKE=aes256-sha384-ecp384 NOTIFY=NO_PROPOSAL_CHOSEN SHORT=NO_PROP ;;
    no-esp-proposal) THEIR_ESP=aes256-sha512 NOTIFY=NO_PROPOSAL_CHOSEN SHORT=NO_PROP ;;
    other-selectors) THEIR_SELECTOR=$OTHER_INNER NOTIFY=TS_UNACCEPTABLE SHORT=TS_UNACCEPT ;;
  esac
}

# each_case FUNCTION [ROOT]: calls it for every case, selected
each_case() {
  local what=$1 root number line
  for root in ${2:-$ROOTS}; do
    number=0
    while read -r line; do
      [ -n "$line" ] || continue
      number=$((number + 1))
      # shellcheck disable=SC2086
      select_case "$root" $number $line
      $what
    done <<< "$CASES"
  done
}

# ---- addresses

give_addresses() {
  local prefix=16
  [ "$FAMILY" = v4 ] || prefix=64
  address "$ROOT" eth0 "$THEIR/$prefix"
  [ "$MODE" = tunnel ] || return 0
  address us lo "$OUR_INNER/$FULL"
  address "$ROOT" lo "$THEIR_INNER/$FULL"
  ip -n us route add "$THEIR_INNER/$FULL" via "$THEIR" src "$OUR_INNER"
  ip -n "$ROOT" route add "$OUR_INNER/$FULL" via "$OUR" src "$THEIR_INNER"
}

# ---- configurations

# swan_connection LOCAL REMOTE LOCAL_ID REMOTE_ID LOCAL_SELECTOR REMOTE_SELECTOR IKE ESP
swan_connection() {
  local selectors=
  [ "$MODE" = transport ] || selectors="
        local_ts = $5/$FULL
        remote_ts = $6/$FULL"
  cat << E
connections {
  $NAME {
    version = 2
    local_addrs = $1
    remote_addrs = $2
    proposals = $7
    local {
      auth = psk
      id = $3
    }
    remote {
      auth = psk
      id = $4
    }
    children {
      $NAME {
        mode = $MODE
        esp_proposals = $8$selectors
      }
    }
  }
}
E
}
# swan_secret PSK
swan_secret() {
  cat << E
secrets {
  ike-$NAME {
    id-1 = $US_ID
    id-2 = $THEM_ID
    secret = "$1"
  }
}
E
}
their_connection() {
  swan_connection "$THEIR" "$OUR" "$THEM_ID" "$US_ID" "$THEIR_SELECTOR" "$OUR_INNER" "$THEIR_IKE" "$THEIR_ESP"
  swan_secret "$THEIR_PSK"
}
our_connection() {
  swan_connection "$OUR" "$THEIR" "$US_ID" "$THEM_ID" "$OUR_INNER" "$THEIR_INNER" "$IKE" "$ESP"
  swan_secret "$PSK"
}
our_peer() {
  echo "$PSK" | put us "/etc/ikev2d/$NAME.psk"
  {
    printf '[[peer]]\nname = "%s"\naddress = "%s"\nid = "%s"\npsk-file = "/etc/ikev2d/%s.psk"\n' "$NAME" "$THEIR" "$THEM_ID" "$NAME"
    printf 'mode = "%s"\nike = ["%s"]\nesp = ["%s"]\nconnect = "passive"\n' "$MODE" "$IKE" "$ESP"
    [ "$MODE" = transport ] || printf 'local = ["%s/%s"]\nremote = ["%s/%s"]\n' "$OUR_INNER" "$FULL" "$THEIR_INNER" "$FULL"
  } | put us "/etc/ikev2d/peers.d/$NAME.toml"
}

# ---- us, played by ikev2d or by a strongSwan

start_us() {
  if [ "$US" = ikev2d ]; then
    printf '[node]\nid = "%s"\nlisten = ["10.9.0.1", "fd09::1"]\npeers = "peers.d"\n' $US_ID | put us /etc/ikev2d/ikev2d.toml
    each_case our_peer
    start_ikev2d us
  else
    each_case our_connection | put us /etc/swanctl/swanctl.conf
    start_charon us
  fi
  OUR_DAEMON=$DAEMON
}
initiate_us() {
  if [ "$US" = ikev2d ]; then in_ us ikectl up "$NAME"; else swan us --initiate --child "$NAME" --timeout 15; fi
}
our_log() { if [ "$US" = ikev2d ]; then cat "$OUT/ikev2d.us.log"; else cat "$OUT/charon.us.log"; fi; }
# logged_by_us, in_our_status: whether they name the notify for this peer. strongSwan, when it plays us, has no status for
# failures, and in IKE_SA_INIT not yet a name: then any line since the case began will do.
logged_by_us() {
  if [ "$US" = ikev2d ]; then our_log | grep -wF "$NAME" | grep -qF $NOTIFY; else our_log | tail -n "+$OUR_MARK" | grep -qF "N($SHORT)"; fi
}
in_our_status() {
  [ "$US" != ikev2d ] || in_ us ikectl status --json | jq -e --arg name "$NAME" --arg notify $NOTIFY \
    '[.. | objects | select(.name? == $name) | tostring | contains($notify)] | any' > /dev/null
}

# our_list, their_list: what the daemon itself says of the case's SAs
our_list() {
  if [ "$US" = ikev2d ]; then
    in_ us ikectl status --json | jq -c --arg name "$NAME" '.. | objects | select(.name? == $name)'
  else
    swan us --list-sas --ike "$NAME"
  fi
}
their_list() { swan "$ROOT" --list-sas --ike "$NAME"; }

# ---- running a case; WHY says what was wrong

their_log() { cat "$OUT/charon.$ROOT.log"; }
initiate() {
  if [ "$ROLE" = initiator ]; then initiate_us; else swan "$ROOT" --initiate --child "$NAME" --timeout 15; fi > "$OUT/$NAME.initiate" 2>&1
}
moved() {
  local node
  for node in us "$ROOT"; do
    [ "$(esp_bytes "$node" "$OUR" "$THEIR")" -gt 0 ] && [ "$(esp_bytes "$node" "$THEIR" "$OUR")" -gt 0 ] || return 1
  done
}
# The kernel's SPIs, in both daemons' own words.
listed() {
  local spi ours theirs
  ours=$(our_list) theirs=$(their_list)
  for spi in $(spis us "$OUR" "$THEIR") $(spis us "$THEIR" "$OUR"); do
    [[ $ours == *"${spi#0x}"* && $theirs == *"${spi#0x}"* ]] || return 1
  done
}
as_asked() {
  local states
  states=$(ip -n us xfrm state list src "$OUR" dst "$THEIR")
  [[ $states == *"$KERNEL_NAME"* && $states == *"mode $MODE"* ]]
}
works() {
  initiate || { WHY="not established: $(tail -n 1 "$OUT/$NAME.initiate")"; return 1; }
  wait_for 10 same_spis us "$ROOT" "$OUR" "$THEIR" || {
    WHY="SPIs differ: ours $(spis us "$OUR" "$THEIR")/ $(spis us "$THEIR" "$OUR"), theirs $(spis "$ROOT" "$OUR" "$THEIR")/ $(spis "$ROOT" "$THEIR" "$OUR")"
    return 1
  }
  in_ us ping -q -c 2 -i 0.2 -W 3 -I "$OUR_INNER" "$THEIR_INNER" > /dev/null || { WHY="no ping from us to them"; return 1; }
  in_ "$ROOT" ping -q -c 2 -i 0.2 -W 3 -I "$THEIR_INNER" "$OUR_INNER" > /dev/null || { WHY="no ping from them to us"; return 1; }
  moved || { WHY="the SAs' octet counters did not move"; return 1; }
  listed || { WHY="the daemons do not both list the kernel's SPIs"; return 1; }
  as_asked || { WHY="the kernel's SA is not $MODE with $KERNEL_NAME"; return 1; }
  WHY="ping both ways, SPIs agree"
}
refused() {
  OUR_MARK=$(($(our_log | wc -l) + 1)) THEIR_MARK=$(($(their_log | wc -l) + 1))
  initiate && [ "$ROLE" = responder ] && { WHY="established, though it must be refused with $NOTIFY"; return 1; }
  wait_for 10 on_the_wire || { WHY="no $NOTIFY between us and them"; return 1; }
  wait_for 10 logged_by_us || { WHY="our log does not name $NOTIFY for $NAME"; return 1; }
  wait_for 10 in_our_status || { WHY="our status does not name $NOTIFY for $NAME"; return 1; }
  [ -z "$(spis us "$OUR" "$THEIR")$(spis us "$THEIR" "$OUR")" ] || { WHY="an SA exists, though $NOTIFY was sent"; return 1; }
  if [ "$US" = ikev2d ] && in_ us ping -q -c 1 -W 1 -I "$OUR_INNER" "$THEIR_INNER" > /dev/null; then
    WHY="traffic to the refused peer goes in clear"
    return 1
  fi
  WHY="$NOTIFY, in log and status"
}
# What charon parsed or generated since the case began. Its lines carry the connection's name, but for an answer to
# IKE_SA_INIT, which is told by the address in the next line ("sending packet: from ...").
on_the_wire() {
  their_log | tail -n "+$THEIR_MARK" | grep -F -A 1 "N($SHORT)" | grep -qF -e "<$NAME|" -e "from $THEIR["
}

version() { swan "$ROOT" --version | grep -o '[0-9]*\.[0-9.]*' | head -n 1; }
run_case() {
  local result=ok
  WHY=
  if [ "$EXPECTED" = works ]; then works || result=FAIL; else refused || result=FAIL; fi
  if [ $result = ok ]; then PASSED=$((PASSED + 1)); else FAILED=$((FAILED + 1)); fi
  row "$VERSION" "$ROLE" "$MODE" "$FAMILY" "$KE" "$CIPHER" "$EXPECTED" $result "$WHY"
}
row() { printf '%-6s %-9s %-9s %-3s %-8s %-6s %-15s %-6s %s\n' "$@"; }

# ---- the matrix

switch middle
node_add us "$([ "$US" = ikev2d ] && echo trixie || echo "$US")"
plug us middle 10.9.0.1/16,fd09::1/64
for root in $ROOTS; do node_add "$root" "$root"; plug "$root" middle; done
each_case give_addresses
capture middle br0 "$OUT/middle.pcap"
for root in $ROOTS; do
  each_case their_connection "$root" | put "$root" /etc/swanctl/swanctl.conf
  start_charon "$root" || exit 1
done
start_us || exit 1

echo "interoperation of $US with strongSwan (role is ours)"
row peer role mode ip key-exch cipher expected result reason
for root in $ROOTS; do
  ROOT=$root VERSION=$(ROOT=$root version)
  each_case run_case "$root"
done

stop "$OUR_DAEMON"
end_capture
check "nothing but IKE and ESP (and ARP, NDP) went between us and strongSwan" [ -z "$(not_ike_or_esp "$OUT/middle.pcap" | tee "$OUT/in-clear.txt")" ]
check "our daemon took its SAs and policies with it" no_ipsec us
finish
