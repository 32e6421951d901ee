package peers;

/** The events of a workload, as the README says; {@code generate.rs} writes the same. */
final class Generator {
    /** {@code v} is below this. */
    static final long VALUES = 1_000_000;
    /** One in five of C's is above this. */
    static final long BOUND = 800_000;

    private static final long START = 1_772_409_600_000L;
    private static final long PRIVILEGED_ONE_IN = 800;
    /** Where C's are compared with A's: those that live to their end have a {@code v} from here on. */
    private static final long OUT_OF_REACH = 990_000;
    private static final String[] TYPES = {"A", "B", "C", "other"};

    private final Workload workload;
    private final String[] users;
    private long state = 1;
    private long index;

    Generator(Workload workload) {
        this.workload = workload;
        users = new String[workload.keys()];
        for (int user = 0; user < users.length; user++) {
            users[user] = "user-" + user;
        }
    }

    Event next() {
        long first = draw();
        long second = draw();
        String user = users[(int) share(first >>> 32, users.length)];
        int type = (int) Math.min(share(first & 0xFFFF_FFFFL, 10), 3);
        boolean privileged = share(second >>> 32, PRIVILEGED_ONE_IN) == 0;
        long low = second & 0xFFFF_FFFFL;
        long time = START + index;
        Event event;
        if (workload.live() > 0) {
            event = ofOneKey(time, user, type, low);
        } else {
            String role = privileged ? Workload.role(share(draw() >>> 32, workload.rules())) : "standard";
            event = new Event(time, user, TYPES[type], role, share(low, VALUES));
        }
        index++;
        return event;
    }

    /** An event in the place of another that completes all that waits for a C. */
    Event closing(long index) {
        return new Event(START + index, users[0], "C", Workload.role(0), VALUES);
    }

    private Event ofOneKey(long time, String user, int type, long low) {
        boolean greater = workload.look() == Workload.Look.GREATER;
        long position = index % Workload.SEQUENCE_WITHIN;
        if (position < workload.live()) {
            long v = greater ? OUT_OF_REACH + share(low, VALUES - OUT_OF_REACH) : share(low, BOUND);
            return new Event(time, user, "A", Workload.role(0), v);
        }
        if (position == workload.live()) {
            type = 1;
        }
        String role = greater ? Workload.role(0) : "standard";
        return new Event(time, user, TYPES[type], role, share(low, greater ? OUT_OF_REACH : BOUND));
    }

    /** SplitMix64. */
    private long draw() {
        state += 0x9E3779B97F4A7C15L;
        long z = state;
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }

    /** Spreads 32 random bits over the numbers below {@code of}. */
    private static long share(long bits, long of) {
        return bits * of >>> 32;
    }
}
