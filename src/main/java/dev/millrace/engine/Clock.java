package dev.millrace.engine;

/** The time as the engine sees it, so that a simulation can make its own. */
public interface Clock {

    /** That of the machine. */
    Clock SYSTEM = new Clock() {
        @Override
        public long millis() {
            return System.currentTimeMillis();
        }

        @Override
        public long nanos() {
            return System.nanoTime();
        }

        @Override
        public void sleep(long millis) {
            try {
                Thread.sleep(millis);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    };

    /** Since 1970. */
    long millis();

    /** From an arbitrary beginning, never going back. */
    long nanos();

    /** Lets the time pass; sooner back where the thread is interrupted, which it then still is. */
    void sleep(long millis);
}
