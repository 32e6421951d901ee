package peers;

/** An engine under measurement, set up for one workload. */
interface Engine extends AutoCloseable {

    /** What the engine takes, made of an event; this isn't measured. */
    Object input(Event event);

    /** Processes an event; this is measured. */
    void process(Object input) throws Exception;

    /** Matches found so far. */
    long matches();

    @Override
    void close() throws Exception;
}
