package dev.millrace.engine;

/**
 * One of the processes that run a query together, each with a log, a state and a volume of its own. What it owns changes
 * while the query runs, and its log says what that is: at first slot 0 owns all.
 *
 * @param index from 0
 * @param count how many slots there are to be at least, where nobody says anything later
 */
public record Slot(int index, int count) {

    /** The slot of a query that runs in one process. */
    public static final Slot ONLY = new Slot(0, 1);

    public boolean alone() {
        return count == 1;
    }
}
