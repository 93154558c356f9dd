package dev.millrace.engine.task;

import dev.millrace.data.Bytes;
import dev.millrace.data.Hash;
import dev.millrace.engine.Exchange;
import dev.millrace.engine.operators.PartialGroups;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * What an epoch sends to key groups of other slots: frames of many groups each, compressed. A frame is one or more sections,
 * an operator's number and its entries; an operator's first entry in a frame opens a section.
 */
final class Departures implements PartialGroups.Leaving {

    /** Marks the beginning of a section, and an entry of it. */
    static final int SECTION = 0;

    static final int ENTRY = 1;

    private final Bytes[] bodies;
    private final int[] operators;
    private final int[] starts;
    private final int[] frames;
    private final List<Closed> waiting = new ArrayList<>();
    private int operator;
    private boolean gathered;
    private long hash;

    private record Closed(int keyGroup, byte[] body) {}

    Departures(int keyGroups) {
        bodies = new Bytes[keyGroups];
        operators = new int[keyGroups];
        starts = new int[keyGroups];
        frames = new int[keyGroups];
    }

    /**
     * What follows is of this operator.
     *
     * @param toOne whether all its groups go to key group 0, whatever their own
     */
    void begin(int operatorNumber, boolean toOne) {
        operator = operatorNumber;
        gathered = toOne;
    }

    private int target(int keyGroup) {
        return gathered ? 0 : keyGroup;
    }

    @Override
    public Bytes begin(int keyGroup) {
        int to = target(keyGroup);
        Bytes body = bodies[to];
        if (body == null) {
            body = bodies[to] = new Bytes();
        }
        if (body.length() == 0 || operators[to] != operator) {
            operators[to] = operator;
            body.put(SECTION).putInt(operator);
        }
        body.put(ENTRY);
        starts[to] = body.length();
        return body;
    }

    @Override
    public void end(int keyGroup) {
        int to = target(keyGroup);
        Bytes body = bodies[to];
        hash += Hash.combine(operator, Hash.hash(body.array(), starts[to], body.length() - starts[to]));
        if (body.length() >= Frame.BYTES) {
            cut(to);
        }
    }

    private void cut(int keyGroup) {
        waiting.add(new Closed(keyGroup, bodies[keyGroup].toByteArray()));
        frames[keyGroup]++;
        bodies[keyGroup].clear();
    }

    /** Ends the epoch; returns by key group how many frames there are. */
    int[] finish() {
        for (int g = 0; g < bodies.length; g++) {
            if (bodies[g] != null && bodies[g].length() > 0) {
                cut(g);
            }
        }
        return frames.clone();
    }

    /** An order-independent hash of the entries since the last call. */
    long takeHash() {
        long taken = hash;
        hash = 0;
        return taken;
    }

    /** Sends what {@link #finish} has ended. */
    void send(int slot, long epoch, Exchange exchange) {
        for (Closed frame : waiting) {
            exchange.send(Exchange.partitionOf(frame.keyGroup), Frame.encode(Frame.Kind.ROWS, slot, epoch, frame.body));
        }
    }

    /** Forgets the epoch. */
    void clear() {
        waiting.clear();
        Arrays.fill(frames, 0);
        Arrays.stream(bodies).filter(body -> body != null).forEach(Bytes::clear);
    }
}
