package peers;

import java.util.Map;

/**
 * What is generated and what is looked for; the same table is in {@code workload.rs}.
 *
 * @param live with one key: partial matches that are live at any time
 */
record Workload(Look look, int keys, int rules, int live, boolean json) {

    /** What is looked for. */
    enum Look {
        /** A, then the next B, then the next C; of one user, within {@link #SEQUENCE_WITHIN}. */
        SEQUENCE,
        /** The same, with every B and every C. */
        ANY,
        /** Some A's, then the next B, within {@link #KLEENE_WITHIN}. */
        KLEENE,
        /** A sequence in which C's {@code v} is greater than A's, instead of a bound. */
        GREATER,
    }

    static final long SEQUENCE_WITHIN = 900_000;
    static final long KLEENE_WITHIN = 60_000;

    private static final int KEYS = 10_000;

    private static final Map<String, Workload> ALL = Map.ofEntries(
            Map.entry("seq3", keyed(Look.SEQUENCE, 1)),
            Map.entry("seq3any", keyed(Look.ANY, 1)),
            Map.entry("kleene", keyed(Look.KLEENE, 1)),
            Map.entry("rules10", keyed(Look.SEQUENCE, 10)),
            Map.entry("rules100", keyed(Look.SEQUENCE, 100)),
            Map.entry("one10", ofOneKey(Look.SEQUENCE, 10)),
            Map.entry("one100", ofOneKey(Look.SEQUENCE, 100)),
            Map.entry("one1000", ofOneKey(Look.SEQUENCE, 1_000)),
            Map.entry("one1000gt", ofOneKey(Look.GREATER, 1_000)),
            Map.entry("seq3json", new Workload(Look.SEQUENCE, KEYS, 1, 0, true)));

    static Workload named(String name) {
        Workload workload = ALL.get(name);
        if (workload == null) {
            throw new IllegalArgumentException("There is no workload " + name + ".");
        }
        return workload;
    }

    /** The role that the first step of a rule asks for. */
    static String role(long rule) {
        return rule == 0 ? "privileged" : "privileged-" + rule;
    }

    /** What {@code v} must exceed in the last step of a rule. */
    static long bound(int rule) {
        return Generator.BOUND + 10L * rule;
    }

    /** Events before the live partial matches are complete. */
    int preload() {
        return live == 0 ? 0 : live + 1;
    }

    private static Workload keyed(Look look, int rules) {
        return new Workload(look, KEYS, rules, 0, false);
    }

    private static Workload ofOneKey(Look look, int live) {
        return new Workload(look, 1, 1, live, false);
    }
}
