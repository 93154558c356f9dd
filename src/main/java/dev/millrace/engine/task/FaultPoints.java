package dev.millrace.engine.task;

/** Called at each step of an epoch, so that tests can crash there; does nothing otherwise. */
@FunctionalInterface
public interface FaultPoints {

    FaultPoints NONE = step -> {};

    void reached(Step step);

    /** The steps, in order. */
    enum Step {
        BEFORE_SEND,
        BEFORE_COMMIT,
        AFTER_COMMIT,
        BEFORE_STATE_WRITE,
        AFTER_STATE_WRITE
    }
}
