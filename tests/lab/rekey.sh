# rekey.sh [ROOT...]: strongSwan (forky 6.1, bookworm 5.9) replaces the keys of its SAs with us every 15 seconds, by CREATE_CHILD_SA
# (RFC 7296 sections 1.3.2 and 1.3.3), while each end pings the other ten times a second.
#
# A case is right when the keys were replaced, by rekeying and not by connecting anew; no ping was lost; and both ends list the
# same SPIs afterwards. All cases run at the same time, each with a connection and an address at strongSwan's end of its own.
. /job/nodes.sh
ROOTS=${*:-forky bookworm}
PSK="correct horse battery staple"
OUR=10.9.0.1
# Longer than three times rekey_time, so that what follows from the second rekeying is seen too.
SECONDS_OF_PING=50

# role (ours) and what is rekeyed: a Child SA, without or with a key exchange of its own; an IKE SA
CASES="
initiator child
responder child
initiator child-pfs
responder child-pfs
initiator ike
responder ike
"

# select_case ROOT NUMBER ROLE WHAT: sets what the rest reads
select_case() {
  ROOT=$1 NUMBER=$2 ROLE=$3 WHAT=$4
  NAME=$ROOT-$NUMBER ESP=aes128gcm16 IKE_TIME=4h CHILD_TIME=1h
  case $ROOT in trixie) THEIR=10.9.1.$NUMBER ;; forky) THEIR=10.9.2.$NUMBER ;; bookworm) THEIR=10.9.3.$NUMBER ;; esac
  case $WHAT in
    child) CHILD_TIME=15s ;;
    child-pfs) CHILD_TIME=15s ESP=aes128gcm16-x25519 ;;
    ike) IKE_TIME=15s ;;
  esac
}
# each_case FUNCTION [ROOT]
each_case() {
  local root number line
  for root in ${2:-$ROOTS}; do
    number=0
    while read -r line; do
      [ -n "$line" ] || continue
      number=$((number + 1))
      # shellcheck disable=SC2086
      select_case "$root" $number $line
      $1
    done <<< "$CASES"
  done
}

their_connection() {
  cat << E
connections {
  $NAME {
    version = 2
    local_addrs = $THEIR
    remote_addrs = $OUR
    proposals = aes128gcm16-prfsha256-x25519
    rekey_time = $IKE_TIME
    over_time = 1h
    rand_time = 0
    local {
      auth = psk
      id = $NAME.lab.test
    }
    remote {
      auth = psk
      id = us.lab.test
    }
    children {
      $NAME {
        mode = transport
        esp_proposals = $ESP
        rekey_time = $CHILD_TIME
        life_time = 2h
        rand_time = 0
      }
    }
  }
}
secrets {
  ike-$NAME {
    id-1 = us.lab.test
    id-2 = $NAME.lab.test
    secret = "$PSK"
  }
}
E
}
our_peer() {
  echo "$PSK" | put us "/etc/ikev2d/peers.d/$NAME.psk"
  printf '[[peer]]\nname = "%s"\naddress = "%s"\nid = "%s.lab.test"\npsk-file = "%s.psk"\nesp = "%s"\nconnect = "passive"\n' \
    "$NAME" "$THEIR" "$NAME" "$NAME" "$ESP" | put us "/etc/ikev2d/peers.d/$NAME.toml"
}

# our_status JQ-FILTER   of the case's peer
our_status() { in_ us ikectl status --json "$NAME" | jq -r ".peers[0] | $1"; }
# An IKE SA that was rekeyed is listed a while longer, as closing: for the peer's Delete, and for that one's retransmissions.
ike_spis() { our_status '[.ike_sas[] | select(.phase == "established")][] | .local_spi + .remote_spi'; }
child_spis() { echo "$(spis us $OUR "$THEIR")$(spis us "$THEIR" $OUR)"; }

declare -A FIRST_IKE FIRST_CHILD PING_THERE PING_BACK
connect() {
  if [ "$ROLE" = initiator ]; then in_ us ikectl up "$NAME"; else swan "$ROOT" --initiate --child "$NAME" --timeout 15; fi > "$OUT/$NAME.initiate" 2>&1
  wait_for 10 same_spis us "$ROOT" $OUR "$THEIR" || echo "$NAME: not connected: $(tail -n 1 "$OUT/$NAME.initiate")"
  FIRST_IKE[$NAME]=$(ike_spis) FIRST_CHILD[$NAME]=$(child_spis)
  background us "$OUT/$NAME.ping-there" ping -O -i 0.1 -c ${SECONDS_OF_PING}0 -W 5 "$THEIR"
  PING_THERE[$NAME]=$!
  nsenter --net="/run/netns/$ROOT" ping -O -i 0.1 -c ${SECONDS_OF_PING}0 -W 5 -I "$THEIR" $OUR > "$OUT/$NAME.ping-back" 2>&1 &
  PING_BACK[$NAME]=$!
}
lost() { sed -n 's/.* \([0-9.]*% packet loss\).*/\1/p' "$1"; }
rekeyed() {
  case $WHAT in
    child*)
      [ "$(ike_spis)" = "${FIRST_IKE[$NAME]}" ] || { WHY="the IKE SA is another one, though only its Child SA was to be rekeyed"; return 1; }
      [ "$(child_spis)" != "${FIRST_CHILD[$NAME]}" ] || { WHY="the Child SA was not rekeyed"; return 1; }
      ;;
    ike)
      [ "$(child_spis)" = "${FIRST_CHILD[$NAME]}" ] || { WHY="the Child SA is another one, though only its IKE SA was to be rekeyed"; return 1; }
      [ "$(ike_spis)" != "${FIRST_IKE[$NAME]}" ] || { WHY="the IKE SA was not rekeyed"; return 1; }
      ;;
  esac
}
right() {
  local file left
  wait_for 10 same_spis us "$ROOT" $OUR "$THEIR" || { WHY="SPIs differ: ours $(child_spis), theirs $(spis "$ROOT" $OUR "$THEIR")$(spis "$ROOT" "$THEIR" $OUR)"; return 1; }
  left="$(ike_spis | wc -l) IKE SAs and $(our_status '[.ike_sas[].children[]] | length') Child SAs"
  [ "$left" = "1 IKE SAs and 1 Child SAs" ] || { WHY="$left are left"; return 1; }
  rekeyed || return 1
  for file in "$OUT/$NAME".ping-{there,back}; do
    [ "$(lost "$file")" = "0% packet loss" ] || { WHY="${file##*.}: $(lost "$file")"; return 1; }
  done
  WHY="rekeyed, no ping lost, SPIs agree"
}
row() { printf '%-6s %-9s %-9s %-6s %s\n' "$@"; }
run_case() {
  local result=ok
  wait "${PING_THERE[$NAME]}" "${PING_BACK[$NAME]}"
  if right; then PASSED=$((PASSED + 1)); else FAILED=$((FAILED + 1)) result=FAIL; fi
  row "$(swan "$ROOT" --version | grep -o '[0-9]*\.[0-9.]*' | head -n 1)" "$ROLE" "$WHAT" $result "$WHY"
}

switch middle
node_add us
plug us middle $OUR/16
printf '[node]\nid = "us.lab.test"\npeers = "peers.d"\n' | put us /etc/ikev2d/ikev2d.toml
each_case our_peer
start_ikev2d us || exit 1
US=$DAEMON
theirs() { address "$ROOT" eth0 "$THEIR/16"; }
for root in $ROOTS; do
  node_add "$root" "$root"
  plug "$root" middle
  each_case theirs "$root"
  each_case their_connection "$root" | put "$root" /etc/swanctl/swanctl.conf
  start_charon "$root" || exit 1
done
each_case connect
echo "rekeying by strongSwan (role is ours)"
row peer role rekeyed result reason
each_case run_case
stop "$US"
check "our daemon took its SAs and policies with it" no_ipsec us
finish
