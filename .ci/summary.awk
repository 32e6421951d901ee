# Adds up the closing lines of all test binaries of a `cargo test`.
/^test result:/ { passed += $4; failed += $6; ignored += $8 }
/SKIPPED/ { skipped += 1 }
END { printf "%d passed, %d failed, %d skipped\n", passed, failed, ignored + skipped }
