package peers;

import io.siddhi.core.SiddhiAppRuntime;
import io.siddhi.core.SiddhiManager;
import io.siddhi.core.stream.input.InputHandler;
import io.siddhi.core.stream.output.StreamCallback;

/** Siddhi on one thread, with event time and a partition for each user. */
final class SiddhiEngine implements Engine {
    private final SiddhiManager manager = new SiddhiManager();
    private final SiddhiAppRuntime runtime;
    private final InputHandler handler;
    private long matches;

    SiddhiEngine(Workload workload) {
        runtime = manager.createSiddhiAppRuntime(app(workload));
        runtime.addCallback("Matches", new StreamCallback() {
            @Override
            public void receive(io.siddhi.core.event.Event[] events) {
                matches += events.length;
            }
        });
        handler = runtime.getInputHandler("Events");
        runtime.start();
    }

    @Override
    public Object input(Event event) {
        Object[] data = {event.user(), event.type(), event.role(), event.v(), event.time()};
        return new io.siddhi.core.event.Event(event.time(), data);
    }

    @Override
    public void process(Object input) throws Exception {
        handler.send((io.siddhi.core.event.Event) input);
    }

    @Override
    public long matches() {
        return matches;
    }

    @Override
    public void close() {
        runtime.shutdown();
        manager.shutdown();
    }

    static String app(Workload workload) {
        StringBuilder app = new StringBuilder();
        app.append("@app:playback\n");
        app.append("define stream Events (user string, type string, role string, v long, time long);\n");
        app.append("partition with (user of Events) begin\n");
        for (int rule = 0; rule < workload.rules(); rule++) {
            app.append("from ").append(pattern(workload, rule)).append('\n');
            String third = workload.look() == Workload.Look.KLEENE ? "" : ", c.v as third";
            app.append("select a.user as user, a.v as first, b.v as second").append(third).append('\n');
            app.append("insert into Matches;\n");
        }
        return app.append("end;\n").toString();
    }

    /** Siddhi takes an event that comes just when the time is over, so it gets a millisecond less. */
    private static String pattern(Workload workload, int rule) {
        String first = "a=Events[type == 'A' and role == '" + Workload.role(rule) + "']";
        String second = "b=Events[type == 'B']";
        String hot = "type == 'C' and v > " + Workload.bound(rule) + "L";
        String third = "c=Events[" + hot + "]";
        String within = " within " + (Workload.SEQUENCE_WITHIN - 1) + " milliseconds";
        return switch (workload.look()) {
            case SEQUENCE -> "every " + first + " -> " + second + " -> " + third + within;
            // Some of what began too long ago goes on where a later step has "every", so the last step looks itself.
            case ANY -> "every " + first + " -> every " + second
                    + " -> every c=Events[" + hot + " and time - a.time < " + Workload.SEQUENCE_WITHIN + "L]" + within;
            case KLEENE -> "every a=Events[type == 'A'] -> " + second
                    + " within " + (Workload.KLEENE_WITHIN - 1) + " milliseconds";
            case GREATER -> "every " + first + " -> " + second + " -> c=Events[type == 'C' and v > a.v]" + within;
        };
    }
}
