package peers;

/** An event of a workload. */
record Event(long time, String user, String type, String role, long v) {

    /** The text over which checksums are formed. */
    String line() {
        return time + "," + user + "," + type + "," + role + "," + v + "\n";
    }

    /** The event as JSON of {@value Json#BYTES} bytes. */
    String json() {
        return Json.render(this);
    }
}
