# kernel.sh TEST...: test executables from /job/tests that need a kernel with ESP, and root. Each test in it is a check.
. /job/nodes.sh
export IKEV2D_KERNEL_TESTS=1
for test in "$@"; do
  "/job/tests/$test" --test-threads=1 2>&1 | tee "$OUT/$test.txt"
  status=${PIPESTATUS[0]}
  passed=$(grep -c '^test .* ok$' "$OUT/$test.txt") failed=$(grep -c '^test .* FAILED$' "$OUT/$test.txt")
  # Ended early, or ran nothing: that is a failure too.
  [ "$status" = 0 ] && [ "$passed" -gt 0 ] || [ "$failed" -gt 0 ] || failed=1
  PASSED=$((PASSED + passed)) FAILED=$((FAILED + failed))
done
finish
