package peers;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.charset.StandardCharsets;
import java.util.StringJoiner;

/**
 * Runs one engine on one workload and prints one line of what was measured.
 *
 * <p>Arguments: engine, workload, events at most (0: no bound), CPU seconds of warm-up, seconds in all.
 */
public final class Main {
    /** Generated, then processed. */
    private static final int CHUNK = 1024;
    /** Between two looks at the clock. */
    private static final int STRIDE = 16;
    private static final int CHECKSUM_EVENTS = 100_000;

    private final ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    private final Workload workload;
    private final Generator generator;
    private final Engine engine;
    private final long bound;
    private Object[] chunk = {};
    private int next;
    private long events;
    /** Matches after certain numbers of events, each twice the one before. */
    private final StringJoiner counts = new StringJoiner(",");
    private long mark = 1_000;

    private Main(Workload workload, Engine engine, long bound) {
        this.workload = workload;
        this.engine = engine;
        this.bound = bound == 0 ? Long.MAX_VALUE : bound;
        generator = new Generator(workload);
    }

    public static void main(String[] arguments) throws Exception {
        Workload workload = Workload.named(arguments[1]);
        long start = System.nanoTime();
        long all = seconds(arguments[4]);
        try (Engine engine = engine(arguments[0], workload)) {
            long bound = Long.parseLong(arguments[2]);
            new Main(workload, engine, bound).run(seconds(arguments[3]), start + all / 2, start + all);
        }
    }

    private static Engine engine(String name, Workload workload) throws Exception {
        return switch (name) {
            case "flink" -> new FlinkEngine(workload);
            case "siddhi" -> new SiddhiEngine(workload);
            default -> throw new IllegalArgumentException("There is no engine " + name + ".");
        };
    }

    private static long seconds(String text) {
        return (long) (Double.parseDouble(text) * 1e9);
    }

    private void run(long warmUp, long half, long end) throws Exception {
        process(half, bound, warmUp);
        // The live partial matches should be there, but not take all the time.
        process(half, Math.min(bound, workload.preload()), Long.MAX_VALUE);
        long warmed = events;
        long cpu = process(end, bound, Long.MAX_VALUE);
        long found = engine.matches();
        if (workload.live() > 0) {
            engine.process(engine.input(generator.closing(events)));
        }
        System.out.printf(
                "checksum=%016x events=%d measured=%d cpu_ns=%d matches=%d closing=%d counts=%s%n",
                checksum(workload), events, events - warmed, cpu, found, engine.matches() - found, counts);
    }

    /**
     * Processes until the time has come, or there have been so many events in all, or it has taken that much CPU time.
     * Returns the CPU time, without generation.
     */
    private long process(long until, long goal, long most) throws Exception {
        long cpu = 0;
        while (events < goal && cpu < most && System.nanoTime() < until) {
            if (next == chunk.length) {
                refill();
            }
            int stop = (int) Math.min(chunk.length, next + (Math.min(goal, mark) - events));
            int start = next;
            long before = threads.getCurrentThreadCpuTime();
            while (next < stop && (next == start || System.nanoTime() < until)) {
                int pause = Math.min(stop, next + STRIDE);
                while (next < pause) {
                    engine.process(chunk[next++]);
                }
            }
            cpu += threads.getCurrentThreadCpuTime() - before;
            events += next - start;
            if (events == mark) {
                counts.add(mark + ":" + engine.matches());
                mark *= 2;
            }
        }
        return cpu;
    }

    private void refill() {
        chunk = new Object[CHUNK];
        for (int at = 0; at < CHUNK; at++) {
            chunk[at] = engine.input(generator.next());
        }
        next = 0;
    }

    /** FNV-1a over the texts of the first events. */
    private static long checksum(Workload workload) {
        Generator generator = new Generator(workload);
        long sum = 0xCBF2_9CE4_8422_2325L;
        for (int at = 0; at < CHECKSUM_EVENTS; at++) {
            Event event = generator.next();
            String text = workload.json() ? event.json() : event.line();
            for (byte one : text.getBytes(StandardCharsets.UTF_8)) {
                sum = (sum ^ one) * 0x100_0000_01B3L;
            }
        }
        return sum;
    }
}
