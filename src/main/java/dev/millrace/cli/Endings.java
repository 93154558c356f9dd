package dev.millrace.cli;

import dev.millrace.api.EngineOutcome;
import dev.millrace.engine.QueryException;
import dev.millrace.engine.task.QueryRun;
import dev.millrace.state.StateHome;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** How runs of engines end, in the words that the operator knows. */
final class Endings {

    /** The end of a run that another start may help. */
    static final String CRASHED = "Crashed";

    private Endings() {}

    /** Runs until it ends; a state that another process still uses is waited for. */
    static EngineOutcome of(QueryRun run, long incarnation, Consumer<String> notices) throws InterruptedException {
        while (true) {
            try {
                return switch (run.run()) {
                    case COMPLETED -> new EngineOutcome("Completed", "", "", incarnation);
                    case STOPPED -> new EngineOutcome("Stopped", "", "", incarnation);
                    case LEFT -> new EngineOutcome("Left", "", "", incarnation);
                    case SUPERSEDED ->
                        new EngineOutcome("Superseded", "", "", run.metrics().incarnation());
                };
            } catch (QueryException e) {
                long epoch = run.metrics().figures().epoch();
                return new EngineOutcome("Failed", e.code(), shortened(e.getMessage()), incarnation, epoch);
            } catch (StateHome.StateInUseException e) {
                notices.accept(e.getMessage() + "; waiting for it");
                run.metrics().phase("waiting", e.getMessage());
                TimeUnit.SECONDS.sleep(1);
            } catch (RuntimeException e) {
                e.printStackTrace();
                return new EngineOutcome(CRASHED, "InternalError", shortened(e.toString()), incarnation);
            }
        }
    }

    /** Kubernetes keeps 4 KiB of a termination message. */
    private static String shortened(String text) {
        return text.length() > 2_000 ? text.substring(0, 2_000) + "…" : text;
    }
}
