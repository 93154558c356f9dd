package dev.millrace.operator.scaling;

/** What keeps a query from doing more. */
public enum Bottleneck {
    /** Its pods have used up their CPU. */
    Cpu("CPU"),
    /** Its pods wait for the disk, as their state does not lie in memory. */
    State("the disk: the state is larger than the memory for it"),
    /** Its pods clear their heaps more than they work. */
    Heap("the heap, which is too small"),
    /** Its pods have CPU to spare, but the threads that could use it have no more partitions to share. */
    Threads("the threads of a pod"),
    /** One pod has much more to do than the others. */
    Skew("one pod, which has much more to do than the others"),
    /** It waits for its sinks. */
    Sink("the sinks"),
    /** It waits for rows that the source has. */
    Source("the source"),
    /** It could do more than there is. */
    None("nothing");

    private final String words;

    Bottleneck(String words) {
        this.words = words;
    }

    /** Whether more of anything is of no use. */
    public boolean isBeyondScaling() {
        return this == Sink || this == Source || this == Skew || this == Heap;
    }

    public String words() {
        return words;
    }
}
